/** Memory of processes. */
import { readFileSync } from 'node:fs'

/** In kB. */
export interface Resident {
  readonly now: number
  readonly most: number
}

/** @throws Error when the process has ended. */
export function residentMemory(pid: number): Resident {
  return residentOf(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

/** @param status the text of `/proc/PID/status`. */
export function residentOf(status: string): Resident {
  const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { now: number('VmRSS'), most: number('VmHWM') }
}

export function mebibytes(kibibytes: number): string {
  return `${(kibibytes / 1024).toFixed(0)} MiB`
}
