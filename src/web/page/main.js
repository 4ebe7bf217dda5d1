/** The page: asks the agent, and shows what it says. */
import { showAgent } from './agent.js'
import { download, fileName, tableCsv } from './csv.js'
import { Detail } from './detail.js'
import { byId, fill, h, setText, visible } from './dom.js'
import { showExplain } from './explain.js'
import { span } from './format.js'
import { colour, Plot, plotsOf } from './plots.js'
import { go, onState, state } from './state.js'
import { Store } from './store.js'
import { colours, columnsOf, Table } from './table.js'

/** Milliseconds between two questions: with a recorder there is something new each second. */
const FAST = 1000
const SLOW = 2000
const MAX_WAIT = 15_000
const AGENT_MILLISECONDS = 5000

const KINDS = [
  ['group', 'Groups'],
  ['container', 'Containers'],
  ['pod', 'Pods'],
  ['cgroup', 'Slices'],
  ['all', 'All'],
]
const RANGES = [
  ['60', '1 min'],
  ['300', '5 min'],
  ['900', '15 min'],
]
const THEMES = ['auto', 'dark', 'light']
const KEYS = [
  ['/', 'search'],
  ['↑ ↓  j k', 'move in the table'],
  ['Enter', 'open the row'],
  ['Esc', 'close, or leave the search'],
  ['1 … 5', 'groups, containers, pods, slices, all'],
  ['n', 'group by namespace'],
  ['c  m  r  w', 'sort by CPU, memory, reads, writes'],
  ['d', 'download the table as CSV'],
  ['p', 'pause'],
  ['t', 'colours'],
  ['?', 'this list'],
]

const store = new Store()
const table = new Table(byId('table'), store, (entity) => go({ sel: entity.key }, true))
const detail = new Detail(byId('detail'), store)
const search = /** @type {HTMLInputElement} */ (byId('search'))
const keys = /** @type {HTMLDialogElement} */ (byId('keys'))
const plots = plotsOf({ cpu: () => store.node.cpus, memory: () => store.node.memory }, 'node').map(
  (spec) => new Plot(spec, 96),
)
let isPaused = false
let failures = 0
let agentShown = 0
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer

build()
applyTheme()
void refresh()

function build() {
  fill(byId('plots'), ...plots.map(({ element }) => element))
  fill(byId('kinds'), ...KINDS.map(([kind, text]) => segment(text, () => go({ kind }), { kind })))
  fill(
    byId('ranges'),
    ...RANGES.map(([range, text]) => segment(text, () => go({ range }), { range })),
  )
  fill(
    keys,
    h('h2', {}, 'Keys'),
    h(
      'dl.facts',
      {},
      ...KEYS.flatMap(([key, what]) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)]),
    ),
    h('button', { type: 'button', onclick: () => keys.close() }, 'Close'),
  )
  search.addEventListener('input', () => go({ q: search.value }))
  byId('by').addEventListener('click', toggleNamespace)
  byId('csv').addEventListener('click', downloadTable)
  byId('pause').addEventListener('click', togglePause)
  byId('theme').addEventListener('click', nextTheme)
  byId('help').addEventListener('click', () => keys.showModal())
  byId('skip').addEventListener('click', (event) => {
    event.preventDefault()
    table.focus()
  })
  for (const link of document.querySelectorAll('nav [data-view]')) {
    link.addEventListener('click', (event) => {
      event.preventDefault()
      go({ view: String(link.getAttribute('data-view')), pid: '' }, true)
    })
  }
  byId('home').addEventListener('click', (event) => {
    event.preventDefault()
    go({ view: 'now', sel: '', q: '', kind: 'group', by: '', pid: '' }, true)
  })
  addEventListener('keydown', onKey)
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void refresh()
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)
  onState((now, before) => {
    // Back or a new link: everything may be another one.
    if (now.q !== before.q && search.value !== now.q) search.value = now.q
    show(now.view !== before.view || now.pid !== before.pid)
  })
  search.value = state().q
}

/** @param {string} text @param {() => void} onclick @param {Record<string, string>} data */
function segment(text, onclick, data) {
  const [[key, value]] = Object.entries(data)
  return h(
    'button',
    { type: 'button', onclick, [`data-${key}`]: value },
    text,
    key === 'kind' && h('small'),
  )
}

async function refresh() {
  clearTimeout(timer)
  if (document.hidden) return
  if (!isPaused) {
    try {
      await store.refresh()
      failures = 0
      byId('notice').hidden = true
    } catch (error) {
      failures++
      const { message } = /** @type {Error} */ (error)
      setText(byId('notice'), `The agent does not answer: ${visible(message)}. Trying again.`)
      byId('notice').hidden = false
    }
    show(failures === 0 && store.time > 0 && agentShown === 0)
  }
  const usual = store.recorder === null ? SLOW : FAST
  timer = setTimeout(() => void refresh(), Math.min(MAX_WAIT, usual * 2 ** failures))
}

/** Draws everything that is in sight. @param {boolean} isNew whether another view was chosen. */
function show(isNew = false) {
  const { view, kind, by, range } = state()
  for (const name of ['now', 'agent', 'explain']) byId(name).hidden = name !== view
  for (const link of document.querySelectorAll('nav [data-view]')) {
    if (link.getAttribute('data-view') === view) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  press('kind', kind)
  press('range', range)
  byId('by').setAttribute('aria-pressed', String(by === 'namespace'))
  showStatus()
  if (store.time === 0) return
  if (view === 'agent') {
    if (isNew || Date.now() - agentShown > AGENT_MILLISECONDS) {
      agentShown = Date.now()
      showAgent(byId('agent')).catch(report)
    }
    return
  }
  if (view === 'explain') {
    if (isNew || byId('explain').childElementCount === 0)
      showExplain(byId('explain'), store).catch(report)
    return
  }
  countKinds()
  table.update()
  setText(byId('count'), countText())
  detail.update().catch(report)
  void showNode()
}

let isNodeBusy = false

async function showNode() {
  const node = store.byKey.get('node')
  if (node === undefined || isNodeBusy) return
  isNodeBusy = true
  try {
    const past = await store.past(node)
    for (const plot of plots) plot.show(past, store.time, Number(state().range))
  } catch (error) {
    report(error)
  } finally {
    isNodeBusy = false
  }
}

/** @param {unknown} error */
function report(error) {
  setText(byId('notice'), visible(/** @type {Error} */ (error).message))
  byId('notice').hidden = false
}

function showStatus() {
  const status = byId('status')
  setText(byId('node'), visible(store.node.name))
  const { recorder } = store
  const word = isPaused
    ? 'paused'
    : failures > 0
      ? 'no answer'
      : store.time === 0
        ? 'asking'
        : 'live'
  status.dataset.state = word
  const kept = recorder === null ? 'since opened' : `${span(recorder.window)} recorded`
  setText(status, store.time === 0 || word !== 'live' ? word : `live · ${kept}`)
  document.body.classList.toggle('paused', isPaused)
}

/** @param {string} key @param {string} value */
function press(key, value) {
  for (const button of document.querySelectorAll(`button[data-${key}]`)) {
    button.setAttribute('aria-pressed', String(button.getAttribute(`data-${key}`) === value))
  }
}

function countKinds() {
  /** @type {Record<string, number>} */
  const counts = {}
  for (const { kind, ended } of store.entities.values()) {
    if (ended === undefined && kind !== 'node') counts[kind] = (counts[kind] ?? 0) + 1
  }
  for (const small of document.querySelectorAll('button[data-kind] small')) {
    const kind = /** @type {Element} */ (small.parentElement).getAttribute('data-kind') ?? ''
    setText(small, kind === 'all' ? '' : String(counts[kind] ?? 0))
  }
}

function countText() {
  const { q, kind } = state()
  const count = table.shown.length
  if (count === 0 && q !== '') return `nothing matches “${q}”`
  if (count === 0 && kind !== 'all') return EMPTY[kind] ?? 'none'
  return q === '' ? '' : `${count} found`
}

/** @type {Record<string, string>} */
const EMPTY = {
  group: 'no process groups: process_groups.enabled is false, or no rule matches',
  container: 'no containers on this node',
  pod: 'no pods on this node',
  cgroup: 'no slices: the agent sees no cgroups of systemd',
}

function toggleNamespace() {
  go({ by: state().by === 'namespace' ? '' : 'namespace' })
}

function togglePause() {
  isPaused = !isPaused
  byId('pause').setAttribute('aria-pressed', String(isPaused))
  showStatus()
  if (!isPaused) void refresh()
}

function downloadTable() {
  const { kind } = state()
  download(
    fileName(`${store.node.name}-${kind}`, store.time),
    tableCsv(store, table.shown, columnsOf(kind)),
  )
}

function nextTheme() {
  const theme = localStorage.getItem('theme') ?? 'auto'
  localStorage.setItem('theme', THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length])
  applyTheme()
}

function applyTheme() {
  const theme = localStorage.getItem('theme') ?? 'auto'
  const isDark =
    theme === 'auto' ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark'
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
  setText(byId('theme'), theme[0].toUpperCase() + theme.slice(1))
  colours.line = colour('--cpu')
  for (const plot of plots) plot.recolour()
  detail.recolour()
  if (store.time > 0) table.update()
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || keys.open) return
  const isTyping = event.target instanceof HTMLInputElement
  if (event.key === 'Escape') {
    if (isTyping) /** @type {HTMLInputElement} */ (event.target).blur()
    if (event.target === search && search.value !== '') {
      search.value = ''
      go({ q: '' })
    } else if (state().sel !== '') go({ sel: '' }, true)
    table.focus()
    return
  }
  if (isTyping) {
    if (event.target === search && (event.key === 'ArrowDown' || event.key === 'Enter')) {
      event.preventDefault()
      table.focus()
    }
    return
  }
  const action = ACTIONS[event.key]
  if (action === undefined) return
  event.preventDefault()
  action()
}

/** @type {Record<string, () => void>} */
const ACTIONS = {
  '/': () => search.focus(),
  '?': () => keys.showModal(),
  n: toggleNamespace,
  d: downloadTable,
  p: togglePause,
  t: nextTheme,
  c: () => go({ sort: 'cpu', dir: 'desc' }),
  m: () => go({ sort: 'memory', dir: 'desc' }),
  r: () => go({ sort: 'read', dir: 'desc' }),
  w: () => go({ sort: 'write', dir: 'desc' }),
  ...Object.fromEntries(KINDS.map(([kind], index) => [String(index + 1), () => go({ kind })])),
}
