/** The table of entities: only the rows that are seen exist, so thousands cost no more than forty. */
import { fill, h, setText, visible } from './dom.js'
import { format, isNumber } from './format.js'
import { KIND_NAMES, namesOf } from './names.js'
import { go, state } from './state.js'
import { SPARK_POINTS } from './store.js'

/**
 * @typedef {import('./store.js').Entity} Entity
 * @typedef {import('./store.js').Store} Store
 * @typedef {{ head: string, entities: Entity[], sums: Map<string, number> }} Heading
 * @typedef {Entity | Heading} Row
 */

const ROW_HEIGHT = 28
/** Rows beyond the edges, so that scrolling shows no gap. */
const MARGIN = 8
/** Milliseconds for which rows keep their places after the last move of a pointer over them, or key in the table. */
const HOLD = 5000

const COLUMNS = {
  cpu: { head: 'CPU', title: 'CPUs in use', bar: true },
  memory: {
    head: 'Memory',
    title: 'Memory: resident of groups, with page cache of cgroups',
    bar: true,
  },
  read: { head: 'Read', title: 'Bytes read from storage' },
  write: { head: 'Write', title: 'Bytes written to storage' },
  cpuSome: {
    head: 'PSI cpu',
    title: 'Pressure: part of the time in which some task waited for a CPU',
  },
  memorySome: {
    head: 'PSI mem',
    title: 'Pressure: part of the time in which some task waited for memory',
  },
  ioSome: {
    head: 'PSI io',
    title: 'Pressure: part of the time in which some task waited for storage',
  },
  faults: { head: 'Faults', title: 'Major page faults a second' },
  switches: { head: 'Switches', title: 'Context switches a second' },
  processes: { head: 'Procs', title: 'Processes' },
}
/** @typedef {keyof typeof COLUMNS} Column */

/** @type {Record<string, Column[]>} */
const COLUMNS_OF = {
  group: ['cpu', 'memory', 'read', 'write', 'faults', 'switches', 'processes'],
  container: ['cpu', 'memory', 'read', 'write', 'cpuSome', 'memorySome', 'ioSome', 'faults'],
  all: ['cpu', 'memory', 'read', 'write', 'cpuSome', 'memorySome', 'ioSome', 'faults'],
}

/** @param {string} kind */
export function columnsOf(kind) {
  return COLUMNS_OF[kind] ?? COLUMNS_OF.container
}

export class Table {
  /** @type {Row[]} */
  rows = []
  /** @type {Entity[]} */
  shown = []
  /** @type {Store} */
  #store
  #element
  #head = h('div.thead', { role: 'row' })
  #body = h('div.tbody')
  #canvas = h('div.rows', { role: 'rowgroup' })
  /** @type {RowView[]} */
  #views = []
  #kind = ''
  /** @type {Set<string>} */
  #closed = new Set()
  #cursor = 0
  /** @type {(entity: Entity) => void} */
  #open
  /** Whether a pointer is over the rows. */
  #isPointed = false
  /** Until when rows keep their places. */
  #heldUntil = 0
  /** What the rows were sorted by. */
  #order = ''

  /** @param {HTMLElement} element @param {Store} store @param {(entity: Entity) => void} open */
  constructor(element, store, open) {
    this.#element = element
    this.#store = store
    this.#open = open
    this.#body.append(this.#canvas)
    fill(element, this.#head, this.#body)
    this.#body.addEventListener('scroll', () => requestAnimationFrame(() => this.#draw()), {
      passive: true,
    })
    this.#body.tabIndex = -1
    this.#holdRows()
    new ResizeObserver(() => this.#draw()).observe(this.#body)
    element.addEventListener('keydown', (event) => this.#key(event))
    this.#canvas.addEventListener('click', (event) => {
      const row = /** @type {HTMLElement} */ (event.target).closest('[data-index]')
      if (row !== null) this.#activate(Number(row.getAttribute('data-index')))
    })
  }

  focus() {
    this.#element.focus({ preventScroll: true })
  }

  /** Takes what the store has now. */
  update() {
    const { kind, q, sort, dir, by } = state()
    if (kind !== this.#kind) this.#setColumns(kind)
    this.#markSort()
    const order = JSON.stringify([kind, q, sort, dir, by])
    const isHeld = order === this.#order && performance.now() < this.#heldUntil
    // Under a pointer that rests there the order is a new one now and then.
    if (!isHeld) this.#heldUntil = this.#isPointed ? performance.now() + HOLD : 0
    this.#order = order
    const found = select(this.#store, kind, q, sort, dir)
    this.shown = isHeld ? inOrderOf(this.shown, found, ({ id }) => id) : found
    const before = this.rows[this.#cursor]
    this.rows = by === 'namespace' ? this.#grouped(isHeld) : this.shown
    // The cursor stays with its row, wherever that goes.
    const at = before === undefined ? -1 : this.rows.findIndex((row) => sameRow(row, before))
    if (at >= 0) this.#cursor = at
    else this.#cursor = Math.min(this.#cursor, Math.max(0, this.rows.length - 1))
    this.#canvas.style.height = `${this.rows.length * ROW_HEIGHT}px`
    this.#element.setAttribute('aria-rowcount', String(this.rows.length + 1))
    this.#draw()
  }

  /** Rows keep their places while a pointer is over them: a click opens the row that was under the pointer. */
  #holdRows() {
    const hold = () => {
      this.#heldUntil = performance.now() + HOLD
    }
    const release = () => {
      const wasHeld = performance.now() < this.#heldUntil
      this.#heldUntil = 0
      if (wasHeld) this.update()
    }
    for (const type of ['pointerenter', 'pointermove', 'pointerdown', 'wheel']) {
      const point = () => {
        this.#isPointed = true
        hold()
      }
      this.#body.addEventListener(type, point, { passive: true })
    }
    for (const type of /** @type {const} */ (['pointerleave', 'pointercancel'])) {
      this.#body.addEventListener(type, ({ pointerType }) => {
        this.#isPointed = false
        // A finger is gone before its click comes.
        if (pointerType !== 'touch') release()
      })
    }
    this.#element.addEventListener('keydown', hold)
    this.#element.addEventListener('focusout', () => {
      if (!this.#isPointed) release()
    })
  }

  /**
   * @param {boolean} isHeld whether headings keep their places.
   * @returns {Heading[]} with their entities behind them.
   */
  #grouped(isHeld) {
    const { kind, sort, dir } = state()
    /** @type {Map<string, Entity[]>} */
    const groups = new Map()
    for (const entity of this.shown) {
      const { namespace } = namesOf(entity)
      const known = groups.get(namespace)
      if (known === undefined) groups.set(namespace, [entity])
      else known.push(entity)
    }
    const found = [...groups].map(([head, entities]) => ({
      head,
      entities,
      sums: sumsOf(this.#store, entities, columnsOf(kind)),
    }))
    if (sort !== 'name') {
      const sign = dir === 'desc' ? -1 : 1
      found.sort((a, b) => sign * ((a.sums.get(sort) ?? 0) - (b.sums.get(sort) ?? 0)))
    } else found.sort((a, b) => (a.head < b.head ? -1 : 1) * (dir === 'desc' ? -1 : 1))
    const before = this.rows.flatMap((row) => ('head' in row ? [row] : []))
    const headings = isHeld ? inOrderOf(before, found, ({ head }) => head) : found
    return /** @type {any} */ (
      headings.flatMap((heading) =>
        this.#closed.has(heading.head) ? [heading] : [heading, ...heading.entities],
      )
    )
  }

  /** @param {string} kind */
  #setColumns(kind) {
    this.#kind = kind
    this.#element.dataset.kind = kind
    const columns = columnsOf(kind)
    this.#element.style.setProperty('--columns', String(columns.length))
    const button = (
      /** @type {string} */ key,
      /** @type {string} */ text,
      /** @type {string} */ title,
    ) =>
      h(
        'button.sort',
        { type: 'button', title, tabIndex: -1, 'data-sort': key, onclick: () => sortBy(key) },
        text,
      )
    fill(
      this.#head,
      h('div.cell.first', { role: 'columnheader' }, button('name', 'Name', 'Name')),
      h(
        'div.cell.spark',
        { role: 'columnheader', title: 'CPU in the last five minutes, each row to its own scale' },
        'CPU 5 min',
      ),
      ...columns.map((key) =>
        h(
          'div.cell.number',
          { role: 'columnheader' },
          button(key, COLUMNS[key].head, COLUMNS[key].title),
        ),
      ),
    )
    this.#views = []
    this.#canvas.replaceChildren()
  }

  #markSort() {
    const { sort, dir } = state()
    for (const button of this.#head.querySelectorAll('[data-sort]')) {
      const isSorted = button.getAttribute('data-sort') === sort
      const cell = /** @type {Element} */ (button.parentElement)
      if (isSorted) cell.setAttribute('aria-sort', dir === 'desc' ? 'descending' : 'ascending')
      else cell.removeAttribute('aria-sort')
    }
  }

  #draw() {
    const height = this.#body.clientHeight
    const first = Math.max(0, Math.floor(this.#body.scrollTop / ROW_HEIGHT) - MARGIN)
    const count = Math.min(this.rows.length - first, Math.ceil(height / ROW_HEIGHT) + 2 * MARGIN)
    while (this.#views.length < count) {
      const view = new RowView(columnsOf(this.#kind))
      this.#views.push(view)
      this.#canvas.append(view.element)
    }
    const { sel } = state()
    for (const [index, view] of this.#views.entries()) {
      const at = first + index
      const row = index < count ? this.rows[at] : undefined
      view.show(this.#store, row, at, sel, at === this.#cursor, this.#closed)
    }

    const active = this.#views[this.#cursor - first]
    if (active !== undefined) this.#element.setAttribute('aria-activedescendant', active.element.id)
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (event.target !== this.#element && event.target !== this.#body) return
    const page = Math.max(1, Math.floor(this.#body.clientHeight / ROW_HEIGHT) - 1)
    const steps = /** @type {Record<string, number>} */ ({
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.rows.length,
      End: this.rows.length,
    })
    if (event.key === 'Enter' || event.key === ' ') this.#activate(this.#cursor)
    else if (event.key in steps) this.#move(steps[event.key])
    else return
    event.preventDefault()
  }

  /** @param {number} step */
  #move(step) {
    this.#cursor = Math.max(0, Math.min(this.rows.length - 1, this.#cursor + step))
    const top = this.#cursor * ROW_HEIGHT
    const { scrollTop, clientHeight } = this.#body
    if (top < scrollTop) this.#body.scrollTop = top
    else if (top + ROW_HEIGHT > scrollTop + clientHeight) {
      this.#body.scrollTop = top + ROW_HEIGHT - clientHeight
    }
    this.#draw()
  }

  /** @param {number} index */
  #activate(index) {
    const row = this.rows[index]
    if (row === undefined) return
    this.#cursor = index
    if ('head' in row) {
      if (!this.#closed.delete(row.head)) this.#closed.add(row.head)
      this.update()
    } else this.#open(row)
  }
}

class RowView {
  element = h('div.row', { role: 'row', id: `row-${nextView++}` })
  #mark = h('span.kind')
  #title = h('bdi.title')
  #place = h('bdi.place')
  #spark = /** @type {HTMLCanvasElement} */ (h('canvas', { width: SPARK_WIDTH * 2, height: 40 }))
  /** @type {{ key: Column, cell: HTMLElement, text: Text, bar: HTMLElement | undefined }[]} */
  #cells
  #described = ''

  /** @param {Column[]} columns */
  constructor(columns) {
    this.#cells = columns.map((key) => {
      const text = document.createTextNode('')
      const bar = 'bar' in COLUMNS[key] ? h('i.bar') : undefined
      const cell = h('div.cell.number', { role: 'gridcell' }, bar, h('span', {}, text))
      return { key, cell, text, bar }
    })
    this.element.append(
      h('div.cell.first', { role: 'gridcell' }, this.#mark, this.#title, this.#place),
      h('div.cell.spark', { role: 'gridcell' }, this.#spark),
      ...this.#cells.map(({ cell }) => cell),
    )
  }

  /**
   * @param {Store} store
   * @param {Row | undefined} row
   * @param {number} index
   * @param {string} selected
   * @param {boolean} isCursor
   * @param {Set<string>} closed
   */
  show(store, row, index, selected, isCursor, closed) {
    const { element } = this
    element.hidden = row === undefined
    if (row === undefined) return
    element.style.transform = `translateY(${index * ROW_HEIGHT}px)`
    element.dataset.index = String(index)
    element.setAttribute('aria-rowindex', String(index + 2))
    element.classList.toggle('cursor', isCursor)
    if ('head' in row) this.#showHeading(row, closed.has(row.head))
    else this.#showEntity(store, row, row.key === selected)
  }

  /** @param {Heading} heading @param {boolean} isClosed */
  #showHeading({ head, entities, sums }, isClosed) {
    this.element.classList.add('heading')
    this.element.classList.remove('selected', 'ended')
    this.element.setAttribute('aria-expanded', String(!isClosed))
    this.element.removeAttribute('aria-selected')
    this.#described = ''
    setText(this.#mark, isClosed ? '▸' : '▾')
    this.#mark.dataset.kind = ''
    setText(this.#title, visible(head))
    setText(this.#place, String(entities.length))
    this.#clear()
    for (const { key, text, bar, cell } of this.#cells) {
      cell.classList.remove('zero', 'hot')
      setText(text, sums.has(key) ? format(sums.get(key), UNITS[key]) : '')
      if (bar !== undefined) bar.style.width = '0'
    }
  }

  /** @param {Store} store @param {Entity} entity @param {boolean} isSelected */
  #showEntity(store, entity, isSelected) {
    const { element } = this
    element.classList.remove('heading')
    element.removeAttribute('aria-expanded')
    element.classList.toggle('selected', isSelected)
    element.setAttribute('aria-selected', String(isSelected))
    element.classList.toggle('ended', entity.ended !== undefined)
    const isGrouped = state().by === 'namespace'
    const described = `${entity.id} ${isGrouped} ${entity.search}`
    if (this.#described !== described) {
      this.#described = described
      const { title, place, namespace } = namesOf(entity)
      const own =
        isGrouped && place.startsWith(`${namespace} / `) ? place.slice(namespace.length + 3) : place
      setText(this.#mark, KIND_NAMES[entity.kind][0].toUpperCase())
      this.#mark.dataset.kind = entity.kind
      this.#mark.title = KIND_NAMES[entity.kind]
      setText(this.#title, visible(title))
      setText(this.#place, visible(own))
      this.#title.title = visible(place === '' ? title : `${title} — ${place}`)
    }
    for (const { key, text, bar, cell } of this.#cells) {
      const value = store.value(entity, key)
      setText(text, entity.ended !== undefined ? '' : format(value, UNITS[key]))
      cell.classList.toggle('zero', !isNumber(value) || Number(value) < QUIET[UNITS[key]])
      cell.classList.toggle('hot', UNITS[key] === '1' && Number(value) >= HOT)
      if (bar !== undefined) bar.style.width = barWidth(store, key, value)
    }
    this.#drawSpark(entity)
  }

  #clear() {
    const context = this.#spark.getContext('2d')
    context?.clearRect(0, 0, this.#spark.width, this.#spark.height)
  }

  /** @param {Entity} entity */
  #drawSpark({ spark }) {
    const context = this.#spark.getContext('2d')
    if (context === null) return
    const { width, height } = this.#spark
    context.clearRect(0, 0, width, height)
    let most = MIN_SPARK
    for (const value of spark) if (value > most) most = value
    const step = width / SPARK_POINTS
    const start = width - spark.length * step
    const y = (/** @type {number} */ value) => height - 3 - (value / most) * (height - 8)
    context.beginPath()
    let isDown = false
    for (let index = 0; index < spark.length; index++) {
      const value = spark[index]
      if (Number.isNaN(value)) {
        isDown = false
        continue
      }
      const x = start + (index + 0.5) * step
      if (isDown) context.lineTo(x, y(value))
      else context.moveTo(x, y(value))
      isDown = true
    }
    context.strokeStyle = colours.line
    context.lineWidth = 2
    context.lineJoin = 'round'
    context.stroke()
  }
}

let nextView = 0
const SPARK_WIDTH = 110
/** CPUs; below, a row's line stays flat. */
const MIN_SPARK = 0.02
/** Pressure that asks for attention. */
const HOT = 0.2

/** @type {Record<string, string>} */
const UNITS = {
  cpu: '{cpu}',
  memory: 'By',
  read: 'By/s',
  write: 'By/s',
  cpuSome: '1',
  memorySome: '1',
  ioSome: '1',
  faults: '{fault}/s',
  switches: '{context_switch}/s',
  processes: '{process}',
}
/** Below these, a value is as good as none. @type {Record<string, number>} */
const QUIET = {
  '{cpu}': 0.0005,
  By: 1,
  'By/s': 0.5,
  1: 0.00005,
  '{fault}/s': 0.005,
  '{context_switch}/s': 0.005,
  '{process}': 0.5,
}

/** Of the lines; they follow the theme. */
export const colours = { line: '#5aa9ff' }

/** @param {Store} store @param {Column} key @param {number | null | undefined} value */
function barWidth(store, key, value) {
  const whole = key === 'cpu' ? store.node.cpus : store.node.memory
  const part = Math.min(1, Math.max(0, Number(value) / whole)) || 0
  return part < 0.005 ? '0' : `${(part * 100).toFixed(1)}%`
}

/** @param {string} key */
function sortBy(key) {
  const { sort, dir } = state()
  const first = key === 'name' ? 'asc' : 'desc'
  go({ sort: key, dir: sort === key ? (dir === 'desc' ? 'asc' : 'desc') : first })
}

/**
 * @param {Store} store
 * @param {string} kind
 * @param {string} query words that must all be there.
 * @param {string} sort
 * @param {string} dir
 */
function select(store, kind, query, sort, dir) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  /** @type {Entity[]} */
  const found = []
  for (const entity of store.entities.values()) {
    if (entity.kind === 'node' || (kind !== 'all' && entity.kind !== kind)) continue
    if (words.length > 0 && !words.every((word) => entity.search.includes(word))) continue
    found.push(entity)
  }
  const sign = dir === 'desc' ? -1 : 1
  if (sort === 'name') {
    found.sort((a, b) => sign * (a.search < b.search ? -1 : a.search > b.search ? 1 : 0))
    return found
  }
  const keyed = found.map((entity) => ({
    entity,
    value: entity.ended !== undefined ? -1 : (store.value(entity, sort) ?? -0.5),
  }))
  // Equal values keep an order, so that quiet rows do not dance.
  keyed.sort((a, b) => sign * (a.value - b.value) || a.entity.id - b.entity.id)
  return keyed.map(({ entity }) => entity)
}

/**
 * The rows that there are now: those that were there keep their order, new ones come behind them.
 * @template T
 * @param {T[]} before
 * @param {T[]} found
 * @param {(row: T) => string | number} key
 * @returns {T[]}
 */
function inOrderOf(before, found, key) {
  const places = new Map(before.map((row, place) => [key(row), place]))
  const placeOf = (/** @type {T} */ row) => places.get(key(row)) ?? before.length
  return found.toSorted((a, b) => placeOf(a) - placeOf(b))
}

/** @param {Store} store @param {Entity[]} entities @param {Column[]} columns */
function sumsOf(store, entities, columns) {
  /** @type {Map<string, number>} */
  const sums = new Map()
  const kinds = new Set(entities.map(({ kind }) => kind))
  for (const key of columns) {
    // Of several kinds a sum would count the same usage twice.
    if (UNITS[key] === '1' || kinds.size > 1) continue
    let sum = 0
    let isKnown = false
    for (const entity of entities) {
      const value = store.value(entity, key)
      if (!isNumber(value)) continue
      isKnown = true
      sum += Number(value)
    }
    if (isKnown) sums.set(key, sum)
  }
  return sums
}

/** @param {Row} one @param {Row} other */
function sameRow(one, other) {
  if ('head' in one || 'head' in other)
    return 'head' in one && 'head' in other && one.head === other.head
  return one.id === other.id
}
