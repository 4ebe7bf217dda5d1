/** Programs of a few machine instructions, that take any arguments: for processes that need only look like others. */
import { writeFileSync } from 'node:fs'
import { MissingPeer } from './packages.ts'

const X64 = 62
const ARM64 = 183
const LOAD_ADDRESS = 0x400000
const ELF_HEADER = 64
const PROGRAM_HEADER = 56

interface Platform {
  /** EM_*, of the ELF header. */
  readonly machine: number
  /** Waits for ever: pause(2), or ppoll(2) on nothing. */
  readonly idle: readonly number[]
  /** Jumps to itself. */
  readonly busy: readonly number[]
}

const PLATFORMS: Readonly<Record<string, Platform>> = {
  x64: {
    machine: X64,
    idle: [0xb8, 0x22, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7],
    busy: [0xeb, 0xfe],
  },
  arm64: {
    machine: ARM64,
    idle: words(0xd2800000, 0xd2800001, 0xd2800002, 0xd2800003, 0xd2800928, 0xd4000001, 0x17fffffa),
    busy: words(0x14000000),
  },
}

/**
 * Writes one: static, without a library.
 *
 * @throws MissingPeer on other platforms.
 */
export function writeProgram(path: string, kind: 'idle' | 'busy'): void {
  const platform = PLATFORMS[process.arch]
  if (platform === undefined) throw new MissingPeer(`no program for ${process.arch}`)
  const code = Buffer.from(platform[kind])
  const size = ELF_HEADER + PROGRAM_HEADER + code.length
  const elf = Buffer.alloc(size)
  // 64 bits, little endian, version 1.
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  elf.writeUInt16LE(2, 16) // ET_EXEC
  elf.writeUInt16LE(platform.machine, 18)
  elf.writeUInt32LE(1, 20)
  elf.writeBigUInt64LE(BigInt(LOAD_ADDRESS + ELF_HEADER + PROGRAM_HEADER), 24) // entry
  elf.writeBigUInt64LE(BigInt(ELF_HEADER), 32) // program headers
  elf.writeUInt16LE(ELF_HEADER, 52)
  elf.writeUInt16LE(PROGRAM_HEADER, 54)
  elf.writeUInt16LE(1, 56)
  elf.writeUInt32LE(1, ELF_HEADER) // PT_LOAD
  elf.writeUInt32LE(5, ELF_HEADER + 4) // read and execute
  elf.writeBigUInt64LE(BigInt(LOAD_ADDRESS), ELF_HEADER + 16)
  elf.writeBigUInt64LE(BigInt(LOAD_ADDRESS), ELF_HEADER + 24)
  elf.writeBigUInt64LE(BigInt(size), ELF_HEADER + 32)
  elf.writeBigUInt64LE(BigInt(size), ELF_HEADER + 40)
  elf.writeBigUInt64LE(0x1000n, ELF_HEADER + 48)
  code.copy(elf, ELF_HEADER + PROGRAM_HEADER)
  writeFileSync(path, elf, { mode: 0o755 })
}

function words(...instructions: readonly number[]): number[] {
  return instructions.flatMap((word) => [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff))
}
