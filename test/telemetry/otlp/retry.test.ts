import { Metadata, status } from '@grpc/grpc-js'
import test from 'ava'
import { retryDelay } from '../../../src/telemetry/otlp/retry.ts'

test('a delay that can not be meant is kept to what a timer and a receiver can bear', (t) => {
  const asked = (duration: number[]) => {
    const url = Buffer.from('type.googleapis.com/google.rpc.RetryInfo')
    const any = [0x0a, url.length, ...url, 0x12, duration.length + 2, 0x0a, duration.length]
    const metadata = new Metadata()
    const details = [0x1a, any.length + duration.length, ...any, ...duration]
    metadata.set('grpc-status-details-bin', Buffer.from(details))
    return { code: status.UNAVAILABLE, metadata }
  }
  t.is(retryDelay(asked([]), 1, 0.5), 1000)
  t.is(retryDelay(asked([0x08, 0x02, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01]), 1, 0.5), 2500)
  const century = [0x08, 0x80, 0xb1, 0xe1, 0xdf, 0x0b]
  t.is(retryDelay(asked(century), 1, 0.5), 2 ** 31 - 1)
  const minusOne = [0x08, ...Array(9).fill(0xff), 0x01]
  t.is(retryDelay(asked(minusOne), 1, 0.5), 2 ** 31 - 1)
  const cutOff = { code: status.UNAVAILABLE, metadata: new Metadata() }
  cutOff.metadata.set('grpc-status-details-bin', Buffer.from([0x1a, 0xff, 0xff]))
  t.is(retryDelay(cutOff, 1, 0.5), 1000)
})
