/**
 * `/proc/PID/smaps_rollup` (Linux 4.14) and `/proc/PID/smaps`: proc_pid_smaps(5),
 * Documentation/ABI/testing/procfs-smaps_rollup. Needs the right to trace the process
 * (PTRACE_MODE_READ). Its cost grows with the mapped memory of the process.
 */
import { type ByteScanner, KernelFormatError } from '../byte-scanner.ts'
import type { FileContent } from '../file-reader.ts'

/** Memory in bytes, each shared page divided by the number of its users. */
export interface ProportionalMemory {
  /** Proportional set size (`Pss`). */
  pss: number
  /** The same of swapped-out memory (`SwapPss`). */
  swapPss: number
  /** Resident memory that no other process maps (`Private_Clean` and `Private_Dirty`): the unique set size. */
  unique: number
  /** Resident memory that others map too (`Shared_Clean` and `Shared_Dirty`). */
  shared: number
}

/** A record to be filled; every size is 0. */
export function emptyProportionalMemory(): ProportionalMemory {
  return { pss: 0, swapPss: 0, unique: 0, shared: 0 }
}

const KIB = 1024
const P = 0x50
const S = 0x53

/**
 * Sums `Pss`, `SwapPss` and the unique and shared pages over the mappings in the file that the reader holds: one in
 * `smaps_rollup`, all of them in `smaps`. A process without memory has an empty file: zeros.
 *
 * @throws KernelFormatError when there is no mapping, or one of the two only: the file is cut short.
 */
export function parseSmaps(
  reader: FileContent,
  scanner: ByteScanner,
  into: ProportionalMemory,
): void {
  scanner.reset(reader)
  into.pss = 0
  into.swapPss = 0
  into.unique = 0
  into.shared = 0
  if (reader.length === 0) return
  let pairs = 0
  let unpaired = 0
  do {
    const first = scanner.bytes[scanner.position]
    if (first === P && scanner.accept('Pss:')) {
      into.pss += scanner.number() * KIB
      pairs++
      unpaired++
    } else if (
      first === P &&
      (scanner.accept('Private_Clean:') || scanner.accept('Private_Dirty:'))
    ) {
      into.unique += scanner.number() * KIB
    } else if (
      first === S &&
      (scanner.accept('Shared_Clean:') || scanner.accept('Shared_Dirty:'))
    ) {
      into.shared += scanner.number() * KIB
    } else if (first === S && scanner.accept('SwapPss:')) {
      into.swapPss += scanner.number() * KIB
      unpaired--
    }
  } while (scanner.nextLine())
  if (pairs === 0 || unpaired !== 0) throw new KernelFormatError('smaps is cut short')
}
