import { readFileSync } from 'node:fs'
import { ServerCredentials } from '@grpc/grpc-js'
import test from 'ava'
import { OtlpReader } from '../../../src/telemetry/otlp/reader.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
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
