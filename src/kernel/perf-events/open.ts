/** perf_event_open(2) by koffi, which is loaded when it is needed. */
import { constants } from 'node:os'
import { eventAttributes } from './attributes.ts'
import type { PerfEvent } from './events.ts'

/** Numbers of the system call, by Node's name of the architecture. */
const NUMBERS: Readonly<Record<string, number>> = { x64: 298, arm64: 241 }
const PERF_FLAG_PID_CGROUP = 4
const PERF_FLAG_FD_CLOEXEC = 8
const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))

export interface OpenRequest {
  readonly event: PerfEvent
  /** Descriptor of the cgroup's directory. */
  readonly cgroup: number
  readonly cpu: number
  /** Descriptor of the first event of the group; -1 for that one itself. */
  readonly leader: number
}

/** Opens a counter for a cgroup on one CPU. */
export interface PerfOpener {
  /** @throws NodeJS.ErrnoException with the kernel's code. */
  open(request: OpenRequest): number
}

/** @throws Error that says that koffi is missing, or that the platform has no number for the call. */
export async function loadPerfOpener(): Promise<PerfOpener> {
  const number = NUMBERS[process.arch]
  if (number === undefined) throw new Error(`perf events are not known on ${process.arch}`)
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  const types = ['long', 'void *', 'int', 'int', 'int', 'unsigned long']
  const syscall = library.func('syscall', 'long', types)
  return {
    open({ event, cgroup, cpu, leader }) {
      const flags = PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC
      const descriptor = syscall(number, eventAttributes(event), cgroup, cpu, leader, flags)
      if (descriptor >= 0) return descriptor as number
      const code = NAMES.get(koffi.errno()) ?? 'EUNKNOWN'
      throw Object.assign(new Error(`${event.label}: ${code}`), {
        code,
        syscall: 'perf_event_open',
      })
    },
  }
}
