import test from 'ava'
import {
  LARGEST_POD,
  PodListParser,
} from '../../../../src/workloads/sources/kubernetes/pod-list.ts'
import { somePod } from '../../../support/kube-objects.ts'

const METADATA = { resourceVersion: '42', continue: 'next "items":[ page' }

function parse(chunks: readonly (string | Buffer)[]) {
  const items: unknown[] = []
  const parser = new PodListParser({ url: 'https://x/pods', onItem: (item) => items.push(item) })
  for (const chunk of chunks) parser.push(Buffer.from(chunk))
  return { items, metadata: parser.end() }
}

test('the same wherever the bytes are divided', (t) => {
  const pods = [somePod(1), somePod(2, { status: { message: '\\" ]}é' } }), somePod(3)]
  const list = { kind: 'PodList', items: pods, apiVersion: 'v1', metadata: METADATA }
  for (const json of [JSON.stringify(list), JSON.stringify(list, null, 2)]) {
    const bytes = Buffer.from(json)
    for (let at = 0; at <= bytes.length; at++) {
      const { items, metadata } = parse([bytes.subarray(0, at), bytes.subarray(at)])
      if (at % 500 === 0) t.deepEqual(items, pods)
      if (items.length !== 3) t.fail(`divided at ${at}`)
      if (metadata.next !== METADATA.continue) t.fail(`divided at ${at}`)
    }
    const single = parse([...bytes].map((byte) => Buffer.from([byte])))
    t.deepEqual(single, {
      items: pods,
      metadata: { resourceVersion: '42', next: METADATA.continue },
    })
  }
})

test('a list without pods', (t) => {
  for (const items of ['[]', '[ \n ]', 'null']) {
    const { items: found, metadata } = parse([`{"kind":"PodList","metadata":{},"items":${items}}`])
    t.deepEqual(found, [])
    t.deepEqual(metadata, { resourceVersion: undefined, next: undefined })
  }
})

test('a list that breaks off is never taken for a whole one', (t) => {
  const json = JSON.stringify({
    kind: 'PodList',
    metadata: METADATA,
    items: [somePod(1), somePod(2)],
  })
  for (let end = 0; end < json.length; end++) {
    t.throws(() => parse([json.slice(0, end)]), { name: 'PeerError' }, `until ${end}`)
  }
})

test('what is no list of pods', (t) => {
  const garbage = [
    '<html>[{login}]</html>',
    '[]',
    '"PodList"',
    '{}',
    '{"kind":"PodList"}',
    '{"kind":"PodList","items":7}',
    '{"kind":"NodeList","items":[]}',
    '{"kind":"PodList","items":[7]}',
    '{"kind":"PodList","items":["a"]}',
    '{"kind":"PodList","items":[{"secret":}]}',
    '{"kind":"PodList","items":[{}]}}',
    '{"kind":"PodList","other":{"items":[{}]}}',
    '{"kind":"Pod,"items":[]}',
    '\xff\xfe\x00',
  ]
  for (const text of garbage) {
    const error = t.throws(() => parse([text]), { name: 'PeerError' }, text)
    t.false(error?.message.includes('secret'))
  }
})

test('a pod beyond all measure', (t) => {
  const huge = Buffer.alloc(LARGEST_POD, 'a')
  const head = '{"kind":"PodList","items":['
  t.throws(() => parse([`${head}{"a":"`, huge]), { message: /more than 8388608 bytes/ })
  t.throws(() => parse([`{"a":"`, huge]), { message: /more than 8388608 bytes/ })
  const many = Array.from({ length: 20 }, () => `{"a":"${'b'.repeat(1024 * 1024)}"},`)
  t.is(parse([head, ...many, '{}]}']).items.length, 21)
})
