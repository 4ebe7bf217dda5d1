/** Where processes are read: chosen by the configuration and by what the kernel allows. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProcessGroupsSources } from '../collectors/process-groups/collector.ts'
import { BpfTasks } from '../collectors/process-groups/track/bpf-tasks.ts'
import { FallbackTasks } from '../collectors/process-groups/track/fallback-tasks.ts'
import type { Config } from '../config/config.ts'
import { ExitTotals } from '../kernel/bpf/exit-totals.ts'
import { explainRefusal } from '../kernel/bpf/refusals.ts'
import {
  loadTaskIterator,
  pinnedTaskIterator,
  type TaskIterator,
} from '../kernel/bpf/task-iterator.ts'
import { exists } from '../kernel/exists.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { emptyStat } from '../kernel/procfs/stat.ts'
import type { SystemConstants } from '../kernel/system-constants.ts'
import type { TimeSlice } from '../telemetry/time-slice.ts'

/** What sources of tasks read with. */
export interface TaskSourceParts {
  readonly procfs: Procfs
  readonly system: SystemConstants
  readonly slice: TimeSlice
  /** Called once with the reason why procfs is read although something else was wanted. */
  readonly notify: (message: string) => void
}

/** The source for the collector, which is opened at its first collection. */
export function taskSource(
  { source, bpf_pin: pin, threads }: Config['process_groups'],
  { procfs, system, slice, notify }: TaskSourceParts,
): ProcessGroupsSources['taskSource'] {
  if (source === 'procfs') return (tasks) => tasks
  return (tasks, options) => {
    const open = async () => {
      const iterator = await openIterator(pin, threads)
      const bpf = new BpfTasks({ iterator, procfs, slice, threads }, options, system)
      try {
        const missing = await notShown(bpf, procfs)
        if (missing === undefined) return bpf
        const reason = `the task iterator does not show process ${missing}, which procfs lists`
        if (source === 'auto') throw new Error(reason)
        notify(`${reason}; it is left out, for process_groups.source is bpf`)
        return bpf
      } catch (error) {
        iterator.close()
        throw error
      }
    }
    return new FallbackTasks(open, tasks, {
      onFallback: (error) =>
        notify(`processes are read from procfs, not by BPF: ${explainRefusal(error)}`),
      onReturn: () => notify('processes are read by BPF again'),
    })
  }
}

/** How ends of processes are counted; undefined where nothing but procfs is wanted. */
export function exitCounting(
  { short_lived: way }: Config['process_groups'],
  { procfs, notify }: Pick<TaskSourceParts, 'procfs' | 'notify'>,
): ProcessGroupsSources['exits'] {
  if (way !== 'auto' && way !== 'bpf') return undefined
  return {
    async open() {
      if (!showsMachine(procfs)) throw new Error('procfs.root is not that of the whole machine')
      return await ExitTotals.load()
    },
    onFailure: (error) =>
      notify(
        `ends of processes are not counted by BPF, but by what parents have waited for: ${explainRefusal(error)}`,
      ),
  }
}

/** Whether its numbers of processes are those of the first PID namespace of the running kernel. */
function showsMachine(procfs: Procfs): boolean {
  const boot = (root: string) => readFileSync(join(root, 'sys/kernel/random/boot_id'), 'latin1')
  const stat = emptyStat()
  try {
    procfs.stat(procfs.directory(KTHREADD), stat)
    return procfs.comm() === 'kthreadd' && boot(procfs.root) === boot('/proc')
  } catch {
    return false
  }
}

/** It is always this one. */
const KTHREADD = 2

async function openIterator(pin: string, threads: boolean): Promise<TaskIterator> {
  if (exists(pin)) return pinnedTaskIterator(pin)
  return loadTaskIterator({ threads, wchan: true })
}

/** A process that procfs lists before and after a pass that does not show it. */
async function notShown(bpf: BpfTasks, procfs: Procfs): Promise<number | undefined> {
  const before = [...procfs.pids()]
  const { pids } = await bpf.begin()
  bpf.end()
  const shown = new Set(pids)
  const after = new Set(procfs.pids())
  return before.find((pid) => after.has(pid) && !shown.has(pid))
}
