/** A time as Go has it: printed, formatted by an example, and taken apart. In UTC, to the millisecond. */
import { formatTime, MONTHS, WEEKDAYS } from './time-layout.ts'
import { ExecutionError, type GoObject, type Int, type Value } from './values.ts'

/** How Go prints a time. */
const DEFAULT_LAYOUT = '2006-01-02 15:04:05.999999999 -0700 MST'

const METHODS: ReadonlyMap<string, (date: Date) => Value> = new Map<string, (date: Date) => Value>([
  ['Unix', (date) => BigInt(Math.floor(date.getTime() / 1000))],
  ['UnixMilli', (date) => BigInt(date.getTime())],
  ['UnixMicro', (date) => BigInt(date.getTime()) * 1000n],
  ['UnixNano', (date) => BigInt(date.getTime()) * 1_000_000n],
  ['Year', (date) => BigInt(date.getUTCFullYear())],
  ['Month', (date) => new GoName('time.Month', date.getUTCMonth() + 1, MONTHS[date.getUTCMonth()])],
  ['Day', (date) => BigInt(date.getUTCDate())],
  ['Weekday', (date) => new GoName('time.Weekday', date.getUTCDay(), WEEKDAYS[date.getUTCDay()])],
  ['Hour', (date) => BigInt(date.getUTCHours())],
  ['Minute', (date) => BigInt(date.getUTCMinutes())],
  ['Second', (date) => BigInt(date.getUTCSeconds())],
  ['UTC', (date) => new GoTime(date.getTime())],
  ['String', (date) => formatTime(date, DEFAULT_LAYOUT)],
])

/** A value of Go's type `time.Time`. */
export class GoTime implements GoObject {
  readonly type = 'time.Time'
  readonly #date: Date

  /** @param milliseconds since the epoch; parts of one are dropped. */
  constructor(milliseconds: number) {
    this.#date = new Date(milliseconds)
  }

  get(name: string, args: readonly Value[]): Value {
    const [layout] = args
    if (name === 'Format' && args.length === 1 && typeof layout === 'string') {
      return formatTime(this.#date, layout)
    }
    const method = METHODS.get(name)
    if (method === undefined || args.length > 0) {
      throw new ExecutionError(`a time has no method ${name} with ${args.length} arguments`)
    }
    return method(this.#date)
  }

  toString(): string {
    return formatTime(this.#date, DEFAULT_LAYOUT)
  }
}

/** A number that prints as a name. */
class GoName implements GoObject {
  readonly type: string
  readonly int: Int
  readonly #name: string

  constructor(type: string, number: number, name: string) {
    this.type = type
    this.int = BigInt(number)
    this.#name = name
  }

  get(name: string, args: readonly Value[]): Value {
    if (name === 'String' && args.length === 0) return this.#name
    throw new ExecutionError(`${this.type} has no method ${name} with ${args.length} arguments`)
  }

  toString(): string {
    return this.#name
  }
}
