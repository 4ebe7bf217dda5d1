/** Numbers as people read them: three digits, and a unit where it is not in the head of the column. */

const PREFIXES = ['', 'K', 'M', 'G', 'T', 'P']

/** @param {number | null | undefined} value */
export function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value)
}

/** @param {number} value with three digits. */
function three(value) {
  if (value >= 100) return value.toFixed(0)
  if (value >= 10) return value.toFixed(1)
  return value.toFixed(2)
}

/** @param {number} value bytes, with binary prefixes. */
function bytes(value) {
  let index = 0
  let rest = value
  while (rest >= 999.5 && index < PREFIXES.length - 1) {
    rest /= 1024
    index++
  }
  if (index === 0) return `${Math.round(rest)} B`
  return `${three(rest)} ${PREFIXES[index]}iB`
}

/** @param {number} value with decimal prefixes. */
function count(value) {
  if (value !== 0 && value < 0.995) return value.toFixed(2)
  if (value < 999.5)
    return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : value.toFixed(0)
  let index = 0
  let rest = value
  while (rest >= 999.5 && index < PREFIXES.length - 1) {
    rest /= 1000
    index++
  }
  return `${three(rest)} ${index === 1 ? 'k' : PREFIXES[index]}`
}

/**
 * @param {number | null | undefined} value
 * @param {string} unit UCUM.
 */
export function format(value, unit) {
  if (!isNumber(value)) return '–'
  const number = /** @type {number} */ (value)
  if (unit === 'By') return bytes(number)
  if (unit === 'By/s') return number < 0.5 ? '0' : `${bytes(number)}/s`
  if (unit === '1') return number < 0.00005 ? '0 %' : `${percent(number * 100)} %`
  if (unit === '{cpu}')
    return number < 0.0005 ? '0' : number < 10 ? number.toFixed(3) : number.toFixed(1)
  if (unit === '{process}') return number.toFixed(0)
  return number < 0.005 ? '0' : count(number)
}

/** @param {number} value */
function percent(value) {
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** For axes: short. @param {number} value @param {string} unit */
export function tick(value, unit) {
  if (value === 0) return '0'
  if (unit === '1') return `${+(value * 100).toPrecision(3)} %`
  if (unit === 'By' || unit === 'By/s') {
    let index = 0
    let rest = value
    while (rest >= 1023.5 && index < PREFIXES.length - 1) {
      rest /= 1024
      index++
    }
    return `${+rest.toPrecision(3)} ${PREFIXES[index]}${index > 0 ? 'i' : ''}B`
  }
  if (value >= 1000) return count(value)
  return String(+value.toPrecision(3))
}

/** @param {number} seconds since the epoch */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, { hour12: false })
}

/** @param {number} seconds */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600)
    return `${Math.floor(whole / 60)} min ${whole % 60 ? `${whole % 60} s` : ''}`.trim()
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`
}
