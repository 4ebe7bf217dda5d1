/**
 * CPU times as procfs has them. A task that runs is charged whole ticks, to user or kernel mode, whichever a tick hits;
 * procfs divides the exact run time in the proportion of these, so that neither part ever falls (cputime_adjust() in
 * kernel/sched/cputime.c). Its last result is in the record; the last result of this class is stored here.
 */

/** Nanoseconds. */
export interface RawCpuTimes {
  /** By ticks. */
  readonly utime: number
  readonly stime: number
  /** Exact. */
  readonly runtime: number
  /** The last result of procfs. */
  readonly prevUtime: number
  readonly prevStime: number
}

/** CPU times of one task as they were last reported, in nanoseconds. */
export class CpuTimes {
  utime = 0
  stime = 0
  #runtime = -1

  /** Whether the task has run since. */
  hasRun(runtime: number): boolean {
    return runtime !== this.#runtime
  }

  update({ utime, stime, runtime, prevUtime, prevStime }: RawCpuTimes): void {
    this.#runtime = runtime
    const lastUtime = Math.max(prevUtime, this.utime)
    const lastStime = Math.max(prevStime, this.stime)
    if (lastUtime + lastStime >= runtime) {
      this.utime = lastUtime
      this.stime = lastStime
      return
    }
    let system = 0
    if (stime !== 0) system = utime === 0 ? runtime : (stime / (stime + utime)) * runtime
    system = Math.max(system, lastStime)
    const user = runtime - system
    if (user < lastUtime) {
      this.utime = lastUtime
      this.stime = runtime - lastUtime
    } else {
      this.utime = user
      this.stime = system
    }
  }
}
