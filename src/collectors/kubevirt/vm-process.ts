/** A process of a virtual machine, from its first reading to its exit. */
import { posix } from 'node:path'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import type { Stat } from '../../kernel/procfs/stat.ts'
import { emptyStatm, type Statm } from '../../kernel/procfs/statm.ts'

/** CPU time in clock ticks. */
export interface Ticks {
  user: number
  system: number
}

/** A process of a virtual machine: its CPU time under its present name, and its memory. */
export class VmProcess {
  readonly pid: number
  readonly directory: string
  /** Clock ticks after boot: with the PID its identity. */
  readonly start: number
  name: string
  /** CPU time under its present name. */
  readonly used: Ticks = { user: 0, system: 0 }
  readonly memory: Statm = emptyStatm()
  /** Address of its stack's start, which changes when it executes another program. */
  #stack: number
  /** Its task name when it was last read. */
  comm: string
  /** CPU time under earlier names. */
  readonly #before: Ticks = { user: 0, system: 0 }

  constructor(
    pid: number,
    directory: string,
    stat: Readonly<Stat>,
    argv: readonly string[],
    comm: string,
  ) {
    this.pid = pid
    this.directory = directory
    this.start = stat.starttime
    this.#stack = stat.stack
    this.comm = comm
    this.name = programName(argv, comm)
  }

  /** Whether it has executed another program, or changed its name. */
  isAnother(stat: Readonly<Stat>, comm: string): boolean {
    return stat.stack !== this.#stack || comm !== this.comm
  }

  /**
   * Stores its new program.
   *
   * @returns whether its name has changed; its CPU time so far belongs to the earlier name.
   */
  become(stat: Readonly<Stat>, comm: string, argv: readonly string[]): boolean {
    this.#stack = stat.stack
    this.comm = comm
    const name = programName(argv, comm)
    if (name === this.name) return false
    this.#before.user += this.used.user
    this.#before.system += this.used.system
    this.name = name
    return true
  }

  /**
   * Stores the values of its `stat`, and reads `statm`.
   *
   * @throws NodeJS.ErrnoException, KernelFormatError as Procfs.statm does.
   */
  update(procfs: Procfs, stat: Readonly<Stat>): void {
    procfs.statm(this.directory, this.memory)
    this.used.user = stat.utime - this.#before.user
    this.used.system = stat.stime - this.#before.system
  }
}

/** The name of the executed program; of a zombie, which has no arguments, the task name. */
function programName(argv: readonly string[], comm: string): string {
  const name = posix.basename(argv[0] ?? '')
  return name === '' ? comm : name
}
