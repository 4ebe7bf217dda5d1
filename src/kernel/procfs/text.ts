/**
 * The textual files of a process: `cmdline`, `cgroup` and `wchan` (proc_pid_cmdline(5), cgroups(7),
 * proc_pid_wchan(5)). Bytes that aren't UTF-8 become U+FFFD.
 */
import type { FileContent } from '../file-reader.ts'

const NUL = 0
const ZERO = 0x30

/** The arguments in the file that the reader holds; empty for kernel threads and zombies. */
export function parseCmdline(reader: FileContent): string[] {
  if (reader.length === 0) return []
  let end = reader.length
  while (end > 0 && reader.bytes[end - 1] === NUL) end--
  return reader.bytes.toString('utf8', 0, end).split('\0')
}

/** Bytes of a command line that identify a title. */
export const TITLE_BYTES = 256

/** A hash of the bytes that the reader holds. */
export function hashContent({ bytes, length }: FileContent): number {
  return hash(bytes, length)
}

function hash(bytes: Buffer, length: number): number {
  let value = length
  for (let index = 0; index < length; index++) value = (Math.imul(value, 31) + bytes[index]) | 0
  return value
}

/** The lines of `/proc/PID/cgroup` that the reader holds. */
export function parseCgroups(reader: FileContent): string[] {
  const lines = reader.bytes.toString('utf8', 0, reader.length).split('\n')
  return lines.filter((line) => line !== '')
}

/**
 * The path of each hierarchy (what follows the second colon of each line), in the file's order.
 * A malformed line gives an empty list: half a list would name the wrong cgroup.
 */
export function cgroupPaths(lines: readonly string[]): string[] {
  const paths: string[] = []
  for (const line of lines) {
    const path = line.indexOf(':', line.indexOf(':') + 1)
    if (path <= 0 || !/^\d+:/.test(line)) return []
    paths.push(line.slice(path + 1))
  }
  return paths
}

/** The kernel function in which the task waits, or '' when it doesn't wait or may not be seen. */
export function parseWchan(reader: FileContent, names: NameCache): string {
  if (reader.length === 0 || (reader.length === 1 && reader.bytes[0] === ZERO)) return ''
  return names.get(reader.bytes, reader.length)
}

/**
 * Kernel functions in which a task sleeps for a system call that leaves its memory map alone: poll(2), epoll_wait(2),
 * futex(2), nanosleep(2), wait(2), signals, pipes, sockets and terminals. Their names differ from one kernel to the next.
 */
const OUTSIDE_OF_MAP = new RegExp(
  [
    '(?:do_epoll_wait|ep_poll|do_sys_poll|do_poll|do_select|core_sys_select|poll_schedule_timeout)',
    '(?:futex_wait|futex_do_wait|futex_wait_queue(?:_me)?|hrtimer_nanosleep|do_nanosleep)',
    '(?:do_wait|do_wait4|kernel_wait4|do_sigtimedwait|sigsuspend|do_sigsuspend|__do_sys_pause)',
    '(?:pipe_read|anon_pipe_read|pipe_wait|pipe_wait_readable|inet_csk_accept|wait_woken|n_tty_read)',
    '(?:__skb_wait_for_more_packets|unix_stream_read_generic|unix_stream_data_wait|unix_accept)',
  ]
    .map((names) => `^${names}(?:\\.|$)`)
    .join('|'),
)

/** Whether a task that sleeps in a kernel function can't hold the lock of its memory map. */
export function sleepsOutsideOfMap(wchan: string): boolean {
  return wchan !== '' && OUTSIDE_OF_MAP.test(wchan)
}

/** Short texts that come again and again, each made a string once. */
export class NameCache {
  readonly #names = new Map<number, string>()

  /** The first `length` bytes as a string. */
  get(bytes: Buffer, length: number): string {
    const key = hash(bytes, length)
    const known = this.#names.get(key)
    if (known !== undefined && isSameText(bytes, length, known)) return known
    const text = bytes.toString('utf8', 0, length)
    if (this.#names.size >= MAX_NAMES) this.#names.clear()
    this.#names.set(key, text)
    return text
  }
}

/** Far more kernel functions than tasks ever wait in. */
const MAX_NAMES = 4096

function isSameText(bytes: Buffer, length: number, text: string): boolean {
  if (text.length !== length) return false
  for (let index = 0; index < length; index++) {
    if (bytes[index] !== text.charCodeAt(index)) return false
  }
  return true
}
