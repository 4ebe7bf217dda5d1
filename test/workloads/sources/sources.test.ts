/** Which sources there are, found by sockets and files on disk. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createSources, type SourceSettings } from '../../../src/workloads/sources/sources.ts'

const SETTINGS: SourceSettings = {
  sources: ['auto'],
  cri_socket: undefined,
  host_root: undefined,
  kubelet: undefined,
  kubelet_insecure: false,
  labels: [],
  annotations: [],
}

/** A directory that is a node's root, with a socket that somebody listens at. */
async function hostWith(t: ExecutionContext, socket: string): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'host-'))
  mkdirSync(dirname(join(root, socket)), { recursive: true })
  const server = createServer((connection) => connection.destroy())
  await new Promise<void>((resolve) => server.listen(join(root, socket), resolve))
  t.teardown(() => {
    server.close()
    rmSync(root, { recursive: true })
  })
  return root
}

function namesOf(t: ExecutionContext, settings: Partial<SourceSettings>): string[] {
  const context = { nodeName: undefined, environment: {} }
  const sources = createSources({ ...SETTINGS, ...settings }, context)
  t.teardown(() => {
    for (const source of sources) source.close()
  })
  return sources.map(({ name }) => name)
}

test('sockets of runtimes are found below the root of the node', async (t) => {
  const host_root = await hostWith(t, 'run/k3s/containerd/containerd.sock')
  t.true(namesOf(t, { host_root }).includes('cri'))
  t.true(namesOf(t, { host_root: `${host_root}/` }).includes('cri'))
})

test('a socket that is named is looked for below the root of the node, too', async (t) => {
  const host_root = await hostWith(t, 'opt/runtime.sock')
  const sources = ['cri'] as const
  const cri_socket = 'unix:///opt/runtime.sock'
  const [source] = createSources(
    { ...SETTINGS, sources, cri_socket, host_root },
    { nodeName: undefined, environment: {} },
  )
  t.teardown(() => source?.close())
  const error = await t.throwsAsync(source?.list(AbortSignal.timeout(5000)))
  // Whoever listens there is no runtime; what counts is where the agent asked.
  t.regex(error.message, new RegExp(join(host_root, 'opt/runtime.sock')))
})

test('a root that may not be entered gives a source that fails, not none', async (t) => {
  const [source] = createSources(
    { ...SETTINGS, sources: ['cri'], host_root: '/proc/1/nothing' },
    { nodeName: undefined, environment: {} },
  )
  t.teardown(() => source?.close())
  const error = await t.throwsAsync(source?.list(AbortSignal.timeout(5000)))
  t.regex(error.message, /\/proc\/1\/nothing/)
})
