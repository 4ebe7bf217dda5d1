import test from 'ava'
import { MAX_POD, WatchParser } from '../../../../src/workloads/sources/kubernetes/watch-events.ts'
import { somePod, status, watchEvent } from '../../../support/kube-objects.ts'

const POD = somePod(1, { metadata: { resourceVersion: '5', name: 'é' } })
const LINES = ['ADDED', 'MODIFIED', 'BOOKMARK', 'DELETED']
  .map((type) => watchEvent(type, JSON.stringify(POD)))
  .join('\n')

function parse(...chunks: readonly (string | Buffer)[]) {
  const parser = new WatchParser('https://x/pods')
  return chunks.flatMap((chunk) => [...parser.push(Buffer.from(chunk))])
}

test('the same wherever the bytes are divided', (t) => {
  const bytes = Buffer.from(LINES)
  const expected = ['ADDED', 'MODIFIED', 'BOOKMARK', 'DELETED'].map((type) => ({
    type,
    object: JSON.parse(JSON.stringify(POD)),
    resourceVersion: '5',
  }))
  for (let at = 0; at <= bytes.length; at += 7) {
    t.deepEqual(parse(bytes.subarray(0, at), bytes.subarray(at)), expected as never)
  }
  t.deepEqual(parse(...[...bytes].map((byte) => Buffer.from([byte]))), expected as never)
})

test('half a line is not yet an event', (t) => {
  t.is(parse(watchEvent('ADDED', JSON.stringify(POD)), '{"type":"ADDED","object":{"me').length, 1)
})

test('an ERROR event is thrown with its code', (t) => {
  t.throws(() => parse(watchEvent('ERROR', status(410, 'Expired', 'too old'))), {
    message: /ended the watch with 410: too old/,
  })
  const slow = JSON.stringify({ code: 429, message: 'slow', details: { retryAfterSeconds: 3 } })
  const error = t.throws(() => parse(watchEvent('ERROR', slow)))
  t.like(error, { reason: '429', retryAfter: 3000 })
  for (const odd of ['null', '7', '{}', '{"code":{},"message":[],"details":null}']) {
    t.throws(() => parse(watchEvent('ERROR', odd)), { name: 'PeerError' }, odd)
  }
})

test('lines that are no events', (t) => {
  const lines = ['secret', '{"type":"ADDED"}', '7', '[]', '{"type":"NEW","object":{}}', '\xff']
  for (const line of [...lines, watchEvent('ADDED', '{"metadata":{}}')]) {
    const error = t.throws(() => parse(`${line}\n`), { message: /not an event/ }, line)
    t.false(error?.message.includes('secret'))
  }
})

test('a line without end', (t) => {
  t.throws(() => parse('{', Buffer.alloc(MAX_POD, 'a')), { message: /more than 8388608 bytes/ })
})
