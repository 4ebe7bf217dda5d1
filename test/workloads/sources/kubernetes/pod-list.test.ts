import test from 'ava'
import { readPodList } from '../../../../src/workloads/sources/kubernetes/pod-list.ts'
import { somePod } from '../../../support/kube-objects.ts'

const METADATA = { resourceVersion: '42', continue: 'next "items":[ page' }

async function read(chunks: readonly (string | Buffer)[]) {
  const items: unknown[] = []
  async function* body() {
    for (const chunk of chunks) yield Buffer.from(chunk)
  }
  const metadata = await readPodList('https://x/pods', body(), (pod) => items.push(pod))
  return { items, metadata }
}

test('the same wherever the bytes are divided, also inside of a character', async (t) => {
  const pods = [somePod(1), somePod(2, { status: { message: '\\" ]}é' } }), somePod(3)]
  const list = { kind: 'PodList', items: pods, apiVersion: 'v1', metadata: METADATA }
  const bytes = Buffer.from(JSON.stringify(list))
  for (let at = 0; at <= bytes.length; at += 7) {
    const { items, metadata } = await read([bytes.subarray(0, at), bytes.subarray(at)])
    t.deepEqual(items, pods)
    t.is(metadata.next, METADATA.continue)
  }
  const single = await read([...bytes].map((byte) => Buffer.from([byte])))
  t.deepEqual(single, { items: pods, metadata: { resourceVersion: '42', next: METADATA.continue } })
})

test('a list without pods', async (t) => {
  for (const items of ['[]', '[ \n ]', 'null']) {
    const { items: found, metadata } = await read([
      `{"kind":"PodList","metadata":{},"items":${items}}`,
    ])
    t.deepEqual(found, [])
    t.deepEqual(metadata, { resourceVersion: undefined, next: undefined })
  }
})

test('a list that breaks off is never taken for a whole one', async (t) => {
  const json = JSON.stringify({
    kind: 'PodList',
    metadata: METADATA,
    items: [somePod(1), somePod(2)],
  })
  for (let end = 0; end < json.length; end++) {
    await t.throwsAsync(read([json.slice(0, end)]), { name: 'PeerError' }, `until ${end}`)
  }
})

test('what is no list of pods', async (t) => {
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
    const error = await t.throwsAsync(read([text]), { name: 'PeerError' }, text)
    t.false(error?.message.includes('secret'))
  }
})
