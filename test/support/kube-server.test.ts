/** Kubernetes' own client takes the simulated API server for one. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { makeCertificates } from './certificates.ts'
import { somePod } from './kube-objects.ts'
import { type KubeServer, startKubeServer, until } from './kube-server.ts'
import { skip } from './skip.ts'

const run = promisify(execFile)

async function setUp(t: ExecutionContext) {
  const files = makeCertificates(t, 'IP:127.0.0.1')
  if (files === undefined) return skip(t, 'there is no openssl')
  try {
    await run('kubectl', ['version', '--client'])
  } catch {
    return skip(t, 'there is no kubectl')
  }
  const server = await startKubeServer(files)
  const home = mkdtempSync(join(tmpdir(), 'kubectl-'))
  t.teardown(() => {
    server.close()
    rmSync(home, { recursive: true })
  })
  return { server, options: optionsOf(server, files.certificate, home) }
}

function optionsOf({ port, token }: KubeServer, certificate: string, home: string): string[] {
  return [
    '--kubeconfig=/dev/null',
    `--server=https://127.0.0.1:${port}`,
    `--certificate-authority=${certificate}`,
    `--token=${token}`,
    `--cache-dir=${home}`,
  ]
}

const GET = ['get', 'pods', '--all-namespaces', '--field-selector=spec.nodeName=node-a']

test('kubectl lists in pages, and is refused', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server, options } = set
  for (let i = 1; i <= 25; i++) server.put(somePod(i))
  server.put(somePod(26, { nodeName: 'node-b' }))
  const list = () => run('kubectl', [...options, ...GET, '--chunk-size=10', '--output=name'])
  const { stdout } = await list()
  t.is(stdout.trim().split('\n').length, 25)
  t.is(server.requests.length, 3)
  server.isAllowed = false
  await t.throwsAsync(list(), { message: /Forbidden/ })
  server.token = 'another'
  await t.throwsAsync(list(), { message: /Unauthorized|logged in/ })
})

test('kubectl watches', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server, options } = set
  server.put(somePod(1))
  const columns = '--output=custom-columns=TYPE:.type,NAME:.object.metadata.name'
  const kubectl = spawn('kubectl', [
    ...options,
    ...GET,
    columns,
    '--watch',
    '--output-watch-events',
    '--no-headers',
  ])
  t.teardown(() => kubectl.kill())
  const output = outputOf(kubectl)
  await until(() => server.watches.length === 1)
  server.put(somePod(2))
  server.put(somePod(2))
  server.watches[0]?.bookmark()
  server.delete(somePod(1))
  await until(() => output().includes('DELETED'))
  t.deepEqual(
    output()
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/)),
    [
      ['ADDED', 'fluent-bit-1'],
      ['ADDED', 'fluent-bit-2'],
      ['MODIFIED', 'fluent-bit-2'],
      ['BOOKMARK', '<none>'],
      ['DELETED', 'fluent-bit-1'],
    ],
  )
})

function outputOf({ stdout }: ChildProcess): () => string {
  let output = ''
  stdout?.on('data', (chunk) => {
    output += chunk
  })
  return () => output
}
