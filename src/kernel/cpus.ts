/** The CPUs that are online: Documentation/admin-guide/cputopology.rst. */
import { readFileSync } from 'node:fs'

/**
 * The numbers of the CPUs that are online.
 *
 * @throws NodeJS.ErrnoException when the file can't be read.
 */
export function onlineCpus(file = '/sys/devices/system/cpu/online'): number[] {
  return parseCpuList(readFileSync(file, 'utf8'))
}

/** A list such as `0-3,8`. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, index) => first + index)
    })
}
