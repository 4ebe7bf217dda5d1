/** perf_event_open(2) by koffi, which is loaded when it is needed. */
import { systemCallError } from '../errors.ts'
import { eventAttributes } from './attributes.ts'
import type { PerfEvent } from './events.ts'

/** Numbers of the system call, by Node's name of the architecture. */
const NUMBERS: Readonly<Record<string, number>> = { x64: 298, arm64: 241 }
const PERF_FLAG_PID_CGROUP = 4
const PERF_FLAG_FD_CLOEXEC = 8
const ANY_CPU = -1

/** A cgroup, by the descriptor of its directory, on one CPU; or a thread, on all, with whatever it starts later. */
export type PerfTarget =
  | { readonly cgroup: number; readonly cpu: number }
  | { readonly thread: number }

/** What perf_event_open(2) is to open. */
export interface OpenRequest {
  readonly event: PerfEvent
  readonly target: PerfTarget
  /** Descriptor of the first event of the group; -1 for that one itself. */
  readonly leader: number
}

/** Opens a counter. */
export interface PerfOpener {
  /** @throws NodeJS.ErrnoException with the kernel's code. */
  open(request: OpenRequest): number
}

/**
 * Loads koffi, and binds perf_event_open(2).
 *
 * @throws Error that says that koffi is missing, or that the platform has no number for the call.
 */
export async function loadPerfOpener(): Promise<PerfOpener> {
  const number = NUMBERS[process.arch]
  if (number === undefined) throw new Error(`perf events are not known on ${process.arch}`)
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  const types = ['long', 'void *', 'int', 'int', 'int', 'unsigned long']
  const syscall = library.func('syscall', 'long', types)
  return {
    open({ event, target, leader }) {
      const inherits = 'thread' in target
      const attributes = eventAttributes(event, inherits)
      const [id, cpu, mode] = inherits
        ? [target.thread, ANY_CPU, 0]
        : [target.cgroup, target.cpu, PERF_FLAG_PID_CGROUP]
      const flags = mode | PERF_FLAG_FD_CLOEXEC
      const descriptor = syscall(number, attributes, id, cpu, leader, flags)
      if (descriptor >= 0) return descriptor as number
      throw systemCallError('perf_event_open', koffi.errno(), event.label)
    },
  }
}
