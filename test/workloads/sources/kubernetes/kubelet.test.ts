import { rmSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { KubeletSource } from '../../../../src/workloads/sources/kubernetes/kubelet.ts'
import { containerId, somePod } from '../../../support/kube-objects.ts'
import { until } from '../../../support/kube-server.ts'
import { KEPT, PATIENT, setUp } from './set-up.ts'

test('pods and containers of a node', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const source = new KubeletSource({ peer: set.peer, kept: KEPT })
  t.deepEqual(await source.list(PATIENT), { pods: [], containers: [] })
  for (let i = 1; i <= 300; i++) set.server.put(somePod(i))
  set.server.put(somePod(301, { status: { phase: 'Succeeded' } }))
  set.server.put(somePod(302, { metadata: { name: undefined } }))
  const { pods, containers } = await source.list(PATIENT)
  t.is(pods.length, 300)
  t.deepEqual(
    containers.map(({ id }) => id),
    Array.from({ length: 300 }, (_, index) => containerId(index + 1)),
  )
  t.is(containers[0]?.pod, pods[0])
  t.is(source.omitted, 1)
  source.close()
  await t.throwsAsync(source.list(PATIENT), { message: /closed/ })
})

test('a token is read again when it was replaced', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const source = new KubeletSource({ peer: set.peer, kept: KEPT })
  await source.list(PATIENT)
  set.rotate('secret-2')
  await source.list(PATIENT)
  t.deepEqual(
    set.server.requests.map(({ isAuthentic }) => isAuthentic),
    [true, true],
  )
})

test('refusals say which right is missing, and no secret', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server, peer } = set
  const source = new KubeletSource({ peer, kept: KEPT })
  const message = async () => {
    const error = await t.throwsAsync(source.list(PATIENT), { name: 'PeerError' })
    t.false(error.message.includes('secret-1'), error.message)
    t.true(error.message.startsWith(`https://127.0.0.1:${server.port}/pods`), error.message)
    return error.message
  }
  server.isAllowed = false
  t.regex(await message(), /403 Forbidden.*system:serviceaccount:x:y.*get on nodes\/pods/)
  server.token = 'another'
  t.regex(await message(), /401 Unauthorized.*token.*expired/)
  server.answers.push(
    { status: 401, body: 'who is secret-1?' },
    { status: 404, body: '404 page not found' },
    { status: 500, body: '{"message":"a\\nb"}' },
    { status: 503, body: 'x'.repeat(100_000) },
    { status: 302, headers: { location: '/login' } },
    { status: 500, body: 'half', isCut: true },
    { body: '<html>', headers: { 'content-type': 'text/html' } },
    { body: '{"kind":"PodList","items":[{"metadata":', isCut: true },
  )
  t.regex(await message(), /who is …\?/)
  t.regex(await message(), /404.*enableDebuggingHandlers/)
  t.regex(await message(), /500 .*: a b$/)
  t.true((await message()).length < 500)
  t.regex(await message(), /302 Found/)
  t.regex(await message(), /500/)
  t.regex(await message(), /not a list of pods/)
  t.regex(await message(), /broke the answer off/)
})

test('certificates', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { peer, otherCaFile } = set
  const list = (change: Partial<typeof peer>) =>
    new KubeletSource({ peer: { ...peer, ...change }, kept: KEPT }).list(PATIENT)
  await t.throwsAsync(list({ caFile: otherCaFile }), { message: /certificate is self-signed/ })
  await t.throwsAsync(list({ host: 'localhost' }), { message: /certificate is for another name/ })
  await t.throwsAsync(list({ serverName: 'x.example' }), { message: /is for another name/ })
  await t.notThrowsAsync(list({ caFile: otherCaFile, insecure: true }))
  t.is(set.server.requests.length, 1)
})

test('files that are missing or are something else', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { peer } = set
  const list = () => new KubeletSource({ peer, kept: KEPT }).list(PATIENT)
  writeFileSync(peer.tokenFile, 'a\nb')
  await t.throwsAsync(list(), { message: /token holds no bearer token/ })
  writeFileSync(peer.tokenFile, ' \n')
  await t.throwsAsync(list(), { message: /token holds no bearer token/ })
  rmSync(peer.tokenFile)
  await t.throwsAsync(list(), { message: /can't read the token.*ENOENT.*automount/ })
  set.rotate('secret-3')
  writeFileSync(peer.caFile, 'garbage')
  await t.throwsAsync(list(), { message: /holds no certificate/ })
  writeFileSync(peer.caFile, '-----BEGIN CERTIFICATE-----\ngarbage\n-----END CERTIFICATE-----\n')
  await t.throwsAsync(list(), { name: 'PeerError' })
  rmSync(peer.caFile)
  await t.throwsAsync(list(), { message: /can't read the certificate authority.*ENOENT/ })
})

test('nobody there', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  set.server.close()
  const source = new KubeletSource({ peer: set.peer, kept: KEPT })
  await t.throwsAsync(source.list(PATIENT), { message: /ECONNREFUSED/ })
})

test('a request that hangs ends with its signal, and with the source', async (t) => {
  const set = await setUp(t)
  if (set === undefined) return
  const { server, peer } = set
  const source = new KubeletSource({ peer, kept: KEPT })
  server.answers.push({ body: '{"kind":', hangs: true }, { body: '{"kind":', hangs: true })
  const impatient = new AbortController()
  const first = source.list(impatient.signal)
  await until(() => server.requests.length === 1)
  impatient.abort(new Error('enough'))
  await t.throwsAsync(first, { message: 'enough' })
  const second = source.list(PATIENT)
  await until(() => server.requests.length === 2)
  source.close()
  await t.throwsAsync(second, { message: /closed/ })
})
