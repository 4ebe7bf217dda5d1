/** Docker's source against an HTTP server on a real socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DockerSource } from '../../../src/workloads/sources/docker.ts'

async function serve(t: ExecutionContext, body: string, code = 200) {
  const directory = mkdtempSync(join(tmpdir(), 'docker-'))
  const socket = join(directory, 'docker.sock')
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.writeHead(code).end(body)
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  const source = new DockerSource('docker', socket)
  t.teardown(() => {
    source.close()
    server.close()
    rmSync(directory, { recursive: true })
  })
  return { asked, list: () => source.list(new AbortController().signal) }
}

const PLAIN = { Id: 'a', Names: ['/web'], Image: 'nginx', Created: 1_700_000_000, Labels: {} }
const OF_POD = {
  Id: 'b',
  Names: ['/k8s_main_web_shop_uid_0'],
  Labels: {
    'io.kubernetes.docker.type': 'container',
    'io.kubernetes.container.name': 'main',
    'io.kubernetes.pod.name': 'web',
    'io.kubernetes.pod.namespace': 'shop',
    'io.kubernetes.pod.uid': 'u',
  },
}
const SANDBOX = {
  ...OF_POD,
  Id: 'c',
  Labels: { ...OF_POD.Labels, 'io.kubernetes.docker.type': 'podsandbox' },
}

test('containers of the host, and those that cri-dockerd made', async (t) => {
  const { asked, list } = await serve(t, JSON.stringify([PLAIN, OF_POD, SANDBOX]))
  const { containers, pods } = await list()
  t.deepEqual(asked, ['GET /containers/json'])
  t.deepEqual(containers[0], {
    id: 'a',
    name: 'web',
    isSandbox: false,
    runtime: 'docker',
    image: 'nginx',
    startedAt: 1_700_000_000,
  })
  t.like(containers[1], { name: 'main', isSandbox: false, pod: { name: 'web', namespace: 'shop' } })
  t.like(containers[2], { name: '', isSandbox: true, pod: { uid: 'u' } })
  t.is(pods.length, 2)
})

test('what is no list of containers', async (t) => {
  for (const [body, reason] of [
    ['{"message": "x"}', /docker\.sock: the answer is no list/],
    ['[', /docker\.sock: the answer is not JSON/],
    ['', /not JSON/],
  ] as const) {
    const { list } = await serve(t, body)
    await t.throwsAsync(list, { message: reason })
  }
  const { list } = await serve(t, 'no', 403)
  await t.throwsAsync(list, { message: /GET \/containers\/json gives status 403/ })
  const odd = await serve(t, '[null, 1, {}, {"Id": 5}, {"Id": "x", "Names": 3, "Labels": null}]')
  t.like((await odd.list()).containers, { length: 1, 0: { id: 'x', name: '' } })
})

test('nobody listens', async (t) => {
  const source = new DockerSource('podman', '/nonexistent/podman.sock')
  await t.throwsAsync(() => source.list(new AbortController().signal), {
    message: /^\/nonexistent\/podman\.sock: .*ENOENT/,
  })
})
