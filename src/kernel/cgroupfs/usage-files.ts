/** Parses the few numbers of a cgroup that are read every second: in place, without making objects or strings. */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'

/**
 * Puts what a file says into some elements of `into`, beginning at `place`.
 *
 * @throws KernelFormatError when the file doesn't have the form of its kind.
 */
export type UsageParser = (
  content: FileContent,
  scanner: ByteScanner,
  into: Float64Array,
  place: number,
) => void

const MICROSECONDS = 1e6
const NANOSECONDS = 1e9

/** `cpu.stat` of v2: seconds of CPU time. */
export const parseCpuUsage: UsageParser = (content, scanner, into, place) => {
  scanner.reset(content)
  do {
    if (!scanner.accept('usage_usec ')) continue
    into[place] = scanner.number() / MICROSECONDS
    return
  } while (scanner.nextLine())
  throw new KernelFormatError('cpu.stat has no usage')
}

/** `cpuacct.usage` of v1: seconds of CPU time. */
export const parseCpuacctUsage: UsageParser = (content, scanner, into, place) => {
  scanner.reset(content)
  into[place] = scanner.number() / NANOSECONDS
}

/** `memory.current` of v2, `memory.usage_in_bytes` of v1: bytes. */
export const parseMemoryUsage: UsageParser = (content, scanner, into, place) => {
  scanner.reset(content)
  into[place] = scanner.number()
}

/** `io.stat` of v2: bytes read and bytes written, of all devices together. */
export const parseIoBytes: UsageParser = (content, scanner, into, place) => {
  scanner.reset(content)
  let read = 0
  let written = 0
  while (scanner.position < scanner.end) {
    if (scanner.accept('rbytes=')) read += scanner.number()
    else if (scanner.accept('wbytes=')) written += scanner.number()
    else scanner.position++
  }
  into[place] = read
  into[place + 1] = written
}

/** `blkio.throttle.io_service_bytes_recursive` of v1: as `parseIoBytes`. */
export const parseBlkioBytes: UsageParser = (content, scanner, into, place) => {
  let read = 0
  let written = 0
  scanner.reset(content)
  if (content.length > 0) {
    do {
      // The last line is the total, and has no device.
      if (scanner.accept('Total')) continue
      scanner.skipFields(1)
      if (scanner.accept('Read ')) read += scanner.number()
      else if (scanner.accept('Write ')) written += scanner.number()
    } while (scanner.nextLine())
  }
  into[place] = read
  into[place + 1] = written
}

/** A pressure file: seconds in which some and in which all tasks waited; NaN for a line that the kernel doesn't print. */
export const parsePressureTotals: UsageParser = (content, scanner, into, place) => {
  into[place] = Number.NaN
  into[place + 1] = Number.NaN
  scanner.reset(content)
  do {
    const at = scanner.accept('some ') ? place : scanner.accept('full ') ? place + 1 : -1
    if (at < 0) continue
    // The averages.
    scanner.skipFields(3)
    if (!scanner.accept('total=')) throw new KernelFormatError('pressure has no total')
    into[at] = scanner.number() / MICROSECONDS
  } while (scanner.nextLine())
}
