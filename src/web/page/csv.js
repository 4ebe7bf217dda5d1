/** What is shown, as a file for spreadsheets and scripts. */
import { h } from './dom.js'
import { KIND_NAMES, namesOf } from './names.js'

/**
 * @typedef {import('./store.js').Entity} Entity
 * @typedef {import('./store.js').Store} Store
 * @typedef {import('./store.js').Past} Past
 */

/** The rows of the table, all of them. @param {Store} store @param {Entity[]} entities @param {string[]} columns */
export function tableCsv(store, entities, columns) {
  const head = columns.map((column) => `${column} (${store.figures[column]?.unit ?? ''})`)
  const rows = entities.map((entity) => {
    const { title, place, namespace } = namesOf(entity)
    const values = columns.map((column) => store.value(entity, column) ?? '')
    return [KIND_NAMES[entity.kind], namespace, place, title, ...values]
  })
  return text([['kind', 'namespace', 'place', 'name', ...head], ...rows])
}

/** The past of one entity, in what is in sight. @param {Store} store @param {Past} past @param {number} from */
export function pastCsv(store, past, from) {
  const figures = Object.keys(past.figures).filter((figure) =>
    past.figures[figure].some((value) => value !== null),
  )
  const head = [
    'time',
    ...figures.map((figure) => `${figure} (${store.figures[figure]?.unit ?? ''})`),
    'events',
  ]
  /** @type {(string | number)[][]} */
  const rows = []
  for (const [index, time] of past.times.entries()) {
    if (time < from) continue
    const next = past.times[index + 1] ?? Number.POSITIVE_INFINITY
    const events = past.events
      .filter(({ at }) => at >= time && at < next)
      .map(({ type, count }) => `${type} ${count}`)
    const values = figures.map((figure) => past.figures[figure][index] ?? '')
    rows.push([new Date(time * 1000).toISOString(), ...values, events.join('; ')])
  }
  return text([head, ...rows])
}

/** @param {(string | number)[][]} rows */
function text(rows) {
  return `${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}

/** RFC 4180. A spreadsheet would run what begins like a formula. @param {string | number} value */
function cell(value) {
  if (typeof value === 'number') return String(value)
  const plain = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

/** @param {string} file @param {string} content */
export function download(file, content) {
  const url = URL.createObjectURL(new Blob([content], { type: 'text/csv;charset=utf-8' }))
  const link = /** @type {HTMLAnchorElement} */ (h('a', { href: url, download: file }))
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** @param {string} what @param {number} seconds since the epoch */
export function fileName(what, seconds) {
  const safe = what.replace(/[^\w.-]+/g, '-').slice(0, 60) || 'data'
  return `${safe}-${new Date(seconds * 1000).toISOString().slice(0, 19).replaceAll(':', '')}.csv`
}
