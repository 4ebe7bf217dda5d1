/** A time as Go has it: printed, formatted by an example, and taken apart. In UTC. */
import { ExecutionError, type GoObject, type Value } from './values.ts'

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

/** The parts of Go's reference time, longer ones first, and what each stands for. */
const LAYOUT: readonly [string, (date: Date) => string][] = [
  ['January', (date) => MONTHS[date.getUTCMonth()]],
  ['Jan', (date) => MONTHS[date.getUTCMonth()].slice(0, 3)],
  ['Monday', (date) => DAYS[date.getUTCDay()]],
  ['Mon', (date) => DAYS[date.getUTCDay()].slice(0, 3)],
  ['MST', () => 'UTC'],
  ['2006', (date) => String(date.getUTCFullYear())],
  ['Z07:00', () => 'Z'],
  ['-07:00', () => '+00:00'],
  ['-0700', () => '+0000'],
  ['.000', (date) => `.${two(date.getUTCMilliseconds(), 3)}`],
  ['01', (date) => two(date.getUTCMonth() + 1)],
  ['02', (date) => two(date.getUTCDate())],
  ['03', (date) => two(date.getUTCHours() % 12 || 12)],
  ['04', (date) => two(date.getUTCMinutes())],
  ['05', (date) => two(date.getUTCSeconds())],
  ['06', (date) => two(date.getUTCFullYear() % 100)],
  ['15', (date) => two(date.getUTCHours())],
  ['PM', (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM')],
  ['_2', (date) => String(date.getUTCDate()).padStart(2)],
  ['1', (date) => String(date.getUTCMonth() + 1)],
  ['2', (date) => String(date.getUTCDate())],
  ['3', (date) => String(date.getUTCHours() % 12 || 12)],
]
const LAYOUT_PART = new RegExp(LAYOUT.map(([part]) => part.replace('.', '\\.')).join('|'), 'g')

export class GoTime implements GoObject {
  readonly #date: Date

  constructor(milliseconds: number) {
    this.#date = new Date(milliseconds)
  }

  get(name: string, [layout]: readonly Value[]): Value {
    const date = this.#date
    switch (name) {
      case 'Unix':
        return Math.floor(date.getTime() / 1000)
      case 'UnixMilli':
        return date.getTime()
      case 'Year':
        return date.getUTCFullYear()
      case 'Month':
        return MONTHS[date.getUTCMonth()]
      case 'Day':
        return date.getUTCDate()
      case 'Hour':
        return date.getUTCHours()
      case 'Minute':
        return date.getUTCMinutes()
      case 'Second':
        return date.getUTCSeconds()
      case 'Weekday':
        return DAYS[date.getUTCDay()]
      case 'UTC':
        return this
      case 'String':
        return this.toString()
      case 'Format':
        return this.#format(layout)
      default:
        return undefined
    }
  }

  toString(): string {
    const [date = '', time = ''] = this.#date.toISOString().slice(0, -1).split('T')
    const [whole = '', fraction = ''] = time.split('.')
    const digits = fraction.replace(/0+$/, '')
    return `${date} ${whole}${digits === '' ? '' : `.${digits}`} +0000 UTC`
  }

  #format(layout: Value): string {
    if (typeof layout !== 'string') throw new ExecutionError('Format needs a layout')
    const parts = new Map(LAYOUT)
    return layout.replace(LAYOUT_PART, (part) => parts.get(part)?.(this.#date) ?? part)
  }
}

function two(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
