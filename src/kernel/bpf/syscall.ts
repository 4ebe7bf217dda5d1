/** bpf(2) by koffi, which is loaded when it is needed. */
import { constants } from 'node:os'
import { systemCallError } from '../errors.ts'

/** Numbers of the system call, by Node's name of the architecture. */
const NUMBERS: Readonly<Record<string, number>> = { x64: 321, arm64: 280 }

/** Calls, and runs of a loader, that are interrupted at most. */
export const MAX_TRIES = 10

/** `enum bpf_cmd` (include/uapi/linux/bpf.h). */
export const BpfCommand = {
  mapCreate: 0,
  mapLookup: 1,
  mapUpdate: 2,
  programLoad: 5,
  pin: 6,
  programRun: 10,
  rawTracepointOpen: 17,
  mapLookupAndDeleteBatch: 25,
  linkCreate: 28,
  iteratorCreate: 33,
} as const

/** A field of `union bpf_attr`: its offset, its size in bytes, and a number or the memory that it points to. */
export type BpfField = readonly [offset: number, size: 4 | 8, value: number | Uint8Array]

/** bpf(2). */
export interface Bpf {
  /**
   * Calls bpf(2).
   *
   * @returns what the kernel gave back, and the attributes as it left them.
   * @throws NodeJS.ErrnoException with the kernel's code.
   */
  call(
    command: number,
    size: number,
    fields: readonly BpfField[],
  ): { result: number; attributes: Buffer }
  /** `union bpf_attr`, filled. */
  attributes(size: number, fields: readonly BpfField[]): Buffer
  /**
   * The same as `call`, with attributes that the kernel changes also where it fails.
   *
   * @throws NodeJS.ErrnoException with the kernel's code.
   */
  callWith(command: number, attributes: Buffer): number
  /** The address of memory that stays where it is as long as it is referenced. */
  address(memory: Uint8Array): bigint
}

/**
 * Loads koffi, and binds bpf(2).
 *
 * @throws Error that says that koffi is missing, or that the platform has no number for the call.
 */
export async function loadBpf(): Promise<Bpf> {
  const number = NUMBERS[process.arch]
  if (number === undefined) throw new Error(`bpf(2) is not known on ${process.arch}`)
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  const syscall = library.func('syscall', 'long', ['long', 'long', 'void *', 'unsigned long'])
  const address = (memory: Uint8Array): bigint => BigInt(koffi.address(memory))
  const attributes = (size: number, fields: readonly BpfField[]): Buffer => {
    const bytes = Buffer.alloc(size)
    for (const [offset, length, value] of fields) {
      if (typeof value !== 'number') bytes.writeBigUInt64LE(address(value), offset)
      else if (length === 8) bytes.writeBigUInt64LE(BigInt(value), offset)
      else bytes.writeInt32LE(value | 0, offset)
    }
    return bytes
  }
  const callWith = (command: number, filled: Buffer): number => {
    for (let tries = 1; ; tries++) {
      const result = syscall(number, command, filled, filled.length) as number
      if (result >= 0) return result
      // A signal interrupts the verifier.
      const isInterrupted = koffi.errno() === constants.errno.EAGAIN && tries < MAX_TRIES
      if (isInterrupted) continue
      throw systemCallError('bpf', koffi.errno(), `bpf(2) command ${command}`)
    }
  }
  return {
    address,
    attributes,
    call(command, size, fields) {
      const filled = attributes(size, fields)
      return { result: callWith(command, filled), attributes: filled }
    },
    callWith,
  }
}
