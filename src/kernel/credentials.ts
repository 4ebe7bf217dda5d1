/**
 * The user of this process, given up for another without the loss of capabilities: what a service manager does with ambient
 * capabilities, where there is none. By koffi, which is loaded when it is needed.
 */
import { systemCallError } from './errors.ts'

/**
 * What the agent reads by, in the kernel's numbers (include/uapi/linux/capability.h). SYS_ADMIN is for perf events where the kernel
 * does not take PERFMON.
 */
const KEPT = { DAC_READ_SEARCH: 2, SYS_PTRACE: 19, SYS_ADMIN: 21, PERFMON: 38, BPF: 39 } as const
const PR_SET_KEEPCAPS = 8
const PR_CAP_AMBIENT = 47
const PR_CAP_AMBIENT_RAISE = 2
const F_SETFD = 2
const CAPABILITY_VERSION = 0x20080522
/** `struct __user_cap_data_struct`, for capabilities below 32 and the rest: effective, permitted, inheritable. */
const DATA_BYTES = 12
const EFFECTIVE = 0
const PERMITTED = 4
const INHERITABLE = 8

/**
 * Runs this program again, by execve(2) in the same process, as another user with no other group. Of its capabilities those stay
 * that let the agent read, as ambient ones; all others are gone.
 *
 * @throws NodeJS.ErrnoException with the kernel's code: EPERM without SETUID and SETGID. Error where koffi is missing.
 */
export async function restartAs(uid: number, gid: number): Promise<never> {
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  const call = (name: string, types: readonly string[]) => {
    const bound = library.func(name, 'int', [...types])
    return (...words: readonly unknown[]) => {
      if ((bound(...words) as number) < 0) throw systemCallError(name, koffi.errno())
    }
  }
  const long = 'unsigned long'
  const prctl = call('prctl', ['int', long, long, long, long])
  const capget = call('capget', ['void *', 'void *'])
  const capset = call('capset', ['void *', 'void *'])
  const fcntl = call('fcntl', ['int', 'int', long])
  const execve = call('execve', ['str', 'const char **', 'const char **'])

  const header = Buffer.alloc(8)
  header.writeUInt32LE(CAPABILITY_VERSION, 0)
  const data = Buffer.alloc(2 * DATA_BYTES)
  capget(header, data)
  const kept = Object.values(KEPT).filter((capability) => hasCapability(data, capability))

  // Capabilities belong to a thread: only this one keeps them, and execve ends all others.
  prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
  process.setgroups?.([gid])
  process.setgid?.(gid)
  process.setuid?.(uid)
  capset(header, capabilityData(kept))
  for (const capability of kept) {
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
  }
  // Node.js has made them end with the program.
  for (const descriptor of [0, 1, 2]) fcntl(descriptor, F_SETFD, 0)
  const { execPath, execArgv, argv, env } = process
  const words = [execPath, ...execArgv, ...argv.slice(1)]
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  execve(execPath, [...words, null], [...variables, null])
  throw new Error('execve returned')
}

function hasCapability(data: Buffer, capability: number): boolean {
  const word = data.readUInt32LE(offsetOf(capability) + PERMITTED)
  return ((word >>> (capability % 32)) & 1) === 1
}

/** What capset(2) takes: these capabilities effective, permitted and inheritable, and no other. */
function capabilityData(capabilities: readonly number[]): Buffer {
  const data = Buffer.alloc(2 * DATA_BYTES)
  for (const capability of capabilities) {
    for (const set of [EFFECTIVE, PERMITTED, INHERITABLE]) {
      const at = offsetOf(capability) + set
      data.writeUInt32LE((data.readUInt32LE(at) | (1 << (capability % 32))) >>> 0, at)
    }
  }
  return data
}

function offsetOf(capability: number): number {
  return Math.floor(capability / 32) * DATA_BYTES
}
