import test from 'ava'
import { ExportError } from '../../../src/telemetry/otlp/export-error.ts'
import { retryDelay } from '../../../src/telemetry/otlp/retry.ts'
import { readRpcStatus } from '../../../src/telemetry/otlp/rpc-status.ts'

test('a delay that can not be meant is kept to what a timer and a receiver can bear', (t) => {
  const delay = (status: number[]) => {
    const { retryAfter } = readRpcStatus(Buffer.from(status))
    return retryDelay(new ExportError('', { reason: 'UNAVAILABLE', retryAfter }), 1, 0.5)
  }
  const asked = (duration: number[]) => {
    const url = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
    const any = [0x0a, url.length, ...url, 0x12, duration.length + 2, 0x0a, duration.length]
    return delay([0x1a, any.length + duration.length, ...any, ...duration])
  }
  t.is(asked([]), 1000)
  t.is(asked([0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]), 2500)
  const century = [0x08, 0x80, 0xb1, 0xe1, 0xdf, 0x0b]
  t.is(asked(century), 2 ** 31 - 1)
  const minusOne = [0x08, ...Array(9).fill(0xff), 0x01]
  t.is(asked(minusOne), 2 ** 31 - 1)
  t.is(delay([0x1a, 0xff, 0xff]), 1000)
})
