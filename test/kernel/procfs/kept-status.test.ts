/** `status`, which is read to see whether a process is executing another program, and used again. */
import test from 'ava'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { emptyStatus } from '../../../src/kernel/procfs/status.ts'
import { ProcfsTree } from '../../support/procfs-tree.ts'

const PID = 7

test('what was read before the processes were listed again is not used', (t) => {
  const tree = new ProcfsTree()
  t.teardown(() => tree.dispose())
  for (const options of [{}, { only: PID }]) {
    const procfs = new Procfs(tree.root, options)
    const directory = procfs.directory(PID)
    const status = emptyStatus()
    tree.set(PID, { voluntary: 1 })
    t.false(procfs.isExecuting(directory))

    tree.set(PID, { voluntary: 2 })
    t.deepEqual(procfs.pids(), [PID])
    procfs.status(directory, status)
    t.is(status.voluntary, 2)
  }
})
