/** Why a process is in its group: rule by rule. */
import { fill, h, visible } from './dom.js'
import { namesOf } from './names.js'
import { go, state } from './state.js'
import { fetchJson } from './store.js'

/**
 * @param {HTMLElement} element
 * @param {import('./store.js').Store} store
 */
export async function showExplain(element, store) {
  const { pid, sel } = state()
  const entity = store.byKey.get(sel)
  const isOfGroup = pid === '' && entity?.kind === 'group'
  const input = /** @type {HTMLInputElement} */ (
    h('input', {
      id: 'pid',
      inputMode: 'numeric',
      placeholder: 'PID',
      value: pid,
      autocomplete: 'off',
    })
  )
  const form = h(
    'form.ask',
    {
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault()
        go({ pid: input.value.trim() }, true)
      },
    },
    h('label', { for: 'pid' }, 'Process'),
    input,
    h('button', { type: 'submit' }, 'Explain'),
  )
  const result = h('div.result', { 'aria-live': 'polite' })
  fill(element, h('h2', {}, 'Why a process is in its group'), form, result)
  if (pid === '' && !isOfGroup) {
    fill(
      result,
      h(
        'p.none',
        {},
        'Enter a PID as the agent sees it, or open a group in the table and choose Explain. Rules are tried in order; the first that matches names the group.',
      ),
    )
    input.focus()
    return
  }
  try {
    const query = isOfGroup ? `id=${entity.id}` : `pid=${encodeURIComponent(pid)}`
    const answer = await fetchJson(`api/v1/explain?${query}`)
    fill(
      result,
      isOfGroup &&
        h(
          'p',
          {},
          'Group ',
          h('b', {}, h('bdi', {}, visible(namesOf(entity).title))),
          ', by its first process. ',
          ...members(answer),
        ),
      h('pre.rules', {}, ...answer.lines.map((/** @type {string} */ line) => ruleLine(line))),
    )
  } catch (error) {
    fill(result, h('p.bad', {}, visible(/** @type {Error} */ (error).message)))
  }
}

/** @param {{ pid: number, members: number[] }} answer */
function members({ pid, members }) {
  const others = members.filter((member) => member !== pid).slice(0, 30)
  if (others.length === 0) return []
  return [
    'Others: ',
    ...others.flatMap((member, index) => [
      index > 0 ? ', ' : '',
      h(
        'a',
        {
          href: '#',
          onclick: (/** @type {Event} */ event) => {
            event.preventDefault()
            go({ pid: String(member) }, true)
          },
        },
        String(member),
      ),
    ]),
  ]
}

/** @param {string} line */
function ruleLine(line) {
  const kind =
    /^ {2}yes /.test(line) || /: matches$/.test(line)
      ? 'good'
      : /^ {2}no /.test(line)
        ? 'bad'
        : /^(in no group|group )/.test(line)
          ? 'result'
          : 'plain'
  return h(`span.line.${kind}`, {}, visible(line), '\n')
}
