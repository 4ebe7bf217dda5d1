/** Processes whose files block; they are FIFOs without a writer. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { lateReads } from '../../../../src/kernel/blocking-files.ts'
import { Procfs } from '../../../../src/kernel/procfs/procfs.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { type Process, ProcfsTree } from '../../../support/procfs-tree.ts'

const PLACES = 3

function setUp(t: ExecutionContext, processes: Record<number, Process>, strict = false) {
  const tree = new ProcfsTree()
  for (const [pid, process] of Object.entries(processes)) tree.set(Number(pid), process)
  const log: string[] = []
  const procfs = new Procfs(tree.root, {
    timeLimit: 500,
    places: PLACES,
    onBlocked: (path) => log.push(path.slice(tree.root.length)),
  })
  const groups = processGroups(tree.root, { procfs, strict })
  const fifos: string[] = []
  /** Puts a FIFO in the place of a file. */
  const block = (file: string) => {
    const path = join(tree.root, file)
    rmSync(path)
    execFileSync('mkfifo', [path])
    fifos.push(path)
  }
  const unblock = async () => {
    for (const path of fifos.splice(0)) answer(path)
    while (lateReads() > 0) await delay(5)
  }
  t.teardown(async () => {
    await unblock()
    tree.dispose()
  })
  return { tree, groups, log, block, unblock }
}

/** Ends the reads of a FIFO, if there are any. */
function answer(path: string): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
  }
}

const errors = (samples: ReadonlyMap<string, number>, file: string) =>
  samples.get(`procgroup_file_errors_total{blocked,${file}}`)

for (const strict of [false, true]) {
  const mode = strict ? 'strict' : 'as usual'

  test.serial(
    `a locked command line of one process leaves all others as they are, ${mode}`,
    async (t) => {
      const { tree, groups, log, block, unblock } = setUp(t, { 1: {}, 2: {}, 3: {} }, strict)
      block('2/cmdline')
      for (let collection = 1; collection <= 2; collection++) {
        t.is((await groups.collect()).get('num_procs{app}'), 2)
        t.is(lateReads(), 1)
      }
      t.deepEqual(log, ['/2/cmdline'])
      await unblock()
      tree.set(2, {})
      t.is((await groups.collect()).get('num_procs{app}'), 3)
    },
  )

  test.serial(`locked proportional memory of one process costs only that, ${mode}`, async (t) => {
    const { groups, log, block } = setUp(t, { 1: { comm: 'a' }, 2: { comm: 'b' } }, strict)
    await groups.collect()
    block('2/smaps_rollup')
    const samples = await groups.collect()
    t.is(samples.get('memory_bytes{a,proportionalResident}'), 1024)
    t.is(samples.get('memory_bytes{b,proportionalResident}'), strict ? 0 : undefined)
    t.is(samples.get('memory_bytes{b,resident}'), 8192)
    t.is(errors(samples, 'smaps'), 1)
    t.is(errors(await groups.collect(), 'smaps'), 2)
    t.deepEqual(log, ['/2/smaps_rollup'])
  })

  test.serial(`a process in the middle of an execve(2), ${mode}`, async (t) => {
    const { tree, groups, log, block, unblock } = setUp(t, { 1: {}, 2: { comm: 'b' } }, strict)
    await groups.collect()
    tree.set(2, { comm: 'b', state: 'D' })
    for (const file of ['stat', 'io', 'wchan', 'cmdline']) block(`2/${file}`)
    for (let collection = 1; collection <= 2; collection++) {
      const samples = await groups.collect()
      t.is(samples.get('num_procs{app}'), 1)
      t.is(samples.get('num_procs{b}'), 0)
      t.is(samples.get('procgroup_collection_processes{failed}'), 1)
      t.is(lateReads(), 1)
    }
    t.deepEqual(log, ['/2/io'])
    await unblock()
    tree.set(2, { comm: 'b', state: 'S' })
    t.is((await groups.collect()).get('num_procs{b}'), 1)
  })
}

test.serial(
  'a process that is known stays in its group while its new title is locked',
  async (t) => {
    const tree = new ProcfsTree()
    tree.set(1, {})
    const procfs = new Procfs(tree.root, { timeLimit: 500, places: PLACES })
    const groups = processGroups(tree.root, { procfs, regroup: 'title' })
    await groups.collect()
    const path = join(tree.root, '1/cmdline')
    rmSync(path)
    execFileSync('mkfifo', [path])
    t.is((await groups.collect()).get('num_procs{app}'), 1)
    t.is(lateReads(), 1)
    closeSync(openSync(path, 'w'))
    while (lateReads() > 0) await delay(5)
    tree.dispose()
  },
)

test.serial('more locked processes than places: those that are known go on', async (t) => {
  const pids = [1, 2, 3, 4, 5, 6]
  const { groups, block } = setUp(t, Object.fromEntries(pids.map((pid) => [pid, {}])))
  t.is((await groups.collect()).get('num_procs{app}'), pids.length)
  for (const pid of pids) block(`${pid}/smaps_rollup`)
  const samples = await groups.collect()
  t.is(samples.get('num_procs{app}'), pids.length)
  t.is(errors(samples, 'smaps'), pids.length)
  // One is left for command lines.
  t.is(lateReads(), PLACES - 1)
})
