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

  /**
   * Takes what its `stat` says, and reads the rest.
   *
   * @param comm the name in it.
   * @param retire told of the program it was until now, and of what it used as that, when it executes another one.
   * @throws NodeJS.ErrnoException, KernelFormatError
   */
  update(
    procfs: Procfs,
    stat: Readonly<Stat>,
    comm: string,
    retire: (name: string, used: Ticks) => void,
  ): void {
    if (stat.stack !== this.#stack || comm !== this.comm) {
      this.#stack = stat.stack
      this.comm = comm
      const name = programName(procfs.cmdline(this.directory), comm)
      if (name !== this.name) {
        retire(this.name, this.used)
        this.#before.user += this.used.user
        this.#before.system += this.used.system
        this.name = name
      }
    }
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
