/** What a measurement is called on /metrics, in each of the vocabularies that have it. */
import type { MetricDefinition, MetricTable, Naming } from './definitions.ts'
import { labelName, prometheusName } from './prometheus/names.ts'

/** The name of a measurement on /metrics in one vocabulary. */
export interface ExpositionName {
  readonly naming: Naming
  readonly family: string
  /** Labels that every sample has. */
  readonly labels: readonly [label: string, value: string][]
  /** The value there for 1 of the definition's unit. */
  readonly scale: number
}

/** Its names, OpenTelemetry's last. */
export function namesOf({ otel, classic, cadvisor, kind }: MetricDefinition): ExpositionName[] {
  const names: ExpositionName[] = []
  const add = (naming: Naming, family: string, attributes: object = {}, scale = 1) => {
    const labels = Object.entries(attributes).map(([key, value]): [string, string] => [
      labelName(key),
      String(value),
    ])
    names.push({ naming, family, labels, scale })
  }
  if (classic !== undefined) add('classic', classic.name, classic.attributes, classic.scale)
  if (cadvisor !== undefined) add('cadvisor', cadvisor.name, cadvisor.attributes, cadvisor.scale)
  add('otel', prometheusName(otel.name, otel.unit, kind), otel.attributes)
  return names
}

/** As it appears when these are served: without a name in any of them, under that of OpenTelemetry. */
export function expositionName(
  definition: MetricDefinition,
  namings: readonly Naming[],
): ExpositionName {
  const names = namesOf(definition)
  return names.find(({ naming }) => namings.includes(naming)) ?? (names.at(-1) as ExpositionName)
}

/** The label of an attribute in a vocabulary; undefined where that leaves the attribute out. */
export function expositionLabel(
  { keys }: MetricTable,
  attribute: string,
  naming: Naming,
): string | undefined {
  const other = naming === 'otel' ? undefined : keys[attribute]?.[naming]
  return other === false ? undefined : labelName(other ?? attribute)
}
