import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { userNames } from '../../src/workloads/users.ts'
import { parseSamples } from '../../test/support/exposition.ts'
import { processGroups } from '../../test/support/process-groups.ts'
import { type Check, require } from '../check.ts'
import { differences } from '../process-exporter/compare.ts'
import { RandomNode } from '../process-exporter/random-node.ts'
import { Scope } from '../support/children.ts'
import { freePort, get, untilReady } from '../support/http.ts'
import { needPackage } from '../support/packages.ts'

const PROGRAM = 'prometheus-process-exporter'
const SEEDS = 500
const SCRAPES = 4

export const check: Check = {
  title: 'the real process-exporter and the agent say the same of made-up nodes that change',

  async run({ print }) {
    await needPackage(PROGRAM, PROGRAM)
    const only = process.env.SEED
    const seeds =
      only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)]
    const samples = { corrected: 0, strict: 0 }
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

/** Lets both watch a node, and gives the differences of the first scrape that has any. */
async function compareNode(
  seed: number,
  strict: boolean,
): Promise<{ lines: string[]; compared: number }> {
  await using scope = new Scope()
  const node = new RandomNode(seed, strict)
  scope.onEnd(() => node.dispose())
  const { rules, children, recheck, threads, smaps } = node
  const file = join(scope.directory(), 'rules.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify({ process_names: rules }))
  const address = `127.0.0.1:${await freePort()}`
  scope.spawn(PROGRAM, [
    `-config.path=${file}`,
    `-procfs=${node.tree.root}`,
    `-children=${children}`,
    `-recheck=${recheck}`,
    `-threads=${threads}`,
    `-gather-smaps=${smaps}`,
    `-web.listen-address=${address}`,
  ])
  await untilReady(`http://${address}/`)
  const ours = processGroups(node.tree.root, {
    rules,
    children,
    // Without children process-exporter judges the others again every time, asked or not.
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
    const theirs = parseSamples(await get(`http://${address}/metrics`))
    const lines = differences(theirs, parseSamples(await ours.text()), strict)
    if (lines.length > 0) return { lines: [`scrape ${scrape + 1}`, ...lines], compared }
    compared += theirs.length
    node.change()
  }
  return { lines: [], compared }
}
