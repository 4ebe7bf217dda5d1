/** Generated procfs trees, in the formats of the kernel. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A process or thread: everything has a default, so that a test names only what it is about. */
export interface Task {
  comm?: string | Buffer
  state?: string
  ppid?: number
  minflt?: number | bigint
  majflt?: number | bigint
  cminflt?: number
  cmajflt?: number
  /** `PF_*` of include/linux/sched.h. */
  flags?: number
  utime?: number
  stime?: number
  cutime?: number
  cstime?: number
  starttime?: number
  vsize?: number
  /** Pages. */
  rss?: number
  shared?: number
  data?: number
  /** Address of the stack's start. */
  stack?: number
  voluntary?: number | bigint
  nonvoluntary?: number | bigint
  readBytes?: number | bigint
  writeBytes?: number | bigint
  wchan?: string
  /** Times that it came onto a CPU; without it there is no `schedstat`. */
  runs?: number
  /** Nanoseconds that it waited for a CPU. */
  runDelay?: number
}

export interface Process extends Task {
  argv?: readonly (string | Buffer)[]
  uid?: number
  /** KiB. */
  swap?: number
  pss?: number
  swapPss?: number
  openFiles?: number
  openFilesLimit?: number | 'unlimited'
  cgroups?: readonly string[]
  /** By thread id; without it the process has one thread, equal to itself. */
  threads?: Readonly<Record<number, Task>>
  /** Files to leave out: `io`, `limits`, `smaps_rollup`, … */
  without?: readonly string[]
}

const BOOT_TIME = 1_600_000_000

export class ProcfsTree {
  readonly root = mkdtempSync(join(tmpdir(), 'procfs-'))

  /** @param hasSchedstat whether the kernel says how often a task has run. */
  constructor(hasSchedstat = false) {
    if (hasSchedstat) {
      mkdirSync(join(this.root, 'self'))
      writeFileSync(join(this.root, 'self/schedstat'), '1 1 1\n')
    }
    writeFileSync(join(this.root, 'stat'), `cpu  0 0 0 0\nbtime ${BOOT_TIME}\n`)
    writeFileSync(join(this.root, 'uptime'), '1000000.00 0.00\n')
  }

  /** Writes a process, in the place of any that had the PID. */
  set(pid: number, process: Process): void {
    this.remove(pid)
    const directory = join(this.root, String(pid))
    const threads = process.threads ?? { [pid]: process }
    const count = Object.keys(threads).length
    mkdirSync(join(directory, 'fd'), { recursive: true })
    this.#writeTask(directory, pid, process, count, process)
    const limit = String(process.openFilesLimit ?? 1024)
    this.#write(
      directory,
      'limits',
      'Limit                     Soft Limit           Hard Limit           Units     \n' +
        'Max processes             96365                96365                processes \n' +
        `Max open files            ${limit.padEnd(21)}${limit.padEnd(21)}files     \n`,
    )
    this.#write(
      directory,
      'cgroup',
      (process.cgroups ?? ['/x']).map((path) => `0::${path}\n`).join(''),
    )
    this.#write(
      directory,
      'smaps_rollup',
      '00400000-ffffffff ---p 00000000 00:00 0                 [rollup]\n' +
        `Rss:                   4 kB\nPss:          ${process.pss ?? 1} kB\nSwapPss:      ${process.swapPss ?? 0} kB\n`,
    )
    for (let fd = 0; fd < (process.openFiles ?? 3); fd++)
      this.#write(join(directory, 'fd'), String(fd), '')
    for (const [tid, thread] of Object.entries(threads)) {
      const task = join(directory, 'task', tid)
      mkdirSync(task, { recursive: true })
      this.#writeTask(
        task,
        Number(tid),
        { ...thread, starttime: thread.starttime ?? process.starttime ?? 1000 },
        count,
        process,
      )
    }
    for (const name of process.without ?? [])
      rmSync(join(directory, name), { recursive: true, force: true })
  }

  remove(pid: number): void {
    rmSync(join(this.root, String(pid)), { recursive: true, force: true })
  }

  /** Writes anything into a file of a process. */
  damage(pid: number, file: string, content: string): void {
    this.#write(join(this.root, String(pid)), file, content)
  }

  /** Takes the whole tree away, or brings it back. */
  hide(isHidden: boolean): void {
    const hidden = `${this.root}-hidden`
    if (isHidden) renameSync(this.root, hidden)
    else renameSync(hidden, this.root)
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  #writeTask(directory: string, id: number, task: Task, threads: number, process: Process): void {
    const fields = [
      task.state ?? 'S',
      task.ppid ?? process.ppid ?? 1,
      0,
      0,
      0,
      -1,
      task.flags ?? 0,
      task.minflt ?? 0,
      task.cminflt ?? 0,
      task.majflt ?? 0,
      task.cmajflt ?? 0,
      task.utime ?? 0,
      task.stime ?? 0,
      task.cutime ?? 0,
      task.cstime ?? 0,
      20,
      0,
      threads,
      0,
      task.starttime ?? 1000,
      task.vsize ?? 8192,
      task.rss ?? 2,
      0,
      0,
      0,
      task.stack ?? 0,
      ...Array(24).fill(0),
    ]
    this.#write(
      directory,
      'stat',
      Buffer.concat([
        Buffer.from(`${id} (`),
        Buffer.from(task.comm ?? 'app'),
        Buffer.from(`) ${fields.join(' ')}\n`),
      ]),
    )
    const uid = process.uid ?? 0
    this.#write(
      directory,
      'status',
      `Name:\tapp\nState:\t${task.state ?? 'S'}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nThreads:\t${threads}\nVmSwap:\t${process.swap ?? 0} kB\n` +
        `voluntary_ctxt_switches:\t${task.voluntary ?? 0}\nnonvoluntary_ctxt_switches:\t${task.nonvoluntary ?? 0}\n`,
    )
    this.#write(
      directory,
      'io',
      `rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: ${task.readBytes ?? 0}\n` +
        `write_bytes: ${task.writeBytes ?? 0}\ncancelled_write_bytes: 0\n`,
    )
    const pages = [
      (task.vsize ?? 8192) / 4096,
      task.rss ?? 2,
      task.shared ?? 0,
      0,
      0,
      task.data ?? 0,
    ]
    this.#write(directory, 'statm', `${pages.join(' ')} 0\n`)
    const words = (process.argv ?? ['/usr/bin/app']).flatMap((word) => [word, '\0'])
    this.#write(directory, 'cmdline', Buffer.concat(words.map((part) => Buffer.from(part))))
    this.#write(directory, 'wchan', task.wchan ?? '0')
    if (task.runs !== undefined)
      this.#write(
        directory,
        'schedstat',
        `${task.runs * 1000} ${task.runDelay ?? 0} ${task.runs}\n`,
      )
  }

  #write(directory: string, name: string, content: string | Buffer): void {
    writeFileSync(join(directory, name), content)
  }
}
