/** The wire format of protocol buffers, as far as OTLP metrics need it: protobuf.dev/programming-guides/encoding. */

const CONTINUED = 0x80
const BITS = 7

/** Bytes of a number as varint. */
function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= CONTINUED; rest = Math.floor(rest / CONTINUED)) size++
  return size
}

/** Bytes of a field with a message or text of that many bytes, for field numbers below 16. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length
}

/** Writes into a buffer that is exactly large enough. */
export class ProtobufWriter {
  readonly bytes: Buffer
  position = 0

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size)
  }

  byte(value: number): void {
    this.bytes[this.position++] = value
  }

  varint(value: number): void {
    let rest = value
    for (; rest >= CONTINUED; rest = Math.floor(rest / CONTINUED)) {
      this.byte((rest % CONTINUED) | CONTINUED)
    }
    this.byte(rest)
  }

  /** The head of a field with a message or text of that many bytes. */
  open(tag: number, length: number): void {
    this.byte(tag)
    this.varint(length)
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.position)
    this.position += bytes.length
  }

  double(value: number): void {
    this.position = this.bytes.writeDoubleLE(value, this.position)
  }

  /** A whole number of 64 bits, exact as far as doubles are. */
  fixed64(value: number): void {
    if (value < 0) {
      this.position = this.bytes.writeBigInt64LE(BigInt(value), this.position)
      return
    }
    this.position = this.bytes.writeUInt32LE(value % WORD, this.position)
    this.position = this.bytes.writeUInt32LE(Math.floor(value / WORD) % WORD, this.position)
  }
}

const WORD = 2 ** 32

/** A field with text. */
export function textField(tag: number, text: string): Buffer {
  return messageField(tag, Buffer.from(text))
}

/** A field with a message. */
export function messageField(tag: number, message: Uint8Array): Buffer {
  const head: number[] = [tag]
  let rest = message.length
  for (; rest >= CONTINUED; rest >>>= BITS) head.push((rest % CONTINUED) | CONTINUED)
  head.push(rest)
  return Buffer.concat([Buffer.from(head), message])
}
