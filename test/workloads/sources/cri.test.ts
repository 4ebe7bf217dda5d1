/** The CRI source against a gRPC server on a real socket, which answers in bytes of the wire format. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import test, { type ExecutionContext } from 'ava'
import { CriSource } from '../../../src/workloads/sources/cri/cri.ts'
import { type CriAnswers, entry, field, message, startCriServer } from '../../support/cri-server.ts'

const VERSION = message(field(1, '0.1.0'), field(2, 'containerd'), field(3, '2.1.0'))
const METADATA = message(field(1, 'web-1'), field(2, 'uid-1'), field(3, 'shop'), field(4, 2))
const SANDBOX = message(
  field(1, 's'.repeat(64)),
  field(2, METADATA),
  field(4, 1_700_000_000_000_000_000),
  field(5, entry('app', 'web')),
  field(5, entry('secret', 'x')),
  field(6, entry('note', 'kept')),
  field(7, 'runc'),
)
const ENDED = message(field(1, 'e'.repeat(64)), field(2, METADATA), field(3, 1))
const CONTAINER = message(
  field(1, 'c'.repeat(64)),
  field(2, 's'.repeat(64)),
  field(3, message(field(1, 'main'), field(2, 1))),
  field(4, message(field(1, 'sha256:abc'), field(18, 'nginx:1.27'))),
  field(6, 1),
  field(7, 1_700_000_000_500_000_000),
)
const EXITED = message(field(1, 'x'.repeat(64)), field(2, 's'.repeat(64)), field(6, 2))

const GOOD: CriAnswers = {
  Version: VERSION,
  ListPodSandbox: message(field(1, SANDBOX), field(1, ENDED)),
  ListContainers: message(field(1, CONTAINER), field(1, EXITED)),
}

/** Serves the answers; gives the source, and the methods that were called. */
async function serve(t: ExecutionContext, answers: CriAnswers) {
  const directory = mkdtempSync(join(tmpdir(), 'cri-'))
  const socket = join(directory, 'cri.sock')
  const { server, called } = await startCriServer(socket, answers)
  const kept = { labels: new Set(['app']), annotations: new Set(['note']) }
  const source = new CriSource(socket, kept)
  t.teardown(() => {
    source.close()
    server.forceShutdown()
    rmSync(directory, { recursive: true, force: true })
  })
  return { source, called, server, list: () => source.list(new AbortController().signal) }
}

test('pods, their sandboxes and their running containers', async (t) => {
  const { list, called } = await serve(t, GOOD)
  const { containers, pods } = await list()
  const pod = {
    uid: 'uid-1',
    cgroupUid: 'uid-1',
    name: 'web-1',
    namespace: 'shop',
    labels: new Map([['app', 'web']]),
    annotations: new Map([['note', 'kept']]),
  }
  t.deepEqual(pods, [pod])
  t.deepEqual(containers, [
    { id: 's'.repeat(64), name: '', isSandbox: true, runtime: 'containerd', pod },
    {
      id: 'c'.repeat(64),
      name: 'main',
      isSandbox: false,
      runtime: 'containerd',
      image: 'nginx:1.27',
      startedAt: 1_700_000_000.5,
      pod,
    },
  ])
  await list()
  t.deepEqual(called.filter((name) => name === 'Version').length, 1)
  t.deepEqual([...new Set(called)].sort(), ['ListContainers', 'ListPodSandbox', 'Version'])
})

test('an image that the runtime knows by id only gets the name that it was pulled by', async (t) => {
  const id = `sha256:${'a'.repeat(64)}`
  const bare = message(
    field(1, 'c'.repeat(64)),
    field(2, 's'.repeat(64)),
    field(3, message(field(1, 'main'))),
    field(4, message(field(1, id))),
    field(6, 1),
  )
  const image = message(field(1, id), field(2, 'docker.io/library/nginx:1.27'))
  const answers = {
    ...GOOD,
    ListContainers: message(field(1, bare)),
    ListImages: message(field(1, image)),
  }
  const { list, called } = await serve(t, answers)
  t.is((await list()).containers.at(-1)?.image, 'docker.io/library/nginx:1.27')
  await list()
  t.is(called.filter((name) => name === 'ListImages').length, 1)
  const without = await serve(t, { ...answers, ListImages: status.UNIMPLEMENTED })
  t.is((await without.list()).containers.at(-1)?.image, id)
})

test('a list of megabytes', async (t) => {
  const many = Array.from({ length: 20_000 }, () => field(1, SANDBOX))
  const { list } = await serve(t, { ...GOOD, ListPodSandbox: message(...many) })
  t.is((await list()).containers.length, 20_001)
})

test('a runtime without CRI v1 says so', async (t) => {
  const { list } = await serve(t, {})
  const error = await t.throwsAsync(list)
  t.regex(error?.message ?? '', /cri\.sock: Version: .*\(gRPC 12\); does the runtime serve CRI v1/)
})

test('garbage is an error, cut short at any byte or not', async (t) => {
  const whole = message(field(1, CONTAINER))
  for (const length of [1, 5, 40, 70, whole.length - 1]) {
    const { list } = await serve(t, { ...GOOD, ListContainers: whole.subarray(0, length) })
    await t.throwsAsync(list, { message: /ListContainers/ }, `${length} bytes`)
  }
  const { list } = await serve(t, { ...GOOD, ListContainers: Buffer.from([0x0f, 1, 2]) })
  await t.throwsAsync(list, { message: /ListContainers/ })
})

test('a socket that is not there, and one that comes back', async (t) => {
  const missing = new CriSource('/nonexistent/cri.sock', {
    labels: new Set(),
    annotations: new Set(),
  })
  t.teardown(() => missing.close())
  const error = await t.throwsAsync(() => missing.list(new AbortController().signal))
  t.regex(error?.message ?? '', /^\/nonexistent\/cri\.sock: Version: .*\(gRPC 14\)/)
})

test('a list that is not wanted any more is given up', async (t) => {
  const { source } = await serve(t, GOOD)
  await t.throwsAsync(() => source.list(AbortSignal.abort()), { message: /gRPC 1\)/ })
})
