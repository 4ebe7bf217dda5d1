import test from 'ava'
import type { Resource } from '../../src/collectors/cgroups/cgroup-files.ts'
import { LEVELS, NODE_METRICS, rowKey } from '../../src/collectors/cgroups/definitions.ts'
import type { Stall } from '../../src/kernel/psi.ts'
import { Entity } from '../../src/telemetry/entity.ts'
import { createInstruments } from '../../src/telemetry/instruments.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { psiRoute } from '../../src/web/psi-route.ts'
import { startWebServer } from '../../src/web/server.ts'
import { limitsWith } from '../support/web-limits.ts'

/** A snapshot of pressures that some containers and the node have. */
async function snapshot() {
  const meter = new ObservableMeter({ name: 'cgroups' }, [0, 0])
  const containers = createInstruments(meter, LEVELS.container.table)
  const node = createInstruments(meter, NODE_METRICS)
  const row = (resource: Resource, type: 'some' | 'full', field: keyof Stall) =>
    rowKey({ resource, type, field })
  meter.addBatchObservableCallback(
    (result) => {
      const pod = { 'k8s.namespace.name': 'shop', 'k8s.pod.name': 'web' }
      const calm = new Entity({}, [0, 0], { ...pod, 'container.id': 'abc' })
      const busy = new Entity({}, [0, 0], {
        ...pod,
        ...{ 'k8s.container.name': 'main', 'container.id': 'def' },
      })
      const { measurements } = containers
      measurements[row('cpu', 'some', 'avg10')].observe(result, calm, 0.01)
      measurements[row('cpu', 'some', 'avg10')].observe(result, busy, 0.5)
      measurements[row('cpu', 'some', 'avg300')].observe(result, busy, 0.25)
      measurements[row('io', 'full', 'total')].observe(result, busy, 12.5)
      measurements.cpuLimit.observe(result, busy, 1)
      const all = new Entity({}, [0, 0])
      node.measurements[row('memory', 'some', 'avg60')].observe(result, all, 0)
    },
    [...containers.observables, ...node.observables],
  )
  const { scopeMetrics } = await meter.collect([1, 0])
  return { time: [1, 0] as [number, number], scopes: [scopeMetrics] }
}

async function serve(t: { teardown: (end: () => unknown) => void }, of = snapshot) {
  const routes = new Map([['/psi', psiRoute(of)]])
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes,
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  return `${server.url}/psi`
}

test('a table, the worst first', async (t) => {
  const text = await (await fetch(await serve(t))).text()
  const [header, ...lines] = text.trimEnd().split('\n')
  t.regex(header, /^ +cpu some 10s\/1m\/5m % +memory some/)
  t.deepEqual(
    lines.map((line) => line.split(/ {2,}/)),
    [
      ['shop/web/main', '50.00 - 25.00', '-', '-', '-', '- - -'],
      ['shop/web/abc', '1.00 - -', '-', '-', '-', '-'],
      ['node', '-', '- 0.00 -', '-', '-', '-'],
    ],
  )
})

test('JSON by header or by query', async (t) => {
  const url = await serve(t)
  const asked = [
    await fetch(url, { headers: { accept: 'application/json' } }),
    await fetch(`${url}?format=json`, { headers: { accept: 'text/plain' } }),
  ]
  for (const response of asked) {
    const [first, ...rest] = (await response.json()) as object[]
    t.deepEqual(first, {
      subject: 'container',
      attributes: {
        'k8s.namespace.name': 'shop',
        'k8s.pod.name': 'web',
        'k8s.container.name': 'main',
        'container.id': 'def',
      },
      pressures: {
        cpu: { some: { avg10: 0.5, avg300: 0.25 } },
        io: { full: { total: 12.5 } },
      },
    })
    t.is(rest.length, 2)
  }
  t.regex(await (await fetch(`${url}?format=text`)).text(), /^ +cpu some/)
})

test('nothing is read: it says so', async (t) => {
  const url = await serve(t, async () => ({ time: [1, 0], scopes: [] }))
  t.regex(await (await fetch(url)).text(), /^no pressure is read/)
})

test('names are escaped in both forms', async (t) => {
  const named = async () => {
    const meter = new ObservableMeter({ name: 'cgroups' }, [0, 0])
    const { measurements, observables } = createInstruments(meter, LEVELS.container.table)
    const name = 'a\x1b[31m\n\u202e\u009b'
    const entity = new Entity({}, [0, 0], { 'container.name': name, 'container.id': 'abc' })
    const key = rowKey({ resource: 'cpu', type: 'some', field: 'avg10' })
    meter.addBatchObservableCallback(
      (result) => measurements[key].observe(result, entity, 0.5),
      observables,
    )
    const { scopeMetrics } = await meter.collect([1, 0])
    return { time: [1, 0] as [number, number], scopes: [scopeMetrics] }
  }
  const url = await serve(t, named)
  const table = await (await fetch(url)).text()
  t.is(table.trimEnd().split('\n').length, 2)
  t.regex(table, /a\\u001b\[31m\\u000a\\u202e\\u009b/)
  t.notRegex(table, /[\x1b\u202e\u009b]/)
  const json = await (await fetch(`${url}?format=json`)).text()
  t.notRegex(json, /[\x1b\u202e\u009b]/)
  t.is(JSON.parse(json)[0].attributes['container.name'], 'a\x1b[31m\n\u202e\u009b')
})
