import { userNames } from '../../src/workloads/users.ts'
import { parseSamples } from '../../test/support/exposition.ts'
import { GOLDEN_CASES, type GoldenCase } from '../../test/support/golden-cases.ts'
import { unexpected } from '../../test/support/golden-samples.ts'
import { BY_COMM, processGroups } from '../../test/support/process-groups.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { type Check, require } from '../check.ts'
import { differences } from '../process-exporter/compare.ts'
import { buildUpstream, compareDropIn } from '../process-exporter/drop-in.ts'
import { needExporter, startExporter } from '../process-exporter/exporter.ts'
import { RandomNode } from '../process-exporter/random-node.ts'
import { Scope } from '../support/children.ts'
import { useMemory } from '../support/temporary-files.ts'

const SEEDS = 500
const SCRAPES = 4

export const check: Check = {
  title: 'the real process-exporter and the agent say the same of made-up nodes that change',

  async run({ scope, print }) {
    await needExporter()
    await compareVersions(print)
    useMemory(scope)
    const only = process.env.SEED
    if (only === undefined) {
      for (const golden of GOLDEN_CASES) await holdGolden(golden)
      print(`${GOLDEN_CASES.length} golden cases are as the real one has them`)
    }
    const seeds =
      only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)]
    const samples = { corrected: 0, strict: 0 }
    // One after the other: the agent keeps the values of a file that took long to read while it reads it again.
    for (const seed of seeds) {
      for (const mode of ['corrected', 'strict'] as const) {
        const { lines, compared } = await compareNode(seed, mode === 'strict')
        samples[mode] += compared
        const replay = `SEED=${seed} npm run conformance -- process-exporter`
        const found = `seed ${seed}, ${mode}: ${lines.slice(0, 5).join('; ')}`
        require(lines.length === 0, `${found}\n  again: ${replay}`)
      }
    }
    print(`${seeds.length} nodes with rules of their own, ${SCRAPES} scrapes each, in two modes`)
    return `${samples.corrected} samples equal but for what is corrected, ${samples.strict} without exception (strict)`
  },
}

/** Starts the agent in the place of both versions that can be had here. */
async function compareVersions(print: (line: string) => void): Promise<void> {
  const versions = {
    '0.7.10, of Debian': 'prometheus-process-exporter',
    '0.8.4': await buildUpstream(),
  }
  for (const [version, program] of Object.entries(versions)) {
    const { compared, ratio } = await compareDropIn(program)
    const size = `the page of this machine is ${ratio.toFixed(2)} times as large`
    print(`in the place of ${version}: ${compared} samples, the same names and groups; ${size}`)
  }
}

/** Holds the expectations of a golden case, which the tests hold against the agent, against the real program. */
async function holdGolden({ title, options, start, steps }: GoldenCase): Promise<void> {
  await using scope = new Scope()
  const tree = new ProcfsTree()
  scope.onEnd(() => tree.dispose())
  start(tree)
  const defaults = { rules: BY_COMM, children: true, threads: true, smaps: true, recheck: false }
  const exporter = await startExporter(scope, tree.root, { ...defaults, ...options })
  for (const [index, { change, expected }] of steps.entries()) {
    change?.(tree)
    const lines = unexpected(await exporter.scrape(), expected)
    require(lines.length === 0, `${title}, step ${index + 1}: ${lines.slice(0, 5).join('; ')}`)
  }
}

/** Lets both watch a node, and gives the differences of the first scrape that has any. */
async function compareNode(
  seed: number,
  strict: boolean,
): Promise<{ lines: string[]; compared: number }> {
  await using scope = new Scope()
  const node = new RandomNode(seed, strict)
  scope.onEnd(() => node.dispose())
  const { tree, rules, children, recheck, threads, smaps } = node
  const exporter = await startExporter(scope, tree.root, node)
  const ours = processGroups(tree.root, {
    rules,
    children,
    // Without children process-exporter classifies the other processes again at every scrape, regardless of -recheck.
    recheck: recheck || !children,
    threads,
    smaps,
    strict,
    username: userNames(),
  })
  // process-exporter has looked once when it started.
  await ours.text()
  let compared = 0
  for (let scrape = 0; scrape < SCRAPES; scrape++) {
    const theirs = await exporter.scrape()
    const lines = differences(theirs, parseSamples(await ours.text()), strict)
    if (lines.length > 0) return { lines: [`scrape ${scrape + 1}`, ...lines], compared }
    compared += theirs.length
    node.change()
  }
  return { lines: [], compared }
}
