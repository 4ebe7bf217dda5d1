/** What the kernel itself says of a process, read apart from both programs that are compared. */
import { readdirSync, readFileSync } from 'node:fs'

export interface KernelValue {
  readonly title: string
  /** Where both programs have its sum over a group: the tail of the metric's name, and labels. */
  readonly metric: string
  readonly labels?: Readonly<Record<string, string>>
  /** How many of the kernel's units are one of the metric's. */
  readonly scale: number
  /** Whether it belongs to processes that are there, and not to all that ever were. */
  readonly isHeld?: true
}

/** USER_HZ, the unit of times in `stat`; 100 on every architecture but alpha. */
const TICKS = 100

const cpu = (mode: string): Omit<KernelValue, 'title'> => ({
  metric: 'cpu_seconds_total',
  labels: { mode },
  scale: TICKS,
})
const switches = (ctxswitchtype: string): Omit<KernelValue, 'title'> => ({
  metric: 'context_switches_total',
  labels: { ctxswitchtype },
  scale: 1,
})

/** In the order of `readKernelValues`. */
export const KERNEL_VALUES: readonly KernelValue[] = [
  { title: 'processes', metric: 'num_procs', scale: 1, isHeld: true },
  { title: 'threads', metric: 'num_threads', scale: 1, isHeld: true },
  { title: 'user CPU s', ...cpu('user') },
  { title: 'system CPU s', ...cpu('system') },
  { title: 'minor faults', metric: 'minor_page_faults_total', scale: 1 },
  { title: 'major faults', metric: 'major_page_faults_total', scale: 1 },
  { title: 'bytes read', metric: 'read_bytes_total', scale: 1 },
  { title: 'bytes written', metric: 'write_bytes_total', scale: 1 },
  { title: 'voluntary switches', ...switches('voluntary') },
  { title: 'nonvoluntary switches', ...switches('nonvoluntary') },
]

/**
 * What the end of a killed process may add to what it had when it stopped, for each of its threads: less than a
 * tick of CPU, a page that the kernel writes to, a few switches.
 */
const OF_AN_END = [0, 0, 1, 1, 2, 0, 0, 0, 4, 4]

/**
 * The values of a process, in the order of `KERNEL_VALUES` (proc_pid_stat(5), proc_pid_io(5), proc_pid_status(5)).
 * Context switches are those of all its threads.
 *
 * @returns undefined when it is gone.
 */
export function readKernelValues(pid: number): number[] | undefined {
  const directory = `/proc/${pid}`
  try {
    const stat = statFields(pid)
    const io = readFileSync(`${directory}/io`, 'latin1')
    const threads = Number(stat[17])
    let voluntary = 0
    let nonvoluntary = 0
    for (const tid of threads > 1 ? readdirSync(`${directory}/task`) : [pid]) {
      const status = readFileSync(`${directory}/task/${tid}/status`, 'latin1')
      voluntary += field(status, 'voluntary_ctxt_switches')
      nonvoluntary += field(status, 'nonvoluntary_ctxt_switches')
    }
    const [minor, major, user, system] = [stat[7], stat[9], stat[11], stat[12]].map(Number)
    const [read, written] = [field(io, 'read_bytes'), field(io, 'write_bytes')]
    return [1, threads, user, system, minor, major, read, written, voluntary, nonvoluntary]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** The most that can be read of a stopped process while it is killed. */
export function withItsEnd(values: readonly number[]): number[] {
  const threads = values[1]
  return values.map((value, index) => value + OF_AN_END[index] * threads)
}

/** Whether a signal has stopped it: the state is `T`. */
export function isStopped(pid: number): boolean {
  return statFields(pid)[0] === 'T'
}

/** The fields of `stat` from the state on, which is the third. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function field(text: string, name: string): number {
  const start = text.indexOf(`\n${name}:`) + name.length + 2
  return Number.parseInt(text.slice(start), 10)
}
