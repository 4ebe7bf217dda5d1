/** A reader that pushes to a receiver when a test asks for it. */
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { ExecutionContext } from 'ava'
import { OtlpReader, type OtlpReaderOptions } from '../../../src/telemetry/otlp/reader.ts'
import type { OtlpSettings } from '../../../src/telemetry/otlp/settings.ts'
import {
  type HttpReceiver,
  type HttpReceiverOptions,
  startHttpReceiver,
} from '../../support/http-receiver.ts'
import { provide, someMetrics, someProducer } from '../../support/metrics.ts'
import {
  attributesOf,
  pointsOf,
  pointValue,
  type Receiver,
  startReceiver,
} from '../../support/receiver.ts'

export const SETTINGS: OtlpSettings = {
  protocol: 'grpc',
  endpoint: undefined,
  metrics_endpoint: undefined,
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

interface HttpSetup extends Omit<Setup, 'receiver'> {
  receiver?: HttpReceiverOptions
}

export async function setUp(t: ExecutionContext, setup: Setup = {}) {
  return start(t, await startReceiver(setup.receiver), setup)
}

/** The same over HTTP. */
export async function setUpHttp(t: ExecutionContext, setup: HttpSetup = {}) {
  const settings = { protocol: 'http/protobuf', ...setup.settings } as const
  return start(t, await startHttpReceiver(setup.receiver), { ...setup, settings })
}

function start<Started extends Receiver | HttpReceiver>(
  t: ExecutionContext,
  receiver: Started,
  { points = 10, settings, sleep = async () => {} }: Omit<Setup, 'receiver'>,
) {
  const producer = someProducer(points)
  const lines: string[] = []
  const details: string[] = []
  const log = (fields: { detail?: string }, message: string) => {
    lines.push(message)
    if (fields.detail !== undefined) details.push(fields.detail)
  }
  const delays: number[] = []
  const reader = new OtlpReader({
    producer,
    settings: { ...SETTINGS, endpoint: receiver.endpoint, ...settings },
    logger: {
      info: (fields, message) => log(fields, message),
      warn: (fields, message) => log(fields, message),
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
  return { receiver, producer, reader, provider, lines, details, delays }
}

/** The schedule's first push is put off beyond the test, unless it is about the schedule; then no jitter. */
function afterAnHour(interval: number | undefined): () => number {
  const randoms = interval === undefined ? [1000] : []
  return () => randoms.pop() ?? 0.5
}

/** The points that arrived are those of one collection, each once and in order. */
export function isWhole(
  t: ExecutionContext,
  receiver: Pick<Receiver, 'requests'>,
  points: number,
  round = 1,
): void {
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
export async function underWay(receiver: Pick<Receiver, 'active'>): Promise<void> {
  while (receiver.active === 0) await setImmediate()
}
