/** The agent in the place of process-exporter: the same command line, the same page of metrics. */
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { freePort } from '../../test/support/free-port.ts'
import { require } from '../check.ts'
import { startArguments } from '../support/agent.ts'
import { Scope } from '../support/children.ts'
import { buildGo } from '../support/go.ts'
import { get, untilReady } from '../support/http.ts'
import { differences } from './compare.ts'
import { RandomNode } from './random-node.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const UPSTREAM = fileURLToPath(new URL('upstream', import.meta.url))
const SCRAPES = 3
/** Made-up processes change without running, and between two scrapes there is no second. */
const VARIABLES = {
  OTEL_INTERROGATOR_PROCESS_GROUPS_REFRESH: '0s',
  OTEL_INTERROGATOR_COLLECTION_MAX_AGE: '0s',
}

/** Metrics that docs/migrating-from-process-exporter.md names as additions. */
const ADDED = /^(?:namedprocess_|procgroup_|workload_|otel_interrogator_|nodejs_|process_)/
/** Metrics that the same page names as missing. */
const MISSING =
  /^(?:go_|promhttp_|process_exporter_build_info|process_virtual_memory_max_bytes|process_network_)/
/** The most that the page may be larger than process-exporter's own metrics of processes. */
const MAX_LARGER = 1.5

/** Command lines as users have them; `FILE` stands for their file. */
const COMMAND_LINES: readonly { words: readonly string[]; file?: string }[] = [
  { words: [] },
  { words: ['-procnames', 'nginx,java', '-threads=false'] },
  {
    words: ['-config.path', 'FILE', '-recheck'],
    file: "process_names:\n  - name: '{{.Comm}}'\n    cmdline: ['.+']\n",
  },
  {
    words: ['--config.path=FILE', '-children=false', '-recheck', '-gather-smaps=false'],
    file: [
      'enabled: true',
      'process_names:',
      '  - {name: never, comm: [there-is-none]}',
      "  - {name: '{{.Matches.x}}/{{.Username}}', cmdline: ['(?P<x>\\w+)$']}",
    ].join('\n'),
  },
]

/** process-exporter 0.8, of its Go module. */
export function buildUpstream(): Promise<string> {
  const target = 'github.com/ncabatoff/process-exporter/cmd/process-exporter'
  return buildGo(UPSTREAM, 'process-exporter', 'go.mod', target)
}

/**
 * Runs both with each command line on a made-up node, and once on this machine.
 *
 * @returns how many samples were compared, and how much larger the agent's page is than the other's.
 */
export async function compareDropIn(program: string): Promise<{ compared: number; ratio: number }> {
  let compared = 0
  for (const [index, { words, file }] of COMMAND_LINES.entries()) {
    await using scope = new Scope()
    const node = new RandomNode(index + 1, false)
    scope.onEnd(() => node.dispose())
    const both = await startBoth(scope, program, [...words, `-procfs=${node.tree.root}`], file)
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      const { theirs, ours } = await both()
      const lines = [
        ...differences(parseSamples(theirs), parseSamples(ours), false),
        ...otherNames(parseSamples(theirs), parseSamples(ours)),
        ...otherGroups(parseSamples(theirs), parseSamples(ours)),
      ]
      const title = `${words.join(' ')}, scrape ${scrape + 1}`
      require(lines.length === 0, `${title}: ${lines.slice(0, 5).join('; ')}`)
      compared += parseSamples(theirs).length
      node.change()
    }
  }
  await using scope = new Scope()
  const [, , { words, file }] = COMMAND_LINES
  const { theirs, ours } = await (await startBoth(scope, program, words, file))()
  const ratio = sizeOf(ours) / sizeOf(theirs)
  require(ratio < MAX_LARGER, `the page is ${ratio.toFixed(2)} times as large as the original's`)
  return { compared, ratio }
}

/** Starts both with the same words, each on a port of its own; gives their pages. */
async function startBoth(
  scope: Scope,
  program: string,
  words: readonly string[],
  file: string | undefined,
): Promise<() => Promise<{ theirs: string; ours: string }>> {
  const directory = scope.directory()
  const path = join(directory, 'rules.yaml')
  if (file !== undefined) writeFileSync(path, file)
  // The name alone gives the profile.
  const link = join(directory, 'process-exporter')
  symlinkSync(MAIN, link)
  const options = startArguments().filter((word) => word.startsWith('-'))
  const start = async (command: string, ...args: readonly string[]) => {
    const address = `127.0.0.1:${await freePort()}`
    const given = words.map((word) => word.replace('FILE', path))
    scope.spawn(command, [...args, `-web.listen-address=${address}`, ...given], {
      env: { ...process.env, ...VARIABLES },
    })
    await untilReady(`http://${address}/`)
    return () => get(`http://${address}/metrics`)
  }
  const theirs = await start(program)
  const ours = await start(process.execPath, ...options, link)
  return async () => ({ theirs: await theirs(), ours: await ours() })
}

/** Metrics that only one of them has, and that the documentation doesn't name. */
function otherNames(theirs: readonly Sample[], ours: readonly Sample[]): string[] {
  const known = new Set(theirs.map(({ name }) => name))
  const found = new Set(ours.map(({ name }) => name))
  return [
    ...[...found.difference(known)]
      .filter((name) => !ADDED.test(name))
      .map((name) => `${name} is new`),
    ...[...known.difference(found)]
      .filter((name) => !MISSING.test(name) && !name.startsWith('namedprocess_'))
      .map((name) => `${name} is missing`),
  ]
}

/** Groups that only one of them has. */
function otherGroups(theirs: readonly Sample[], ours: readonly Sample[]): string[] {
  const groups = (samples: readonly Sample[]) =>
    new Set(
      samples
        .filter(({ name }) => name === 'namedprocess_namegroup_num_procs')
        .map(({ labels }) => JSON.stringify(labels)),
    )
  return [...groups(theirs).symmetricDifference(groups(ours))].map((group) => `one has no ${group}`)
}

/** Bytes of a page without what is known of the Go runtime or its web server. */
function sizeOf(page: string): number {
  const lines = page.split('\n').filter((line) => !/^(?:# \w+ )?(?:go|promhttp)_/.test(line))
  return lines.join('\n').length
}
