/**
 * Pressure stall information: `/proc/pressure/*` and the `*.pressure` files of cgroup v2
 * (Documentation/accounting/psi.rst).
 */
import { type ByteScanner, KernelFormatError } from './byte-scanner.ts'
import type { FileReader } from './file-reader.ts'

/** One line. Averages are parts of the time, from 0 to 1; NaN where the file has no such line. */
export interface Stall {
  avg10: number
  avg60: number
  avg300: number
  /** Seconds since the kernel or the cgroup started. */
  total: number
}

/** Pressure of one resource. */
export interface Pressure {
  /** Time in which at least one task waited for the resource. */
  readonly some: Stall
  /** Time in which all tasks that had something to do waited at once. */
  readonly full: Stall
}

const PERCENT = 100
const MICROSECONDS_PER_SECOND = 1e6

/** A record to be filled; every value is NaN. */
export function emptyPressure(): Pressure {
  return { some: noStall(), full: noStall() }
}

function noStall(): Stall {
  return { avg10: Number.NaN, avg60: Number.NaN, avg300: Number.NaN, total: Number.NaN }
}

/** Forgets what a record holds. */
export function clearPressure({ some, full }: Pressure): void {
  Object.assign(some, NONE)
  Object.assign(full, NONE)
}

const NONE: Stall = noStall()

/**
 * Parses the file that the reader holds into `into`. `cpu` has only `some` before Linux 5.13, `irq` only `full`.
 *
 * @throws KernelFormatError when the file is empty or cut short; the record holds nothing then.
 */
export function parsePressure(reader: FileReader, scanner: ByteScanner, into: Pressure): void {
  clearPressure(into)
  scanner.reset(reader)
  try {
    do {
      if (scanner.accept('some ')) parseStall(scanner, into.some)
      else if (scanner.accept('full ')) parseStall(scanner, into.full)
    } while (scanner.nextLine())
    if (Number.isNaN(into.some.total) && Number.isNaN(into.full.total)) {
      throw new KernelFormatError('pressure has neither line')
    }
  } catch (error) {
    clearPressure(into)
    throw error
  }
}

function parseStall(scanner: ByteScanner, into: Stall): void {
  into.avg10 = percentage(scanner, 'avg10=')
  into.avg60 = percentage(scanner, 'avg60=')
  into.avg300 = percentage(scanner, 'avg300=')
  into.total = value(scanner, 'total=') / MICROSECONDS_PER_SECOND
}

/** A percentage with two decimals, as a part of 1. */
function percentage(scanner: ByteScanner, key: string): number {
  const whole = value(scanner, key, DOT)
  if (!scanner.accept('.')) throw new KernelFormatError(`${key} has no decimals`)
  const start = scanner.position
  const decimals = scanner.number()
  if (scanner.position - start !== 2) throw new KernelFormatError(`${key} has not two decimals`)
  return (whole * PERCENT + decimals) / (PERCENT * PERCENT)
}

function value(scanner: ByteScanner, key: string, terminator?: number): number {
  scanner.skipBlanks()
  if (!scanner.accept(key)) throw new KernelFormatError(`${key} is missing`)
  return scanner.number(terminator)
}

const DOT = 0x2e
