/**
 * A cursor over the bytes of a kernel text file: numbers out, no string on the way.
 */
import type { FileContent } from './file-reader.ts'
import { narrow, type U64 } from './u64.ts'

/** A kernel file that doesn't have the form its documentation gives: cut short, or no procfs. */
export class KernelFormatError extends Error {
  override name = 'KernelFormatError'
  readonly code = 'EFORMAT'
}

const NEWLINE = 0x0a
/** The byte of a blank. */
export const SPACE = 0x20
const TAB = 0x09
const ZERO = 0x30
const NINE = 0x39
/** A number of up to 15 digits is exact in a double. */
const EXACT_DIGITS = 15

/** Reads numbers and keys from the bytes of a kernel file, without making strings. */
export class ByteScanner {
  bytes: Uint8Array = new Uint8Array(0)
  position = 0
  end = 0

  /** Starts over at the first byte of what the reader holds. */
  reset(reader: FileContent): void {
    this.bytes = reader.bytes
    this.position = 0
    this.end = reader.length
  }

  /** Passes blanks, then `count` whole fields with the blanks behind each. */
  skipFields(count: number): void {
    this.skipBlanks()
    for (let field = 0; field < count; field++) {
      while (this.position < this.end && !isBlank(this.bytes[this.position])) this.position++
      this.skipBlanks()
    }
  }

  skipBlanks(): void {
    while (this.position < this.end && isBlank(this.bytes[this.position])) this.position++
  }

  /** Moves behind the next newline; false when there is no further line. */
  nextLine(): boolean {
    const { bytes, end } = this
    let at = this.position
    while (at < end && bytes[at] !== NEWLINE) at++
    this.position = at + 1
    return at + 1 < end
  }

  /** Whether the bytes at the cursor are `text` (ASCII); moves behind them when they are. */
  accept(text: string): boolean {
    const start = this.position
    if (start + text.length > this.end) return false
    for (let index = 0; index < text.length; index++) {
      if (this.bytes[start + index] !== text.charCodeAt(index)) return false
    }
    this.position = start + text.length
    return true
  }

  /**
   * The unsigned decimal at the cursor, passing blanks before it.
   *
   * @param terminator what follows it, other than a blank or the end of the line.
   * @throws KernelFormatError when there is no digit, when the file ends within the number, when something else
   *   follows it, or when the number doesn't fit into 64 bits.
   */
  u64(terminator = NEWLINE): U64 {
    this.skipBlanks()
    const start = this.position
    let value = 0
    let at = start
    for (; at < this.end; at++) {
      const digit = this.bytes[at] - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    this.position = at
    if (at === start || at === this.end)
      throw new KernelFormatError('a number is missing or cut short')
    const behind = this.bytes[at]
    if (behind !== NEWLINE && behind !== terminator && !isBlank(behind))
      throw new KernelFormatError('there is something behind a number')
    return at - start <= EXACT_DIGITS ? value : this.#large(start, at)
  }

  /** The decimal at the cursor as a double: for values that the kernel keeps below 2^53. */
  number(terminator?: number): number {
    return Number(this.u64(terminator))
  }

  /** The decimal at the cursor, which may be negative. */
  signed(): number {
    this.skipBlanks()
    if (this.bytes[this.position] !== MINUS) return this.number()
    this.position++
    return -this.number()
  }

  #large(start: number, end: number): U64 {
    const value = BigInt(Buffer.from(this.bytes.subarray(start, end)).toString('latin1'))
    if (value > MAX_U64) throw new KernelFormatError('a number is larger than 64 bits')
    return narrow(value)
  }
}

const MINUS = 0x2d
const MAX_U64 = 2n ** 64n - 1n

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB
}

/** Whether a byte is an ASCII digit. */
export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}
