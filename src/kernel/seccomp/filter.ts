/**
 * A seccomp filter for a process that only reads, in classic BPF (Documentation/userspace-api/seccomp_filter.rst). It sees the number
 * and the arguments of a system call, but no memory: neither paths nor addresses of sockets.
 */
import { constants } from 'node:os'
import {
  ALLOWED_COMMON,
  type Architecture,
  BY_ARGUMENTS,
  FIRST_COMMON,
  IO_URING_SETUP,
  REFUSED,
} from './system-calls.ts'

/** What a process does besides reading files and talking to the network. */
export interface FilterOptions {
  /** Number of the process in its own PID namespace: it may signal itself. */
  readonly pid: number
  /** Whether it connects to Unix sockets. */
  readonly unixSockets: boolean
  /** Whether it opens perf events. */
  readonly perfEvents: boolean
  /** Commands of bpf(2) that it calls. */
  readonly bpfCommands: readonly number[]
  /** Whether it opens files for reading and writing at once, as pressure triggers take; which files can't be told. */
  readonly opensForWriting: boolean
}

/** `struct sock_filter`: code, jump if true, jump if false, operand. */
type Instruction = readonly [code: number, yes: number, no: number, operand: number]

// Offsets in `struct seccomp_data`, on a little-endian machine.
const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
const argumentAt = (index: number): number => 16 + index * 8

const { errno } = constants
const AUDIT_ARCHITECTURES: Readonly<Record<Architecture, number>> = {
  x64: 0xc000003e,
  arm64: 0xc00000b7,
}
/** Calls of the x32 ABI, which x86-64 kernels may have. */
const X32_BIT = 0x40000000

const OPEN_FLAGS = {
  wronly: 0o1,
  rdwr: 0o2,
  creat: 0o100,
  trunc: 0o1000,
  append: 0o2000,
  tmpfile: 0o20000000,
} as const
const AF = { unix: 1, inet: 2, inet6: 10, netlink: 16 } as const
/** Flags that make a thread, and not a process, of a clone. */
const CLONE_VM = 0x100
const CLONE_THREAD = 0x10000
/** New namespaces: of mounts, cgroups, host names, IPC, users, PIDs and the network. */
const CLONE_NAMESPACES = 0x7e020000
/** Who is told of a descriptor's events, by which signal; a lease, and notice of changes. */
const FCNTL_REFUSED = [8, 10, 15, 1024, 1026]
/**
 * What libuv and the C library ask of descriptors: FIONBIO, FIONREAD, FIOCLEX and FIONCLEX; attributes and size of a terminal, which
 * Node.js restores at its end; index and name of a network interface.
 */
const IOCTL_ALLOWED = [
  ...[0x5421, 0x541b, 0x5451, 0x5450],
  ...[0x5401, 0x5402, 0x5403, 0x5404, 0x802c542a, 0x402c542b, 0x402c542c, 0x402c542d],
  ...[0x540f, 0x5413, 0x8933, 0x8910],
]

const ALLOW: Instruction = [0x06, 0, 0, 0x7fff0000]
const refuse = (code: number): Instruction => [0x06, 0, 0, 0x00050000 | code]
const load = (offset: number): Instruction => [0x20, 0, 0, offset]
const jumpIfEqual = (value: number, yes: number, no: number): Instruction => [0x15, yes, no, value]
const jumpFrom = (value: number, yes: number, no: number): Instruction => [0x35, yes, no, value]
const jumpIfAny = (bits: number, yes: number, no: number): Instruction => [0x45, yes, no, bits]
const and = (bits: number): Instruction => [0x54, 0, 0, bits]

/**
 * The filter as the kernel takes it, an array of `struct sock_filter`. What it refuses fails with EPERM; with ENOSYS where a C library
 * then takes an older call.
 */
export function buildFilter(architecture: Architecture, options: FilterOptions): Buffer {
  const instructions: Instruction[] = [
    load(ARCHITECTURE_AT),
    jumpIfEqual(AUDIT_ARCHITECTURES[architecture], 1, 0),
    refuse(errno.EPERM),
    load(NUMBER_AT),
  ]
  for (const [name, body] of Object.entries(rulesOf(options))) {
    const number = BY_ARGUMENTS[name as keyof typeof BY_ARGUMENTS][architecture]
    if (number !== undefined) instructions.push(jumpIfEqual(number, 0, body.length), ...body)
  }
  for (const numbers of Object.values(REFUSED)) {
    const number = numbers[architecture]
    if (number === undefined) continue
    instructions.push(jumpIfEqual(number, 0, 1), refuse(errno.EPERM))
  }
  for (const number of Object.values(ALLOWED_COMMON)) {
    instructions.push(jumpIfEqual(number, 0, 1), ALLOW)
  }
  instructions.push(jumpFrom(X32_BIT, 0, 1), refuse(errno.EPERM))
  instructions.push(jumpFrom(FIRST_COMMON, 0, 1), refuse(errno.ENOSYS), ALLOW)
  return encode(instructions)
}

/** A filter as `buildFilter` gives it, which refuses nothing but to make an io_uring. */
export function ioUringFilter(): Buffer {
  return encode([load(NUMBER_AT), jumpIfEqual(IO_URING_SETUP, 0, 1), refuse(errno.ENOSYS), ALLOW])
}

/** What is done with a system call, by its arguments; the most frequent calls first. */
function rulesOf(options: FilterOptions): Record<keyof typeof BY_ARGUMENTS, Instruction[]> {
  const { pid, unixSockets, perfEvents, bpfCommands, opensForWriting } = options
  const { wronly, rdwr, creat, trunc, append, tmpfile } = OPEN_FLAGS
  const writing = wronly | creat | trunc | append | tmpfile | (opensForWriting ? 0 : rdwr)
  const families = [AF.inet, AF.inet6, AF.netlink, ...(unixSockets ? [AF.unix] : [])]
  const signals = [...unlessEqual(0, [pid]), refuse(errno.EPERM)]
  return {
    openat: refuseFlags(2, writing),
    open: refuseFlags(1, writing),
    ioctl: [...unlessEqual(1, IOCTL_ALLOWED), refuse(errno.ENOTTY)],
    fcntl: [...unlessEqual(1, FCNTL_REFUSED, refuse(errno.EPERM)), ALLOW],
    bpf: [...unlessEqual(0, bpfCommands), refuse(errno.EPERM)],
    perf_event_open: [perfEvents ? ALLOW : refuse(errno.EPERM)],
    socket: [...unlessEqual(0, families), refuse(errno.EAFNOSUPPORT)],
    clone: [
      load(argumentAt(0)),
      and(CLONE_VM | CLONE_THREAD | CLONE_NAMESPACES),
      jumpIfEqual(CLONE_VM | CLONE_THREAD, 0, 1),
      ALLOW,
      refuse(errno.EPERM),
    ],
    // Signal 0 only asks whether there is such a process.
    kill: [...unlessEqual(0, [pid]), ...unlessEqual(1, [0]), refuse(errno.EPERM)],
    tgkill: signals,
    rt_sigqueueinfo: signals,
    rt_tgsigqueueinfo: signals,
    prlimit64: [...unlessEqual(0, [0, pid]), refuse(errno.EPERM)],
  }
}

/** Goes on where the argument, an `int`, is none of the values; else allows, or does what is given. */
function unlessEqual(
  index: number,
  values: readonly number[],
  otherwise: Instruction = ALLOW,
): Instruction[] {
  return [
    load(argumentAt(index)),
    ...values.flatMap((value): Instruction[] => [jumpIfEqual(value, 0, 1), otherwise]),
  ]
}

function refuseFlags(index: number, flags: number): Instruction[] {
  return [load(argumentAt(index)), jumpIfAny(flags, 0, 1), refuse(errno.EPERM), ALLOW]
}

const INSTRUCTION_BYTES = 8

function encode(instructions: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(instructions.length * INSTRUCTION_BYTES)
  for (const [index, [code, yes, no, operand]] of instructions.entries()) {
    const at = index * INSTRUCTION_BYTES
    bytes.writeUInt16LE(code, at)
    bytes.writeUInt8(yes, at + 2)
    bytes.writeUInt8(no, at + 3)
    bytes.writeUInt32LE(operand >>> 0, at + 4)
  }
  return bytes
}
