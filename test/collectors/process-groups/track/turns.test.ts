/** A collection yields to other work, however many threads a process has and however many groups there are. */
import test from 'ava'
import { TimeSlice } from '../../../../src/telemetry/time-slice.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { ProcfsTree } from '../../../support/procfs-tree.ts'

/** Always used up; counts how often others have had their turn. */
class UsedUpSlice extends TimeSlice {
  turns = 0

  override isOver(): boolean {
    return true
  }

  override async next(): Promise<void> {
    this.turns++
  }
}

const MANY = 50

for (const strict of [false, true]) {
  test(`between threads and between groups, ${strict ? 'strict' : 'corrected'}`, async (t) => {
    const turns = async (threads: number, processes: number) => {
      const tree = new ProcfsTree()
      t.teardown(() => tree.dispose())
      const names = Array.from({ length: threads }, (_, index) => [index + 1, { comm: 'x' }])
      tree.set(1, { comm: 'x', threads: Object.fromEntries(names) })
      for (let pid = 2; pid <= processes; pid++) tree.set(pid, { comm: `p${pid}` })
      const slice = new UsedUpSlice()
      const groups = processGroups(tree.root, { slice, strict })
      t.is((await groups.collect()).get('num_threads{x}'), threads)
      return slice.turns
    }
    const few = await turns(2, 1)
    t.true((await turns(MANY, 1)) >= few + MANY - 2)
    // Once when a process is read, once when its group is shown.
    t.true((await turns(2, MANY)) >= few + 2 * (MANY - 1))
  })
}
