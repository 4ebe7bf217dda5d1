/** Times written as Go's time.Format does: the layout shows how 2006-01-02 15:04:05 would look. */

/** Names of the months, from January on. */
export const MONTHS = [
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

/** Names of the days of the week, from Sunday on. */
export const WEEKDAYS = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
]

const MILLISECONDS_A_DAY = 86_400_000

/** What a layout may be made of, and what each part stands for. Of two that begin alike the first counts. */
const PARTS: readonly [pattern: string, print: (date: Date, part: string) => string][] = [
  ['January', (date) => MONTHS[date.getUTCMonth()]],
  ['Jan(?![a-z])', (date) => MONTHS[date.getUTCMonth()].slice(0, 3)],
  ['Monday', (date) => WEEKDAYS[date.getUTCDay()]],
  ['Mon(?![a-z])', (date) => WEEKDAYS[date.getUTCDay()].slice(0, 3)],
  ['MST', () => 'UTC'],
  ['002', (date) => padded(dayOfYear(date), 3)],
  ['01', (date) => padded(date.getUTCMonth() + 1)],
  ['02', (date) => padded(date.getUTCDate())],
  ['03', (date) => padded(twelveHours(date))],
  ['04', (date) => padded(date.getUTCMinutes())],
  ['05', (date) => padded(date.getUTCSeconds())],
  ['06', (date) => padded(date.getUTCFullYear() % 100)],
  ['15', (date) => padded(date.getUTCHours())],
  ['1', (date) => String(date.getUTCMonth() + 1)],
  ['2006', (date) => padded(date.getUTCFullYear(), 4)],
  ['2', (date) => String(date.getUTCDate())],
  ['3', (date) => String(twelveHours(date))],
  ['4', (date) => String(date.getUTCMinutes())],
  ['5', (date) => String(date.getUTCSeconds())],
  ['_2006', (date) => `_${padded(date.getUTCFullYear(), 4)}`],
  ['__2', (date) => String(dayOfYear(date)).padStart(3)],
  ['_2', (date) => String(date.getUTCDate()).padStart(2)],
  ['PM', (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM')],
  ['pm', (date) => (date.getUTCHours() < 12 ? 'am' : 'pm')],
  ['-07:00:00', () => '+00:00:00'],
  ['-070000', () => '+000000'],
  ['-07:00', () => '+00:00'],
  ['-0700', () => '+0000'],
  ['-07', () => '+00'],
  ['Z07(?:0000|:00:00|00|:00)?', () => 'Z'],
  ['[.,](?:0+|9+)(?![0-9])', fraction],
]

const ANY_PART = new RegExp(PARTS.map(([pattern]) => `(${pattern})`).join('|'), 'g')

/** A time in UTC as Go's time.Format writes it. */
export function formatTime(date: Date, layout: string): string {
  return layout.replace(ANY_PART, (part, ...groups) => {
    const index = groups.findIndex((group) => group !== undefined)
    return PARTS[index][1](date, part)
  })
}

/** A fraction of the second: as many digits as there are zeros, or up to as many as there are nines. */
function fraction(date: Date, part: string): string {
  const digits = padded(date.getUTCMilliseconds(), 3).padEnd(part.length - 1, '0')
  const written = part[0] + digits.slice(0, part.length - 1)
  return part.endsWith('9') ? written.replace(/[.,]?0*$/, '') : written
}

function twelveHours(date: Date): number {
  return date.getUTCHours() % 12 || 12
}

function dayOfYear(date: Date): number {
  return (
    (Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()) -
      Date.UTC(date.getUTCFullYear(), 0, 0)) /
    MILLISECONDS_A_DAY
  )
}

function padded(value: number, digits = 2): string {
  return String(value).padStart(digits, '0')
}
