/** Sets seccomp filters for this process, by koffi, which is loaded when it is needed. */
import { systemCallError } from '../errors.ts'
import { usesIoUring } from '../io-uring.ts'
import { buildFilter, type FilterOptions, ioUringFilter } from './filter.ts'
import type { Architecture } from './system-calls.ts'

/** Numbers of seccomp(2). */
const NUMBERS: Readonly<Record<string, number>> = { x64: 317, arm64: 277 } satisfies Record<
  Architecture,
  number
>
const PR_SET_NO_NEW_PRIVS = 38
const SECCOMP_SET_MODE_FILTER = 1
/** The filter is for all threads. */
const FLAG_TSYNC = 1
/** Without it kernels before 5.16 slow down all speculation of the process. */
const FLAG_SPEC_ALLOW = 4
const INSTRUCTION_BYTES = 8

let endAllThreads: ((code: number) => void) | undefined

/**
 * Sets the filter of a process that only reads, for all threads. It can't be undone.
 *
 * @throws Error that says that koffi is missing, that the platform is not known, that the process uses io_uring, or what the
 *   kernel refuses.
 */
export async function installFilter(options: Omit<FilterOptions, 'pid'>): Promise<void> {
  const { arch, pid } = process
  if (arch !== 'x64' && arch !== 'arm64') throw new Error(`seccomp is not known on ${arch}`)
  if (usesIoUring()) throw new Error('the process uses io_uring, whose operations no filter sees')
  const { setFilter, library } = await load()
  const end = library.func('_exit', 'void', ['int'])
  setFilter(buildFilter(arch, { ...options, pid }))
  endAllThreads = (code) => end(code)
}

/**
 * Refuses io_uring_setup(2) from now on, also to the program that this process executes next.
 *
 * @throws Error that says that koffi is missing, that the platform is not known, or what the kernel refuses.
 */
export async function refuseIoUring(): Promise<void> {
  const { setFilter } = await load()
  setFilter(ioUringFilter())
}

/**
 * Ends this process with all its threads, where `installFilter` has set a filter, which refuses other ways. Where not it returns.
 *
 * @param code that the process exits with.
 */
export function endFilteredProcess(code: number): void {
  endAllThreads?.(code)
}

async function load() {
  const number = NUMBERS[process.arch]
  if (number === undefined) throw new Error(`seccomp is not known on ${process.arch}`)
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  const prctl = library.func('prctl', 'int', ['int', ...Array(4).fill('unsigned long')])
  const seccomp = library.func('syscall', 'long', ['long', 'long', 'long', 'void *'])
  const check = (what: string, result: number) => {
    if (result < 0) throw systemCallError(what, koffi.errno())
    if (result > 0) throw new Error(`${what}: thread ${result} has another filter`)
  }
  const setFilter = (filter: Buffer): void => {
    // struct sock_fprog
    const program = Buffer.alloc(16)
    program.writeUInt16LE(filter.length / INSTRUCTION_BYTES, 0)
    program.writeBigUInt64LE(BigInt(koffi.address(filter)), 8)
    check('prctl(PR_SET_NO_NEW_PRIVS)', prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    const flags = FLAG_TSYNC | FLAG_SPEC_ALLOW
    check('seccomp(2)', seccomp(number, SECCOMP_SET_MODE_FILTER, flags, program))
  }
  return { setFilter, library }
}
