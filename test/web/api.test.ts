/** The API of the page, on a server, with a recorder that is fed by hand. */
import test, { type ExecutionContext } from 'ava'
import { Recorder } from '../../src/recorder/recorder.ts'
import { apiRoutes } from '../../src/web/api/api.ts'
import { startWebServer } from '../../src/web/server.ts'
import { serveProtected } from '../support/protected-server.ts'
import { type Reading, snapshotOf } from '../support/snapshots.ts'
import { limitsWith } from '../support/web-limits.ts'

const T = 1_800_000_000
const ATTRIBUTES = Object.fromEntries(
  ['a', 'b', 'c'].map((name) => [name, { 'procgroup.name': name, 'cpu.mode': 'user' }]),
)

function recorder(): Recorder {
  return new Recorder({
    interval: 1000,
    window: 60_000,
    max_memory: 16 * 1024 ** 2,
    cpus: 4,
    memory: 1e9,
    hasSamples: false,
  })
}

function feed(one: Recorder, second: number, cpu: Record<string, number>): void {
  const readings = Object.entries(cpu).map(
    ([name, value]): Reading => ['procgroup.cpu.time', ATTRIBUTES[name], value],
  )
  one.record(snapshotOf(T + second, readings))
}

function routes(one: Recorder, hasPast = true) {
  return apiRoutes({
    look: async () => ({ recorder: one, hasPast, groupInterval: 1000, node: 'n1' }),
    agent: () => ({ version: '1' }),
    explain: async () => ({ status: 403, body: { error: 'no' } }),
  })
}

async function serve(t: ExecutionContext, one: Recorder, hasPast?: boolean) {
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map(routes(one, hasPast)),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  const get = async (path: string) => {
    const response = await fetch(server.url + path)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }
  return { get, url: server.url }
}

interface Live {
  instance: number
  revision: number
  reset: boolean
  time: number
  entities: { id: number; key: string; kind: string; ended?: number }[]
  values: [id: number, ...(number | null)[]][]
  removed: number[]
  sparks?: [number, (number | null)[]][]
  kinds?: Record<string, string[]>
  recorder: object | null
}

test('the first answer has everything, a later one what has changed since', async (t) => {
  const one = recorder()
  feed(one, 0, { a: 0, b: 0, c: 0 })
  feed(one, 1, { a: 1, b: 0.5, c: 0 })
  const { get } = await serve(t, one)
  const first = (await get('/api/v1/live?sparks=1')).body as Live
  t.true(first.reset)
  t.deepEqual(first.entities.map(({ key }) => key).sort(), [
    'group:{"procgroup.name":"a"}',
    'group:{"procgroup.name":"b"}',
    'group:{"procgroup.name":"c"}',
    'node',
  ])
  const a = first.entities.find(({ key }) => key.includes('"a"'))?.id as number
  t.is(first.values.find(([id]) => id === a)?.[1], 1)
  t.is(first.sparks?.find(([id]) => id === a)?.[1].at(-1), 1)
  t.is(first.kinds?.group[0], 'cpu')

  const since = `/api/v1/live?instance=${first.instance}&since=${first.revision}`
  const same = (await get(since)).body as Live
  t.false(same.reset)
  t.deepEqual([same.entities, same.values, same.removed], [[], [], []])

  feed(one, 2, { a: 2, b: 2.5 })
  const next = (await get(since)).body as Live
  // a used as much as before, b more, c is not there any more.
  t.deepEqual(
    next.values.map(([, cpu]) => cpu),
    [2],
  )
  t.deepEqual(
    next.entities.map(({ ended }) => ended),
    [T + 1],
  )

  feed(one, 62, { a: 3 })
  const c = next.entities[0].id
  t.true(((await get(since)).body as Live).removed.includes(c))
})

test('what another instance told means nothing', async (t) => {
  const one = recorder()
  feed(one, 0, { a: 0 })
  const { get } = await serve(t, one)
  const answer = (await get('/api/v1/live?instance=5&since=1')).body as Live
  t.true(answer.reset)
  t.is(answer.entities.length, 2)
})

test('the past of an entity, whole or from a time on, and no more points than asked for', async (t) => {
  const one = recorder()
  for (let second = 0; second <= 50; second++) feed(one, second, { a: second ** 2 / 100 })
  const { get } = await serve(t, one)
  const { entities } = (await get('/api/v1/live')).body as Live
  const id = entities.find(({ kind }) => kind === 'group')?.id
  const all = (await get(`/api/v1/series?id=${id}`)).body as Series
  t.is(all.step, 1)
  t.is(all.start + (all.figures.cpu.length - 1) * all.step, T + 50)
  t.is(all.figures.cpu.at(-1), 0.99)
  t.is(all.units.cpu, '{cpu}')
  const late = (await get(`/api/v1/series?id=${id}&from=${T + 41}`)).body as Series
  t.is(late.start, T + 41)
  t.deepEqual(late.figures.cpu, all.figures.cpu.slice(-10))
  const coarse = (await get(`/api/v1/series?id=${id}&from=${T + 41}&points=2`)).body as Series
  t.is(coarse.step, 5)
  // The largest stands for several.
  t.deepEqual(coarse.figures.cpu, [late.figures.cpu[4], late.figures.cpu[9]])
})

interface Series {
  start: number
  step: number
  figures: Record<string, (number | null)[]>
  units: Record<string, string>
}

test('wrong questions have an answer that says what is wrong', async (t) => {
  const one = recorder()
  feed(one, 0, { a: 0 })
  const { get } = await serve(t, one)
  for (const [path, status, reason] of [
    ['/api/v1/series', 400, /id must be a number/],
    ['/api/v1/series?id=x', 400, /id must be a number/],
    ['/api/v1/series?id=-1', 400, /id must be a number/],
    ['/api/v1/series?id=99999', 404, /no entity 99999/],
    ['/api/v1/live?since=1e9', 400, /since must be a number/],
    ['/api/v1/explain?pid=1', 403, /no/],
  ] as const) {
    const answer = await get(path)
    t.is(answer.status, status, path)
    t.regex((answer.body as { error: string }).error, reason)
    t.regex(answer.headers.get('content-type') ?? '', /^application\/json/)
  }
  const withoutPast = await serve(t, one, false)
  const none = await withoutPast.get('/api/v1/series?id=1')
  t.is(none.status, 404)
  t.regex((none.body as { error: string }).error, /recorder\.enabled/)
})

test('answers are compressed, not kept, and bounded in number', async (t) => {
  const one = recorder()
  feed(one, 0, { a: 0 })
  const gate = Promise.withResolvers<void>()
  const server = await startWebServer({
    host: '127.0.0.1',
    port: 0,
    routes: new Map(
      apiRoutes({
        look: async () => {
          await gate.promise
          return { recorder: one, hasPast: true, groupInterval: 1000, node: 'n1' }
        },
        agent: () => ({}),
        explain: async () => ({ status: 404, body: {} }),
      }),
    ),
    limits: limitsWith(),
  })
  t.teardown(() => server.close(100))
  const asked = Array.from({ length: 8 }, () => fetch(`${server.url}/api/v1/live`))
  let status = 200
  while (status !== 503) {
    status = await Promise.race([
      fetch(`${server.url}/api/v1/live`).then((response) => response.status),
      new Promise<number>((resolve) => setTimeout(resolve, 50, 0)),
    ])
  }
  gate.resolve()
  for (const response of await Promise.all(asked)) {
    t.is(response.status, 200)
    t.is(response.headers.get('content-encoding'), 'gzip')
    t.is(response.headers.get('cache-control'), 'no-store')
  }
  t.is((await fetch(`${server.url}/api/v1/live`)).status, 200)
})

test('the API is protected as everything else is', async (t) => {
  const one = recorder()
  const hash = '$2y$04$bZMtNpmTcHFRpRgsqDaEV.Hv.dCc.iYUqqjIkHLyD6u9TgRFiFTG.'
  const { url } = await serveProtected(
    t,
    `basic_auth_users: {anna: "${hash}"}\n`,
    Object.fromEntries(routes(one)),
  )
  for (const path of ['live', 'series?id=1', 'agent', 'explain?pid=1']) {
    const { status } = await fetch(`${url}/api/v1/${path}`)
    t.is(status, 401, path)
  }
})
