/** Where processes are read: chosen by the configuration and by what the kernel allows. */
import { existsSync } from 'node:fs'
import type { ProcessGroupsSources } from '../collectors/process-groups/collector.ts'
import { BpfTasks } from '../collectors/process-groups/track/bpf-tasks.ts'
import { FallbackTasks } from '../collectors/process-groups/track/fallback-tasks.ts'
import type { Config } from '../config/config.ts'
import { explainRefusal } from '../kernel/bpf/refusals.ts'
import {
  loadTaskIterator,
  pinnedTaskIterator,
  type TaskIterator,
} from '../kernel/bpf/task-iterator.ts'
import type { Procfs } from '../kernel/procfs/procfs.ts'
import type { SystemConstants } from '../kernel/system-constants.ts'
import type { TimeSlice } from '../telemetry/time-slice.ts'

/** What sources of tasks read with. */
export interface TaskSourceParts {
  readonly procfs: Procfs
  readonly system: SystemConstants
  readonly slice: TimeSlice
  /** Told once why procfs is read although something else was wanted. */
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

async function openIterator(pin: string, threads: boolean): Promise<TaskIterator> {
  if (existsSync(pin)) return pinnedTaskIterator(pin)
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
