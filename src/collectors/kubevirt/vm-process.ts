/** A process of a virtual machine, from its first sight to its end. */
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
  /** What it used under its present name. */
  readonly used: Ticks = { user: 0, system: 0 }
  readonly memory: Statm = emptyStatm()
  /** Where its stack starts: it moves when another program is executed. */
  #stack: number
  /** The kernel's name for it, as it was read last. */
  comm: string
  /** What it used under earlier names. */
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
   * Takes over its new program.
   *
   * @returns whether its name is another one; what it has used until now belongs to the earlier one.
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
   * Takes what its `stat` says, and reads the rest.
   *
   * @throws NodeJS.ErrnoException, KernelFormatError
   */
  update(procfs: Procfs, stat: Readonly<Stat>): void {
    procfs.statm(this.directory, this.memory)
    this.used.user = stat.utime - this.#before.user
    this.used.system = stat.stime - this.#before.system
  }
}

/** Of a zombie, which has no arguments any more, the kernel's name for it. */
function programName(argv: readonly string[], comm: string): string {
  const name = posix.basename(argv[0] ?? '')
  return name === '' ? comm : name
}
