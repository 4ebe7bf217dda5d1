/** A reader that pushes to a receiver when a test asks for it. */
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ExecutionContext } from 'ava'
import { OtlpReader, type OtlpReaderOptions } from '../../../src/telemetry/otlp/reader.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import { provide, someMetrics, someProducer } from '../../support/metrics.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type Receiver,
  startReceiver,
} from '../../support/receiver.ts'

export const SETTINGS: OtlpSettings = {
  endpoint: '',
  insecure: false,
  certificate: undefined,
  client_key: undefined,
  client_certificate: undefined,
  headers: new Map(),
  compression: 'none',
  // Nothing is pushed unless a test asks for it.
  interval: 3_600_000,
  export_timeout: 30_000,
  timeout: 10_000,
  temporality: 'cumulative',
  resources: 'single',
  max_request_size: 3 * 1024 * 1024,
}

interface Setup {
  points?: number
  settings?: Partial<OtlpSettings>
  receiver?: Parameters<typeof startReceiver>[0]
  sleep?: OtlpReaderOptions['sleep']
}

export async function setUp(
  t: ExecutionContext,
  { points = 10, settings, receiver: options, sleep = async () => {} }: Setup = {},
) {
  const receiver = await startReceiver(options)
  const producer = someProducer(points)
  const lines: string[] = []
  const delays: number[] = []
  const reader = new OtlpReader({
    producer,
    settings: { ...SETTINGS, endpoint: receiver.endpoint, ...settings },
    logger: {
      info: (_, message) => lines.push(message),
      warn: (_, message) => lines.push(message),
    },
    random: afterAnHour(settings?.interval),
    sleep: (milliseconds, signal) => {
      delays.push(milliseconds)
      return sleep(milliseconds, signal)
    },
  })
  const provider = provide(reader)
  t.teardown(async () => {
    receiver.close()
    await reader.shutdown({ timeoutMillis: 1000 }).catch(() => {})
  })
  return { receiver, producer, reader, provider, lines, delays }
}

/** The schedule's first push is put off beyond the test, unless it is about the schedule; then no jitter. */
function afterAnHour(interval: number | undefined): () => number {
  const randoms = interval === undefined ? [1000] : []
  return () => randoms.pop() ?? 0.5
}

/** The points that arrived are those of one collection, each once and in order. */
export function isWhole(t: ExecutionContext, receiver: Receiver, points: number, round = 1): void {
  const arrived = pointsOf(receiver.requests).map(({ metric: { name }, point }) => ({
    name,
    value: pointValue(point),
    attributes: attributesOf(point),
    start: point.startTimeUnixNano,
    end: point.timeUnixNano,
  }))
  const [{ metrics }] = someMetrics(points, round).scopeMetrics
  const expected = metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
    dataPoints.map(({ value, attributes, startTime: [start], endTime: [end] }) => ({
      name,
      value,
      attributes,
      start: `${start}000000000`,
      end: `${end}000000000`,
    })),
  )
  t.true(isDeepStrictEqual(arrived, expected))
}

/** Resolves when a request is with the receiver. */
export async function underWay(receiver: Receiver): Promise<void> {
  while (receiver.active === 0) await setImmediate()
}
