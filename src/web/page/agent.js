/** What the agent itself does, and what it can't. */
import { fill, h, visible } from './dom.js'
import { format, span } from './format.js'
import { fetchJson } from './store.js'

/** @param {HTMLElement} element */
export async function showAgent(element) {
  const agent = await fetchJson('api/v1/agent')
  fill(
    element,
    h('h2', {}, 'The agent'),
    tiles([
      ['Version', agent.version],
      ['Up for', span(agent.uptime)],
      ['CPU since start', `${((agent.cpu / Math.max(1, agent.uptime)) * 100).toFixed(2)} %`],
      ['Memory', format(agent.memory, 'By')],
      ['Node.js', agent.node],
      ['PID', String(agent.pid)],
    ]),
    h('h3', {}, 'Collectors'),
    table(
      ['Collector', 'Last collection', 'Series', 'Left out', 'State'],
      agent.collectors.map((/** @type {any} */ { name, duration, series, dropped, errors }) => [
        name,
        `${(duration * 1000).toFixed(1)} ms`,
        String(series),
        String(dropped),
        errors.length === 0 ? good('ok') : bad(errors.join('; ')),
      ]),
    ),
    h('h3', {}, 'Errors by reason'),
    agent.errors.length === 0
      ? h('p.none', {}, 'None since the agent started.')
      : table(
          ['Metric', 'Of', 'Count'],
          agent.errors.map((/** @type {any} */ { metric, attributes, value }) => [
            metric,
            Object.entries(attributes)
              .map(([key, text]) => `${key}=${text}`)
              .join(' '),
            String(value),
          ]),
        ),
    h('h3', {}, 'Outputs'),
    table(['Output', 'State'], outputs(agent.outputs)),
    h('h3', {}, 'Names of containers and pods'),
    agent.nameSources.length === 0
      ? h(
          'p.none',
          {},
          'No source of names was found: containers show by id, pods by UID. See workloads.sources.',
        )
      : table(
          ['Source', 'Containers', 'Answers', 'Failures', 'State'],
          agent.nameSources.map((/** @type {any} */ source) => [
            source.name,
            String(source.containers),
            String(source.lists),
            String(source.failures),
            source.failure === undefined ? good('ok') : bad(source.failure),
          ]),
        ),
    h('h3', {}, 'Rights'),
    table(
      ['Right', 'State', 'Without it'],
      agent.rights.map((/** @type {any} */ { name, isThere, cost }) => [
        name,
        isThere ? good('held') : bad('missing'),
        cost,
      ]),
    ),
    h('h3', {}, 'Recorder'),
    agent.recorder === undefined
      ? h(
          'p.none',
          {},
          'Off. With --recorder.enabled the agent keeps the last minutes in memory, and gives peaks as metrics.',
        )
      : tiles([
          ['Resolution', span(agent.recorder.interval)],
          ['Window', span(agent.recorder.window)],
          [
            'Memory',
            `${format(agent.recorder.bytes, 'By')} of ${format(agent.recorder.maxBytes, 'By')}`,
          ],
          ['Entities left out', String(agent.recorder.omitted)],
        ]),
  )
}

/** @param {any} outputs @returns {(string | Node)[][]} */
function outputs({ prometheus, otlp }) {
  /** @type {(string | Node)[][]} */
  const rows = []
  if (prometheus !== null) rows.push(['Prometheus', h('a', { href: prometheus }, prometheus)])
  rows.push(['Pressure, as a table', h('a', { href: '/psi' }, '/psi')])
  if (otlp !== undefined) {
    const failed = Object.entries(otlp.failed).map(([reason, count]) => `${reason} ${count}`)
    rows.push(['OTLP to', otlp.endpoint])
    rows.push(['Data points taken', String(otlp.exported)])
    rows.push(['Rejected by the receiver', count(otlp.rejected)])
    rows.push(['Superseded by newer ones', count(otlp.superseded)])
    rows.push(['Failed, by reason', failed.length === 0 ? '0' : bad(failed.join(', '))])
    rows.push([
      'Requests, by status',
      Object.entries(otlp.requests)
        .map(([status, count]) => `${status} ${count}`)
        .join(', ') || '0',
    ])
  }
  if (rows.length === 0) rows.push(['none', 'metrics leave the agent in no way'])
  return rows
}

/** @param {number} value */
function count(value) {
  return value === 0 ? '0' : bad(String(value))
}

/** @param {string} text */
function good(text) {
  return h('span.good', {}, text)
}

/** @param {string} text */
function bad(text) {
  return h('span.bad', {}, h('bdi', {}, visible(text)))
}

/** @param {[string, string][]} entries */
function tiles(entries) {
  return h(
    'dl.tiles',
    {},
    ...entries.map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, visible(value)))),
  )
}

/** @param {string[]} head @param {(string | Node)[][]} rows */
function table(head, rows) {
  return h(
    'div.scroll',
    {},
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...head.map((text) => h('th', {}, text)))),
      h(
        'tbody',
        {},
        ...rows.map((row) =>
          h(
            'tr',
            {},
            ...row.map((cell) => h('td', {}, typeof cell === 'string' ? visible(cell) : cell)),
          ),
        ),
      ),
    ),
  )
}
