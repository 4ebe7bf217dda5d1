/** Plots by uPlot, of figures over time. */
import { fill, h, setText } from './dom.js'
import { clock, format, tick } from './format.js'

/**
 * @typedef {import('./store.js').Past} Past
 * @typedef {{ figure: string, label: string, colour: string }} Line
 * @typedef {{ title: string, unit: string, lines: Line[], top?: () => number | undefined, least?: number }} Spec
 */

/** @type {any} */
const uPlot = /** @type {any} */ (globalThis).uPlot

/** Pressure of all resources: `some` only where a plot is small. @param {boolean} isWhole @returns {Spec} */
function pressure(isWhole) {
  const lines = [
    { figure: 'cpuSome', label: 'cpu', colour: '--cpu' },
    { figure: 'memorySome', label: 'mem', colour: '--memory' },
    { figure: 'ioSome', label: 'io', colour: '--io' },
  ]
  const full = [
    { figure: 'memoryFull', label: 'mem full', colour: '--memory-full' },
    { figure: 'ioFull', label: 'io full', colour: '--io-full' },
  ]
  return { title: 'Pressure', unit: '1', lines: isWhole ? [...lines, ...full] : lines, least: 0.05 }
}

/** @type {(limits: { cpu?: () => number | undefined, memory?: () => number | undefined }, kind: string) => Spec[]} */
export function plotsOf(limits, kind) {
  const isGroup = kind === 'group'
  return [
    {
      title: 'CPU',
      unit: '{cpu}',
      lines: [
        { figure: 'cpu', label: 'in use', colour: '--cpu' },
        ...(isGroup ? [{ figure: 'runDelay', label: 'run delay', colour: '--io' }] : []),
      ],
      least: 0.05,
      ...(limits.cpu && { top: limits.cpu }),
    },
    {
      title: 'Memory',
      unit: 'By',
      lines: [{ figure: 'memory', label: isGroup ? 'resident' : 'in use', colour: '--memory' }],
      least: 1024 * 1024,
      ...(limits.memory && { top: limits.memory }),
    },
    {
      title: 'Storage',
      unit: 'By/s',
      lines: [
        { figure: 'read', label: 'read', colour: '--read' },
        { figure: 'write', label: 'write', colour: '--write' },
      ],
      least: 1024,
    },
    ...(isGroup
      ? [
          {
            title: 'Context switches',
            unit: '{context_switch}/s',
            lines: [{ figure: 'switches', label: 'a second', colour: '--io' }],
            least: 1,
          },
          {
            title: 'Processes',
            unit: '{process}',
            lines: [{ figure: 'processes', label: 'processes', colour: '--read' }],
            least: 1,
          },
        ]
      : [pressure(kind !== 'node')]),
  ]
}

export class Plot {
  element = h('figure.plot')
  #spec
  #legend = h('figcaption')
  #holder = h('div.canvas')
  /** @type {any} */
  #plot
  /** @type {Line[]} */
  #lines = []
  /** @type {{ text: HTMLElement, line: Line }[]} */
  #entries = []
  #at = h('span.at')
  #empty = h('p.none', {}, 'nothing yet')
  /** @type {Past} */
  #past = { times: [], figures: {}, events: [], peaks: {} }
  #range = 300
  #end = 0
  #height
  /** @type {any[]} */
  #data = []
  /** @type {number | null} */
  #hover = null

  /** @param {Spec} spec @param {number} height */
  constructor(spec, height) {
    this.#spec = spec
    this.#height = height
    this.element.append(this.#legend, this.#holder)
    new ResizeObserver(() => this.#resize()).observe(this.#holder)
  }

  /**
   * @param {Past} past
   * @param {number} end seconds since the epoch.
   * @param {number} range seconds.
   */
  show(past, end, range) {
    this.#past = past
    // What has not been recorded yet takes no room.
    this.#range = Math.min(range, Math.max(MIN_RANGE, end - (past.times[firstSeen(past)] ?? end)))
    this.#end = end
    const has = (/** @type {Line} */ { figure }) =>
      past.figures[figure]?.some((value) => value !== null) ?? false
    const lines = this.#spec.lines.filter(has)
    if (lines.length !== this.#lines.length) {
      this.#lines = lines
      this.#destroy()
    }
    const first = lowerBound(past.times, end - range - 5)
    this.#data = [
      past.times.slice(first),
      ...lines.map(({ figure }) => past.figures[figure].slice(first)),
    ]
    this.#empty.hidden = lines.length > 0
    if (lines.length === 0) {
      if (this.#entries.length > 0 || this.#legend.childElementCount === 0) this.#drawLegend()
      const isAbsent = past.times.length > 5
      setText(this.#empty, isAbsent ? 'not measured here' : 'nothing yet')
      this.element.classList.toggle('absent', isAbsent)
      if (!this.#empty.isConnected) this.#holder.append(this.#empty)
      return
    }
    this.element.classList.remove('absent')
    if (this.#plot === undefined) this.#create()
    else this.#plot.setData(this.#data, true)
    this.#tell()
  }

  /** Draws again in the colours of now. */
  recolour() {
    this.#destroy()
    if (this.#lines.length > 0) this.#create()
  }

  close() {
    this.#destroy()
  }

  #destroy() {
    this.#plot?.destroy()
    this.#plot = undefined
  }

  #resize() {
    const width = this.#holder.clientWidth
    if (width > 0) this.#plot?.setSize({ width, height: this.#height })
  }

  #drawLegend() {
    this.#entries = this.#lines.map((line) => ({ line, text: h('b') }))
    fill(
      this.#legend,
      h('span.name', {}, this.#spec.title),
      ...this.#entries.map(({ line, text }) => {
        const dot = h('i.dot')
        dot.style.background = colour(line.colour)
        return h('span.entry', {}, dot, this.#lines.length > 1 ? `${line.label} ` : '', text)
      }),
      this.#at,
    )
  }

  #create() {
    const { unit, top, least = 0 } = this.#spec
    this.#drawLegend()
    const muted = colour('--muted')
    const grid = colour('--grid')
    const font = '10px system-ui, sans-serif'
    this.#plot = new uPlot(
      {
        width: Math.max(50, this.#holder.clientWidth),
        height: this.#height,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: {
          sync: { key: 'time' },
          y: false,
          drag: { x: false, y: false },
          points: { size: 5 },
        },
        scales: {
          x: { time: true, range: () => [this.#end - this.#range, this.#end] },
          y: {
            range: (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ most) => {
              const limit = top?.()
              const high = Math.max(least, (most ?? 0) * 1.12)
              return [
                0,
                limit !== undefined && high > limit * 0.5 ? Math.max(high, limit * 1.02) : high,
              ]
            },
          },
        },
        axes: [
          {
            stroke: muted,
            font,
            size: 22,
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            space: 70,
            values: (/** @type {any} */ _, /** @type {number[]} */ splits) =>
              splits.map((split) => clock(split).slice(0, this.#range > 600 ? 5 : 8)),
          },
          {
            stroke: muted,
            font,
            size: 52,
            gap: 4,
            grid: { stroke: grid, width: 1 },
            ticks: { show: false },
            space: 28,
            incrs: unit.startsWith('By') ? BINARY_STEPS : undefined,
            values: (/** @type {any} */ _, /** @type {number[]} */ splits) =>
              splits.map((split) => tick(split, unit)),
          },
        ],
        series: [
          {},
          ...this.#lines.map((line, index) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 1.5,
            points: { show: false },
            spanGaps: false,
            ...(index === 0 && { fill: `${colour(line.colour)}22` }),
          })),
        ],
        hooks: {
          draw: [(/** @type {any} */ plot) => this.#mark(plot)],
          setCursor: [
            (/** @type {any} */ plot) => {
              this.#hover = plot.cursor.idx ?? null
              this.#tell()
            },
          ],
        },
      },
      this.#data,
      this.#holder,
    )
  }

  /** The values under the cursor, or the last ones. */
  #tell() {
    const isHovered = this.#hover !== null && this.#hover < (this.#data[0]?.length ?? 0)
    for (const [index, { text }] of this.#entries.entries()) {
      const values = this.#data[index + 1] ?? []
      const value = isHovered ? values[/** @type {number} */ (this.#hover)] : lastOf(values)
      setText(text, format(value, this.#spec.unit))
    }
    setText(this.#at, isHovered ? clock(this.#data[0][/** @type {number} */ (this.#hover)]) : '')
  }

  /** Starts, exits and restarts, and the limit. @param {any} plot */
  #mark(plot) {
    const { ctx, bbox } = plot
    ctx.save()
    const events = this.#past.events.filter(({ at }) => at >= this.#end - this.#range)
    for (const { type, at } of events) {
      const x = Math.round(plot.valToPos(at, 'x', true)) + 0.5
      if (x < bbox.left || x > bbox.left + bbox.width) continue
      ctx.strokeStyle = colour(EVENT_COLOURS[type] ?? '--muted')
      ctx.fillStyle = ctx.strokeStyle
      // Many would hide what they are about.
      if (events.length <= MAX_LINES) {
        ctx.setLineDash([3, 3])
        ctx.beginPath()
        ctx.moveTo(x, bbox.top)
        ctx.lineTo(x, bbox.top + bbox.height)
        ctx.stroke()
      }
      ctx.setLineDash([])
      const size = 4 * devicePixelRatio
      const isEnd = type === 'end' || type === 'exit'
      ctx.beginPath()
      ctx.moveTo(x - size, bbox.top + (isEnd ? 0 : size))
      ctx.lineTo(x + size, bbox.top + (isEnd ? 0 : size))
      ctx.lineTo(x, bbox.top + (isEnd ? size : 0))
      ctx.fill()
    }
    const limit = this.#spec.top?.()
    if (limit !== undefined) {
      const y = Math.round(plot.valToPos(limit, 'y', true)) + 0.5
      if (y >= bbox.top) {
        ctx.strokeStyle = colour('--limit')
        ctx.setLineDash([6, 4])
        ctx.beginPath()
        ctx.moveTo(bbox.left, y)
        ctx.lineTo(bbox.left + bbox.width, y)
        ctx.stroke()
      }
    }
    ctx.restore()
  }
}

/** @type {Record<string, string>} */
export const EVENT_COLOURS = {
  start: '--good',
  end: '--bad',
  exit: '--bad',
  restart: '--warn',
}

const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power)

/** @param {string} variable @returns {string} */
export function colour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(variable).trim()
}

/** Markers that have a line. */
const MAX_LINES = 12
/** Seconds. */
const MIN_RANGE = 60

/** @param {Past} past @returns {number} index of the first time that has any value. */
function firstSeen({ times, figures }) {
  const columns = Object.values(figures)
  for (let index = 0; index < times.length; index++) {
    if (columns.some((values) => values[index] !== null && values[index] !== undefined))
      return index
  }
  return times.length
}

/** @param {number[]} sorted @param {number} value */
function lowerBound(sorted, value) {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** @param {(number | null)[]} values */
function lastOf(values) {
  for (let index = values.length - 1; index >= 0; index--) {
    if (values[index] !== null) return values[index]
  }
  return null
}
