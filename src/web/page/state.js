/** What is looked at, in the address: a link shows the same view. */

const DEFAULTS = {
  view: 'now',
  kind: 'group',
  q: '',
  sort: 'cpu',
  dir: 'desc',
  by: '',
  sel: '',
  range: '300',
  pid: '',
}

/** @typedef {typeof DEFAULTS} State */

/** @type {State} */
let current = read()
/** @type {((state: State, before: State) => void)[]} */
const listeners = []

export function state() {
  return current
}

/** @param {(state: State, before: State) => void} listener */
export function onState(listener) {
  listeners.push(listener)
}

/**
 * Changes the view.
 * @param {Partial<State>} change
 * @param {boolean} isStep whether Back returns to the view before.
 */
export function go(change, isStep = false) {
  const next = { ...current, ...change }
  const hash = write(next)
  if (isStep) history.pushState(null, '', hash)
  else history.replaceState(null, '', hash)
  take(next)
}

/** @param {State} state */
function write(state) {
  const query = new URLSearchParams()
  for (const [key, value] of Object.entries(state)) {
    if (value !== DEFAULTS[/** @type {keyof State} */ (key)]) query.set(key, value)
  }
  return `#${query}`
}

/** @returns {State} */
function read() {
  const query = new URLSearchParams(location.hash.slice(1))
  return /** @type {State} */ (
    Object.fromEntries(
      Object.entries(DEFAULTS).map(([key, value]) => [key, query.get(key) ?? value]),
    )
  )
}

/** @param {State} next */
function take(next) {
  const before = current
  current = next
  for (const listener of listeners) listener(current, before)
}

addEventListener('hashchange', () => take(read()))
addEventListener('popstate', () => take(read()))
