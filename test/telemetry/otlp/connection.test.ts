import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ServerCredentials } from '@grpc/grpc-js'
import test from 'ava'
import { OtlpReader } from '../../../src/telemetry/otlp/reader.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import { makeAuthority } from '../../support/authority.ts'
import { makeCertificates } from '../../support/certificates.ts'
import { provide, someProducer } from '../../support/metrics.ts'
import { startReceiver } from '../../support/receiver.ts'
import { skip } from '../../support/skip.ts'
import { isWhole, SETTINGS, setUp } from './set-up.ts'

test('headers and compression arrive', async (t) => {
  const { receiver, reader } = await setUp(t, {
    settings: { headers: new Map([['authorization', 'Bearer x']]), compression: 'gzip' },
  })
  await reader.forceFlush()
  isWhole(t, receiver, 10)
  t.deepEqual(receiver.metadata.get('authorization'), ['Bearer x'])
})

test('a request that hangs ends with the time of the push', async (t) => {
  const { receiver, reader } = await setUp(t, {
    settings: { export_timeout: 500, timeout: 3_600_000 },
  })
  const gate = Promise.withResolvers<void>()
  receiver.answers.push({ after: gate.promise })
  await reader.forceFlush()
  gate.resolve()
  t.deepEqual([...reader.counts.failed], [['DEADLINE_EXCEEDED', 10]])
})

test('TLS, with certificates on both sides', async (t) => {
  const files = makeCertificates(t)
  if (files === undefined) return skip(t, 'there is no openssl')
  const { key, certificate } = files
  const credentials = ServerCredentials.createSsl(
    readFileSync(certificate),
    [{ private_key: readFileSync(key), cert_chain: readFileSync(certificate) }],
    true,
  )
  const receiver = await startReceiver({ credentials })
  t.teardown(() => receiver.close())
  const push = async (settings: Partial<OtlpSettings>) => {
    const logger = { info: () => {}, warn: () => {} }
    const endpoint = `https://localhost:${receiver.port}`
    const all = { ...SETTINGS, endpoint, certificate, ...settings }
    const reader = new OtlpReader({ producer: someProducer(5), settings: all, logger })
    provide(reader)
    await reader.forceFlush()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
    return reader.counts.exported
  }
  t.is(await push({ export_timeout: 500 }), 0)
  t.true((await push({ client_key: key, client_certificate: certificate })) > 0)
})

test('certificates that are replaced are taken into use; a key without its certificate is not', async (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const server = authority.issue('server', 'DNS:localhost')
  const receiver = await startReceiver({
    credentials: ServerCredentials.createSsl(
      Buffer.from(authority.cert),
      [{ private_key: Buffer.from(server.privateKey), cert_chain: Buffer.from(server.cert) }],
      true,
    ),
  })
  t.teardown(() => receiver.close())
  // Somebody else's certificate first, as one that the receiver no longer takes.
  const stranger = makeCertificates(t)
  const [client_key, client_certificate] = ['mine.key', 'mine.pem'].map((name) =>
    join(authority.directory, name),
  ) as [string, string]
  copyFileSync(stranger?.key as string, client_key)
  copyFileSync(stranger?.certificate as string, client_certificate)
  const { reader, lines } = await setUp(t, {
    points: 5,
    settings: {
      endpoint: `https://localhost:${receiver.port}`,
      certificate: authority.certificate,
      client_key,
      client_certificate,
      export_timeout: 2000,
    },
  })
  await reader.forceFlush()
  t.is(reader.counts.exported, 0)
  const mine = authority.issue('mine-new', 'DNS:agent')
  copyFileSync(mine.key, client_key)
  await reader.forceFlush()
  t.is(lines.at(-1), 'the new certificates can not be used; the old ones stay in use')
  copyFileSync(mine.certificate, client_certificate)
  await reader.forceFlush()
  t.is(reader.counts.exported, 5)
  t.deepEqual(lines.slice(-2), ['pushing with the new certificates', 'pushing metrics by OTLP'])
})

test('certificates that are not there yet are reported, and waited for', async (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const server = authority.issue('server', 'DNS:localhost')
  const keys = [
    { private_key: Buffer.from(server.privateKey), cert_chain: Buffer.from(server.cert) },
  ]
  const receiver = await startReceiver({ credentials: ServerCredentials.createSsl(null, keys) })
  t.teardown(() => receiver.close())
  const certificate = join(authority.directory, 'later.pem')
  const { reader } = await setUp(t, {
    points: 5,
    settings: { endpoint: `https://localhost:${receiver.port}`, certificate },
  })
  await reader.forceFlush()
  t.deepEqual([...reader.counts.failed], [['ENOENT', 5]])
  copyFileSync(authority.certificate, certificate)
  await reader.forceFlush()
  t.is(reader.counts.exported, 5)
})
