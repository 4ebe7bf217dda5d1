/** Far more cgroups than any node has: the collector gives way, and keeps to the limit of series. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'
import { require } from '../check.ts'
import { collectCgroups } from './cgroup-collector.ts'
import { readPage } from './page.ts'
import type { Watch } from './watch.ts'

const IN_A_DIRECTORY = 1000
const MOST_SERIES = 20_000

/** @throws Error that says what does not hold. */
export async function lookAtCrowd(count: number, watch: Watch): Promise<void> {
  const procfs = new ProcfsTree()
  const root = mkdtempSync(join(tmpdir(), 'cgroups-'))
  try {
    writeFileSync(join(root, 'cgroup.controllers'), '\n')
    for (let index = 0; index < count; index++) {
      const directory = join(root, String(Math.floor(index / IN_A_DIRECTORY)), String(index))
      mkdirSync(directory, { recursive: true })
      writeFileSync(join(directory, 'cpu.stat'), 'usage_usec 5\nuser_usec 3\nsystem_usec 2\n')
    }
    const collect = collectCgroups(root, procfs.root, new TimeSlice(), { maxSeries: MOST_SERIES })
    for (let collection = 0; collection < 2; collection++) {
      const { samples } = readPage(await watch.over(collect))
      const cgroups = samples.find(({ name }) => name === 'cgroup_collection_cgroups')?.value
      require(cgroups === count, `${cgroups} of ${count} cgroups are measured`)
      require(samples.length <= MOST_SERIES, `there are ${samples.length} series`)
    }
  } finally {
    procfs.dispose()
    rmSync(root, { recursive: true, force: true })
  }
}
