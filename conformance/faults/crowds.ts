/** Far more of everything than any node has: the collectors yield to other work, and stay within the limit of series. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SETTINGS } from '../../src/config/settings.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { BY_COMM, processGroups } from '../../test/support/process-groups.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { require } from '../check.ts'
import { collectCgroups } from './cgroup-collector.ts'
import { readPage } from './page.ts'
import type { Watch } from './watch.ts'

const IN_A_DIRECTORY = 1000
/** The agent's own limit. */
const MAX_SERIES = Number(SETTINGS['limits.series'].default)

/**
 * Looks at a tree of so many cgroups.
 *
 * @throws Error that says what does not hold.
 */
export async function lookAtCgroups(count: number, watch: Watch): Promise<void> {
  const procfs = new ProcfsTree()
  const root = mkdtempSync(join(tmpdir(), 'cgroups-'))
  try {
    writeFileSync(join(root, 'cgroup.controllers'), '\n')
    for (let index = 0; index < count; index++) {
      const directory = join(root, String(Math.floor(index / IN_A_DIRECTORY)), String(index))
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'cpu.stat'), 'usage_usec 5\nuser_usec 3\nsystem_usec 2\n')
    }
    const collect = collectCgroups(root, procfs.root, new TimeSlice(), { maxSeries: MAX_SERIES })
    for (let collection = 0; collection < 2; collection++) {
      const { samples } = readPage(await watch.over(collect))
      const cgroups = samples.find(({ name }) => name === 'cgroup_collection_cgroups')?.value
      require(cgroups === count, `${cgroups} of ${count} cgroups are measured`)
      require(samples.length <= MAX_SERIES, `there are ${samples.length} series`)
    }
  } finally {
    procfs.dispose()
    rmSync(root, { recursive: true, force: true })
  }
}

/**
 * Looks at a process of so many threads, each with a name of its own.
 *
 * @throws Error that says what does not hold.
 */
export async function lookAtThreads(count: number, watch: Watch): Promise<void> {
  const tree = new ProcfsTree()
  try {
    const threads = Array.from({ length: count }, (_, index) => [index + 1, { comm: `t${index}` }])
    tree.set(1, { comm: 'crowd', threads: Object.fromEntries(threads) })
    const groups = processGroups(tree.root, { rules: BY_COMM, maxSeries: MAX_SERIES })
    for (let collection = 0; collection < 2; collection++) {
      const { samples } = readPage(await watch.over(groups.text))
      const threads = samples.find(({ name }) => name === 'namedprocess_namegroup_num_threads')
      require(threads?.value === count, `${threads?.value} of ${count} threads are counted`)
      require(samples.length <= MAX_SERIES, `there are ${samples.length} series`)
    }
  } finally {
    tree.dispose()
  }
}

/**
 * Looks at so many processes, each a group of its own.
 *
 * @throws Error that says what does not hold.
 */
export async function lookAtGroups(count: number, watch: Watch): Promise<void> {
  const tree = new ProcfsTree()
  try {
    for (let pid = 1; pid <= count; pid++) tree.set(pid, {})
    const rules = [{ name: '{{.PID}}', cmdline: ['.*'] }]
    const groups = processGroups(tree.root, { rules, maxSeries: MAX_SERIES })
    for (let collection = 0; collection < 2; collection++) {
      const { samples } = readPage(await watch.over(groups.text))
      const grouped = samples.find(
        ({ name, labels }) =>
          name === 'procgroup_collection_processes' &&
          labels.procgroup_collection_outcome === 'grouped',
      )
      require(grouped?.value === count, `${grouped?.value} of ${count} processes are in groups`)
      require(samples.length <= MAX_SERIES, `there are ${samples.length} series`)
    }
  } finally {
    tree.dispose()
  }
}
