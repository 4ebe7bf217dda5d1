/** One entity in full: identity, figures, events. */
import { download, fileName, pastCsv } from './csv.js'
import { fill, h, setText, visible } from './dom.js'
import { clock, format, span } from './format.js'
import { KIND_NAMES, namesOf } from './names.js'
import { colour, EVENT_COLOURS, Plot, plotsOf } from './plots.js'
import { go, state } from './state.js'

/**
 * @typedef {import('./store.js').Entity} Entity
 * @typedef {import('./store.js').Store} Store
 */

const MAX_EVENTS = 50

export class Detail {
  #element
  #store
  #key = ''
  #shown = ''
  /** @type {Plot[]} */
  #plots = []
  #facts = h('dl.facts')
  #events = h('ol.events')
  #peaks = h('p.peaks')
  #note = h('p.note')
  #title = h('h2', { tabIndex: -1 })
  #place = h('bdi.place')
  #isBusy = false

  /** @param {HTMLElement} element @param {Store} store */
  constructor(element, store) {
    this.#element = element
    this.#store = store
  }

  get isOpen() {
    return !this.#element.hidden
  }

  /** Shows what the address says. */
  async update() {
    const { sel } = state()
    const entity = sel === '' ? undefined : this.#store.byKey.get(sel)
    if (sel === '' || (entity === undefined && this.#key !== sel)) {
      this.#close()
      return
    }
    if (entity === undefined) {
      setText(this.#note, 'It has ended, and its past has left the window.')
      return
    }
    if (this.#key !== sel) this.#open(entity)
    this.#describe(entity)
    // One question at a time: the agent may be slow.
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      const past = await this.#store.past(entity)
      if (this.#key !== entity.key) return
      for (const plot of this.#plots) plot.show(past, this.#store.time, Number(state().range))
      this.#tell(past.events)
      this.#showPeaks(past.peaks)
    } finally {
      this.#isBusy = false
    }
  }

  recolour() {
    for (const plot of this.#plots) plot.recolour()
  }

  #close() {
    if (this.#element.hidden) return
    this.#key = ''
    this.#shown = ''
    for (const plot of this.#plots) plot.close()
    this.#plots = []
    this.#element.hidden = true
    document.body.classList.remove('has-detail')
  }

  /** @param {Entity} entity */
  #open(entity) {
    for (const plot of this.#plots) plot.close()
    this.#key = entity.key
    this.#shown = ''
    const live = () => this.#store.byKey.get(this.#key)
    this.#plots = plotsOf(
      { cpu: () => live()?.cpuLimit, memory: () => live()?.memoryLimit },
      entity.kind,
    ).map((spec) => new Plot(spec, 112))
    const button = (
      /** @type {string} */ text,
      /** @type {() => void} */ onclick,
      /** @type {string} */ title,
    ) => h('button', { type: 'button', onclick, title }, text)
    fill(
      this.#element,
      h(
        'header',
        {},
        h('div', {}, this.#title, this.#place),
        h(
          'div.tools',
          {},
          entity.kind === 'group' &&
            !entity.others &&
            button(
              'Explain',
              () => go({ view: 'explain', pid: '' }, true),
              'Why these processes are in this group',
            ),
          button('CSV', () => void this.#download(), 'Download these plots as CSV'),
          h(
            'button',
            {
              type: 'button',
              'aria-label': 'Close',
              title: 'Close (Esc)',
              onclick: () => go({ sel: '' }, true),
            },
            '✕',
          ),
        ),
      ),
      this.#note,
      this.#peaks,
      h('div.stack', {}, ...this.#plots.map(({ element }) => element)),
      h('h3', {}, 'What happened'),
      this.#events,
      h('h3', {}, 'Identity'),
      this.#facts,
    )
    this.#element.hidden = false
    document.body.classList.add('has-detail')
  }

  async #download() {
    const entity = this.#store.byKey.get(this.#key)
    if (entity === undefined) return
    const past = await this.#store.past(entity)
    const { title } = namesOf(entity)
    const from = this.#store.time - Number(state().range)
    download(fileName(title, this.#store.time), pastCsv(this.#store, past, from))
  }

  /** @param {Entity} entity */
  #describe(entity) {
    const described = JSON.stringify([
      entity.attributes,
      entity.ended,
      entity.cpuLimit,
      entity.memoryLimit,
    ])
    setText(this.#note, this.#noteOf(entity))
    this.#note.hidden = this.#note.textContent === ''
    if (described === this.#shown) return
    this.#shown = described
    const { title, place } = namesOf(entity)
    fill(
      this.#title,
      h('span.kind', { 'data-kind': entity.kind }, KIND_NAMES[entity.kind]),
      h('bdi', {}, visible(title)),
    )
    setText(this.#place, visible(place))
    const facts = [
      ...Object.entries(entity.attributes),
      ['first seen', `${clock(entity.since)}, ${span(this.#store.time - entity.since)} ago`],
      ...(entity.ended === undefined ? [] : [['ended', clock(entity.ended)]]),
      ...(entity.cpuLimit === undefined ? [] : [['CPU limit', format(entity.cpuLimit, '{cpu}')]]),
      ...(entity.memoryLimit === undefined
        ? []
        : [['memory limit', format(entity.memoryLimit, 'By')]]),
    ]
    fill(
      this.#facts,
      ...facts.flatMap(([key, value]) => [
        h('dt', {}, visible(String(key))),
        h('dd', {}, h('bdi', {}, visible(String(value)))),
      ]),
    )
  }

  /** @param {Entity} entity */
  #noteOf({ kind, ended, others }) {
    const { recorder, groupInterval } = this.#store
    if (others)
      return 'Those that use too little to have a past of their own, in sum; of pressure the largest.'
    if (ended !== undefined) return `Ended at ${clock(ended)}.`
    if (recorder === null)
      return 'Nothing is recorded: this is what the page has seen since it was opened.'
    if (kind === 'group' && groupInterval > recorder.interval) {
      return `Process groups are read every ${span(groupInterval)} while this page is open, else as often as collection.interval says; in between the average is drawn.`
    }
    return ''
  }

  /** The largest of the last minute, within any second of it. @param {Record<string, number>} peaks */
  #showPeaks(peaks) {
    const words = Object.entries(peaks)
      .filter(([figure, value]) => PEAK_WORDS[figure] !== undefined && value > 0)
      .map(
        ([figure, value]) =>
          `${PEAK_WORDS[figure]} ${format(value, this.#store.figures[figure].unit)}`,
      )
    setText(this.#peaks, words.length === 0 ? '' : `Peaks of the last minute: ${words.join(' · ')}`)
    this.#peaks.hidden = words.length === 0
  }

  /** @param {import('./store.js').PastEvent[]} events */
  #tell(events) {
    const newest = events.slice(-MAX_EVENTS).reverse()
    const text = JSON.stringify(newest)
    if (this.#events.dataset.text === text) return
    this.#events.dataset.text = text
    if (newest.length === 0) {
      fill(this.#events, h('li.none', {}, 'no start, exit or restart in this time'))
      return
    }
    fill(
      this.#events,
      ...newest.map(({ type, count, at }) => {
        const mark = h('i.dot')
        mark.style.background = colour(EVENT_COLOURS[type] ?? '--muted')
        return h('li', {}, h('time', {}, clock(at)), mark, EVENT_WORDS[type]?.(count) ?? type)
      }),
    )
  }
}

/** @type {Record<string, string>} */
const PEAK_WORDS = {
  cpu: 'CPU',
  memory: 'memory',
  cpuSome: 'waiting for CPU',
  memorySome: 'for memory',
  ioSome: 'for storage',
}

/** @type {Record<string, (count: number) => string>} */
const EVENT_WORDS = {
  start: () => 'seen for the first time',
  end: () => 'gone',
  exit: (count) => (count === 1 ? 'a process exited' : `${count} processes exited`),
  restart: (count) =>
    count === 1
      ? 'restarted: new processes when all earlier ones were gone'
      : `restarted ${count} times`,
}
