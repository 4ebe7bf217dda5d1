import test from 'ava'
import { COLLECTORS } from '../../src/collectors/registry.ts'
import { now } from '../../src/telemetry/clock.ts'
import { type MetricDefinition, NAMINGS } from '../../src/telemetry/definitions.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { expositionLabel, expositionName } from '../../src/telemetry/exposition-names.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { parseSamples } from '../support/exposition.ts'
import { servedText } from '../support/served-text.ts'

for (const naming of NAMINGS) {
  test(`every measurement is shown as it is served: ${naming}`, async (t) => {
    const tables = COLLECTORS.flatMap(({ tables }) => tables())
    t.true(tables.length > 20)
    for (const table of tables) {
      const identity = Object.fromEntries(Object.keys(table.keys).map((key) => [key, 'x']))
      for (const [key, definition] of Object.entries<MetricDefinition>(table.metrics)) {
        const register: Parameters<typeof servedText>[1] = (meter) => {
          const { measurements, observables } = createInstruments(meter, table)
          const entity = new Entity(identity, now())
          meter.addBatchObservableCallback(
            (result) => measurements[key].observe(result, entity, 1),
            observables,
          )
        }
        const served = parseSamples(await servedText(table.scope, register, [naming])())
        const { naming: shownIn, family, labels, scale } = expositionName(definition, [naming])
        const identified = Object.keys(table.keys)
          .filter((attribute) => !(attribute in (definition.otel.attributes ?? {})))
          .flatMap((attribute) => expositionLabel(table, attribute, shownIn) ?? [])
          .map((label) => [label, 'x'])
        t.deepEqual(
          served.map(({ name, value }) => ({ name, value })),
          [{ name: family, value: scale }],
          key,
        )
        const expected = new Map([...identified, ...labels] as [string, string][])
        for (const [label, value] of expected) {
          // Attributes that share a label share its value, too.
          const values = served[0]?.labels[label]?.split(';') ?? []
          t.deepEqual([...new Set(values)], [value], `${key} ${label}`)
        }
      }
    }
  })
}
