/** What a receiver answers, or fails to answer, and what becomes of deltas and of its messages then: by every transport. */
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type ReceivedRequest,
  startReceiver,
} from '../../support/receiver.ts'
import { setUp, setUpHttp } from './set-up.ts'

const WAYS = [
  ['grpc', 'single'],
  ['grpc', 'entity'],
  ['http/protobuf', 'single'],
  ['http/protobuf', 'entity'],
] as const

const POINTS = 400
/** The push is divided into several requests. */
const DIVIDED = { temporality: 'delta', max_request_size: 32 * 1024 } as const

type Fault = 'refuses' | 'dies before it takes' | 'dies before it answers'

const GRPC_FAULTS = {
  refuses: { code: 3 },
  'dies before it takes': { dies: 'before' },
  'dies before it answers': { dies: 'after' },
} as const
const HTTP_FAULTS = {
  refuses: { status: 400 },
  'dies before it takes': { cut: 'before' },
  'dies before it answers': { cut: 'before', isTaken: true },
} as const

/** A reader with a receiver that comes back when it has died, and all that was taken by one or the other. */
async function open(
  t: ExecutionContext,
  [protocol, resources]: (typeof WAYS)[number],
  settings: Partial<OtlpSettings>,
) {
  const all = { ...settings, protocol, resources }
  const sleep = () => setTimeout(10)
  if (protocol === 'grpc') {
    const made = await setUp(t, { points: POINTS, settings: all, sleep })
    const taken: ReceivedRequest[][] = [made.receiver.requests]
    return {
      ...made,
      fail: (fault: Fault) => made.receiver.answers.push({}, GRPC_FAULTS[fault]),
      say: (rejected: number, message: string) => made.receiver.answers.push({ rejected, message }),
      comeBack: async () => {
        const again = await startReceiver({ port: made.receiver.port })
        t.teardown(() => again.close())
        taken.push(again.requests)
      },
      taken: () => taken.flat(),
    }
  }
  const made = await setUpHttp(t, { points: POINTS, settings: all, sleep })
  return {
    ...made,
    fail: (fault: Fault) => made.receiver.answers.push({}, HTTP_FAULTS[fault]),
    say: (rejected: number, message: string) => made.receiver.answers.push({ rejected, message }),
    comeBack: async () => {},
    taken: () => made.receiver.requests,
  }
}

/** By series: the intervals that were taken, in their order. */
function intervals(requests: readonly ReceivedRequest[]) {
  const all = new Map<string, { start: bigint; end: bigint; value: number }[]>()
  for (const { metric, point } of pointsOf(requests)) {
    const key = `${metric.name} ${attributesOf(point)['test.index']}`
    const { startTimeUnixNano, timeUnixNano } = point
    const interval = {
      start: BigInt(startTimeUnixNano),
      end: BigInt(timeUnixNano),
      value: pointValue(point),
    }
    all.set(key, [...(all.get(key) ?? []), interval])
  }
  return all
}

for (const way of WAYS) {
  const title = way.join(', ')

  for (const fault of ['refuses', 'dies before it takes'] as const) {
    test(`${title}: a receiver that takes one request of a push and ${fault} the next one gets each increase once`, async (t) => {
      const { reader, fail, comeBack, taken, counts } = await withCounts(t, way)
      fail(fault)
      const first = reader.forceFlush()
      if (fault !== 'refuses') {
        // While it is away a newer push replaces this one.
        while ([...counts.requests.keys()].every((status) => status === 'OK')) await setTimeout(5)
      }
      const second = reader.forceFlush()
      await first
      t.true(taken().length >= 1)
      if (fault !== 'refuses') await comeBack()
      await second
      await pushUntilTaken(reader)
      const rounds = lastRound(taken())
      for (const [series, list] of intervals(taken())) {
        list.forEach(({ start }, index) => {
          if (index > 0) t.is(start, list[index - 1].end, series)
        })
        const [metric, index] = [
          Number(series.split(' ')[0].at(-1)),
          Number(series.split(' ').at(-1)),
        ]
        const total = list.reduce((sum, { value }) => sum + value, 0)
        t.is(total, rounds * 1e6 + metric * 1e5 + index, series)
      }
    })
  }

  test(`${title}: a request whose answer is lost comes again as it was, and no other`, async (t) => {
    const { reader, fail, comeBack, taken, counts } = await withCounts(t, way)
    fail('dies before it answers')
    const push = reader.forceFlush()
    while ([...counts.requests.keys()].every((status) => status === 'OK')) await setTimeout(5)
    await comeBack()
    await push
    const bodies = taken().map((request) => JSON.stringify(request))
    t.is(bodies.length, new Set(bodies).size + 1)
    t.is(bodies[1], bodies[2])
    await reader.forceFlush()
    const after = taken().map((request) => JSON.stringify(request))
    t.is(after.length, new Set(after).size + 1)
  })

  test(`${title}: points that a receiver takes but rejects are not due again`, async (t) => {
    const { reader, say, taken } = await withCounts(t, way)
    say(7, 'no')
    await reader.forceFlush()
    await reader.forceFlush()
    for (const [series, list] of intervals(taken())) {
      t.is(list.length, 2, series)
      t.is(list[1].start, list[0].end, series)
    }
    t.is(reader.counts.rejected, 7)
  })

  test(`${title}: each message of a receiver that rejects nothing is logged once`, async (t) => {
    const { reader, say, lines, details } = await open(t, way, {})
    const messages = ['deprecated', 'deprecated', '', 'slow', 'deprecated', 'slow']
    for (const message of messages) say(0, message)
    for (const _ of messages) await reader.forceFlush()
    const said = 'the receiver takes all metrics, and says something of them'
    t.deepEqual(lines, ['pushing metrics by OTLP', said, said])
    t.deepEqual(details, ['deprecated', 'slow'])
    t.is(reader.counts.rejected, 0)
    for (let number = 0; number < 20; number++) say(0, `warning ${number}`)
    for (let number = 0; number < 20; number++) await reader.forceFlush()
    t.is(details.length, 10)
  })
}

async function withCounts(t: ExecutionContext, way: (typeof WAYS)[number]) {
  const made = await open(t, way, DIVIDED)
  return { ...made, counts: made.reader.counts }
}

/** The first connections to a receiver that is back may still fail. */
async function pushUntilTaken(reader: Awaited<ReturnType<typeof open>>['reader']): Promise<void> {
  for (let push = 0; push < 100; push++) {
    const { exported } = reader.counts
    await reader.forceFlush()
    if (reader.counts.exported >= exported + POINTS) return
    await setTimeout(50)
  }
}

function lastRound(requests: readonly ReceivedRequest[]): number {
  return (
    Math.max(...pointsOf(requests).map(({ point }) => Number(point.timeUnixNano) / 1e9)) -
    1_800_000_010
  )
}
