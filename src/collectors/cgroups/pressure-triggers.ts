/** `pressure.triggers`: thresholds of pressure that the kernel watches. */
import { duration, type Format, format, PATTERN } from '../../lib/settings/formats.ts'
import type { TriggerOptions } from './triggers.ts'

const RESOURCES = ['cpu', 'memory', 'io'] as const
const TYPES = ['some', 'full'] as const
const PATTERNS = ['namespace', 'pod', 'container'] as const
const KEYS: readonly string[] = ['resource', 'type', 'stall', 'window', ...PATTERNS]
/** What the kernel allows. */
const WINDOW = duration(500, 10_000)
const STALL = duration(1, 10_000)

/** The format of `pressure.triggers`. */
export const PRESSURE_TRIGGERS: Format<readonly TriggerOptions[]> = format({
  allowed:
    'a list such as [{resource: memory, type: some, stall: 150ms, window: 2s, pod: "db-*"}], in text ' +
    'memory:some:150ms:2s,…; windows from 500ms to 10s, and stalls shorter than them',
  parse: parseTriggers,
  check: (value) => {
    if (typeof value === 'string') return parseTriggers(value)
    const entries: unknown[] = Array.isArray(value) ? value : [value]
    return all(entries.map(readTrigger))
  },
  show: (triggers) => (triggers.length === 0 ? 'none' : JSON.stringify(triggers)),
})

function parseTriggers(text: string): TriggerOptions[] | undefined {
  const parts = text.split(',').filter((part) => part !== '')
  return all(parts.map(parseTrigger))
}

function parseTrigger(text: string): TriggerOptions | undefined {
  const [resource, type, stall, window, ...rest] = text.trim().split(':')
  return rest.length > 0 ? undefined : trigger({ resource, type, stall, window })
}

function readTrigger(value: unknown): TriggerOptions | undefined {
  if (typeof value === 'string') return parseTrigger(value)
  return typeof value === 'object' ? trigger({ ...value }) : undefined
}

function all(triggers: readonly (TriggerOptions | undefined)[]): TriggerOptions[] | undefined {
  return triggers.includes(undefined) ? undefined : (triggers as TriggerOptions[])
}

function trigger(given: Readonly<Record<string, unknown>>): TriggerOptions | undefined {
  const resource = RESOURCES.find((name) => name === given.resource)
  const type = TYPES.find((name) => name === (given.type ?? 'some'))
  const stall = milliseconds(STALL, given.stall)
  const window = milliseconds(WINDOW, given.window ?? '2s')
  const isKnown = Object.keys(given).every((key) => KEYS.includes(key))
  const patterns = PATTERNS.flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]]))
  if (!isKnown || patterns.some(([, pattern]) => PATTERN.check(pattern) === undefined))
    return undefined
  if (resource === undefined || type === undefined) return undefined
  if (stall === undefined || window === undefined || stall >= window) return undefined
  return { resource, type, stall, window, ...Object.fromEntries(patterns) }
}

function milliseconds(type: Format<number>, value: unknown): number | undefined {
  return typeof value === 'string' ? type.parse(value) : type.check(value)
}
