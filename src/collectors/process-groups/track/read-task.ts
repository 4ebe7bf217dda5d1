/** The fields of the task that a source has read last. */
import { emptyStat } from '../../../kernel/procfs/stat.ts'
import type { Holdings } from '../account/group.ts'
import { noUsage } from '../account/usage.ts'
import { ExpensiveStats } from './expensive-stats.ts'

/** What both sources read of a task. Everything in it is overwritten by the next reading. */
export class ReadTask implements Holdings {
  readonly stat = emptyStat()
  readonly usage = noUsage()
  /** Proportional memory and the limit of open files. */
  expensive = new ExpensiveStats()
  /** Bytes. */
  resident = 0
  swap = 0
  openDescriptors = 0
  /** Open descriptors as a part of the soft limit. */
  descriptorRatio = 0
  /** Name of the task, also of a thread. */
  comm = ''
  /** Kernel function that it sleeps in; '' for none. */
  wchan = ''
  hasIo = false
  hasRunDelay = false
  hasDescriptors = false
  /** Whether proportional memory is known. It is not while its reading is due. */
  hasMemory = false
  memoryIsDue = false
  /** Whether all other files could be read. */
  isWhole = false
}
