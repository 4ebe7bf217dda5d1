/**
 * A FUSE file system of one file that answers everything but writes: fuse(4), include/uapi/linux/fuse.h. As a program it
 * serves the descriptor 3, which `mount` was given, too.
 */
import { readSync, writeSync } from 'node:fs'

const DEVICE = 3
const ROOT = 1n
const FILE = 2n
const FILE_SIZE = 4096
const DIRECTORY_MODE = 0o40755
const FILE_MODE = 0o100644
const IN_HEADER = 40
const OUT_HEADER = 16
const ATTRIBUTES = 88
/** More than the largest request. */
const BUFFER = 1024 * 1024
const ENOENT = 2
const ENOSYS = 38

/** Requests, by their numbers. */
const LOOKUP = 1
const FORGET = 2
const GETATTR = 3
const SETATTR = 4
const OPEN = 14
const READ = 15
const WRITE = 16
const RELEASE = 18
const FLUSH = 25
const INIT = 26
const INTERRUPT = 36
const BATCH_FORGET = 42

interface Request {
  readonly opcode: number
  readonly node: bigint
  readonly body: Buffer
}

serve()

function serve(): void {
  const buffer = Buffer.alloc(BUFFER)
  for (;;) {
    const length = readSync(DEVICE, buffer, 0, buffer.length, null)
    const unique = buffer.readBigUInt64LE(8)
    const request = {
      opcode: buffer.readUInt32LE(4),
      node: buffer.readBigUInt64LE(16),
      body: buffer.subarray(IN_HEADER, length),
    }
    const answer = answerTo(request)
    if (answer === undefined) continue
    const header = Buffer.alloc(OUT_HEADER)
    const content = typeof answer === 'number' ? Buffer.alloc(0) : answer
    header.writeUInt32LE(OUT_HEADER + content.length, 0)
    header.writeInt32LE(typeof answer === 'number' ? -answer : 0, 4)
    header.writeBigUInt64LE(unique, 8)
    writeSync(DEVICE, Buffer.concat([header, content]))
  }
}

/** The content of the answer, the number of an error, or undefined for none. */
function answerTo({ opcode, node, body }: Request): Buffer | number | undefined {
  switch (opcode) {
    case INIT:
      return init()
    case LOOKUP:
      return body.toString('latin1') === 'file\0' ? entry() : ENOENT
    case GETATTR:
    case SETATTR:
      return Buffer.concat([Buffer.alloc(16), attributes(node)])
    case OPEN:
      return Buffer.alloc(16)
    case READ:
      return Buffer.alloc(Math.max(0, FILE_SIZE - Number(body.readBigUInt64LE(8))))
    case RELEASE:
    case FLUSH:
      return Buffer.alloc(0)
    case WRITE:
    case FORGET:
    case BATCH_FORGET:
    case INTERRUPT:
      return undefined
    default:
      return ENOSYS
  }
}

function init(): Buffer {
  const answer = Buffer.alloc(64)
  answer.writeUInt32LE(7, 0)
  answer.writeUInt32LE(31, 4)
  answer.writeUInt16LE(16, 16)
  answer.writeUInt16LE(12, 18)
  answer.writeUInt32LE(FILE_SIZE, 20)
  answer.writeUInt32LE(1, 24)
  return answer
}

function entry(): Buffer {
  const answer = Buffer.alloc(40)
  answer.writeBigUInt64LE(FILE, 0)
  return Buffer.concat([answer, attributes(FILE)])
}

function attributes(node: bigint): Buffer {
  const answer = Buffer.alloc(ATTRIBUTES)
  answer.writeBigUInt64LE(node, 0)
  answer.writeBigUInt64LE(BigInt(FILE_SIZE), 8)
  answer.writeUInt32LE(node === ROOT ? DIRECTORY_MODE : FILE_MODE, 60)
  answer.writeUInt32LE(1, 64)
  answer.writeUInt32LE(FILE_SIZE, 80)
  return answer
}
