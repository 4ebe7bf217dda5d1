/** A node made up from a seed: processes in a procfs tree, rules, and what happens between two scrapes. */
import { type Process, ProcfsTree, type Task } from '../../test/support/procfs-tree.ts'
import { Dice } from '../support/random.ts'

export interface Rule {
  name?: string
  comm?: string[]
  exe?: string[]
  cmdline?: string[]
}

/** Later than any start of an exporter, in clock ticks after the trees' boot. */
const LATE = 100_000_000_000
/** What a process may lack; without `limits` or `status` process-exporter doesn't take it for one. */
const FILES = ['io', 'fd', 'smaps_rollup', 'wchan', 'limits', 'status', 'cmdline', 'cgroup']
const PROGRAMS = ['nginx', 'postgres', 'java', 'redis-server', 'a b', 'bash']
const ENTRIES = [...PROGRAMS, '/usr/bin/nginx', 'bin/java', 'bash/']
const STATES = ['R', 'S', 'S', 'S', 'D', 'T', 'I']
const WCHANS = ['0', '0', 'do_wait', 'futex_wait', 'ep_poll']
const TEMPLATES = [
  '{{.Comm}}',
  '{{.ExeBase}}',
  '{{.ExeFull}}',
  '{{.Comm}}-{{.Username}}',
  '{{.PID}}',
  'fixed',
  '{{.Matches}}',
  '{{.Matches.x}}/{{.Comm}}',
  '{{.StartTime}}',
  '{{.Cgroups}}',
  'pre-{{.Nope}}-post',
  '{{index .Matches "x"}}|{{index .Cgroups 1}}|after',
  '{{if eq .Comm "nginx" "bash"}}web{{else if gt .PID 5}}late{{else}}{{.Comm}}{{end}}',
  '{{range $i, $c := .Cgroups}}{{if $i}},{{end}}{{$c}}{{else}}none{{end}}',
  '{{range $k, $v := .Matches}}<{{$k}}={{$v}}>{{end}}',
  '{{with index .Matches ""}}{{. | printf "%q-%5s-%-5s|" "é"}}{{end}}',
  '{{ .Comm -}}  x  {{- /* comment */ -}} y {{- "z\\t" }}{{`raw`}}',
  '{{$x := len .Comm}}{{if true}}{{$x = 7}}{{$y := 1}}{{end}}{{$x}}-{{$.Comm}}',
  '{{printf "%03d %v %x %t %s" .PID .Cgroups .Comm (ne .PID 3) .Matches}}',
  '{{slice .ExeFull 0 2}}{{slice .ExeFull 9}}',
  '{{define "a"}}[{{.}}]{{end}}{{template "a" .Comm}}{{template "a"}}',
  '{{and .Comm .PID}} {{or "" 0 .Comm}} {{not .Matches}} {{len .Cgroups}}',
  '{{print 1 2 "a" 3 true}} {{println .Comm .PID}}',
  '{{.StartTime.Unix}} {{.StartTime.Format "2006-01-02T15:04:05Z07:00"}} {{.StartTime.Year}}',
  '{{lt "a" .Comm}} {{le 3 .PID}} {{ge .PID 3}} {{eq .PID "x"}}never',
]
const PATTERNS = [
  '.+',
  '.*',
  '^/usr',
  '(?P<x>\\w+)$',
  '--port[= ](\\d+)',
  'nginx|bash',
  '(?i)JAVA',
  '^$',
]

export class RandomNode {
  readonly tree = new ProcfsTree()
  readonly rules: Rule[]
  readonly children: boolean
  readonly recheck: boolean
  readonly threads: boolean
  readonly smaps: boolean
  readonly #isWild: boolean
  readonly #dice: Dice
  readonly #processes = new Map<number, Process>()
  #starts = 0

  /**
   * @param isWild whether it also does what process-exporter and the agent are meant to see differently, unless
   *   the agent is told to be strict: lose files and threads, and let counters fall.
   */
  constructor(seed: number, isWild: boolean) {
    this.#isWild = isWild
    this.#dice = new Dice(seed)
    this.threads = !isWild || this.#dice.chance(0.7)
    this.smaps = !isWild || this.#dice.chance(0.7)
    this.children = this.#dice.chance(0.7)
    this.recheck = this.#dice.chance(0.2)
    this.rules = this.#dice.list(1, 3, () => this.#rule())
    for (let pid = 1; pid <= this.#dice.integer(1, 10); pid++) this.#start(pid, false)
  }

  /** Lets processes run, end, and begin. */
  change(): void {
    for (const [pid, process] of this.#processes) {
      if (this.#dice.chance(0.15)) this.#end(pid)
      else if (this.#dice.chance(0.1)) this.#start(pid, true)
      else if (this.#dice.chance(0.7)) this.#run(pid, process)
      if (this.#dice.chance(0.1)) this.#exec(pid)
    }
    while (this.#dice.chance(0.4)) this.#start(this.#dice.integer(1, 30), true)
  }

  dispose(): void {
    this.tree.dispose()
  }

  #start(pid: number, isLate: boolean): void {
    const name = this.#dice.pick(PROGRAMS)
    const process: Process = {
      comm: name.slice(0, 15),
      argv: this.#arguments(name),
      // Never itself nor a circle: process-exporter overflows its stack then.
      ppid: this.#dice.integer(0, pid - 1),
      uid: this.#dice.pick([0, 0, 12345]),
      // Each later start is another identity, also of a PID that is used again.
      starttime: (isLate ? LATE : 1000) + this.#starts++,
      cgroups: this.#dice.list(0, 2, () => this.#dice.pick(['/', '/a', '/kubepods/pod1/x:y'])),
      openFilesLimit: this.#dice.pick([1024, 10, 1, 'unlimited', 0]),
      ...this.#holdings(),
      ...this.#usage({}),
      ...this.#waiting(),
    }
    if (this.#mayHaveThreads() && this.#dice.chance(0.3)) {
      process.threads = this.#threads(pid, name, isLate)
    }
    if (this.#isWild && this.#dice.chance(0.2))
      process.without = this.#dice.list(0, 2, () => this.#dice.pick(FILES))
    this.#write(pid, process)
  }

  #run(pid: number, process: Process): void {
    const { threads } = process
    const ran = Object.entries(threads ?? {}).map(([tid, thread]): [string, Task] => [
      tid,
      { ...thread, ...this.#usage(thread), ...this.#waiting() },
    ])
    this.#write(pid, {
      ...process,
      ...this.#usage(process),
      ...this.#holdings(),
      ...this.#waiting(),
      ...(threads && { threads: Object.fromEntries(ran) }),
      ...(this.#isWild && this.#mishaps(pid, process)),
    })
  }

  /** What threads had used when their process was first counted is seen differently, so it must be nothing. */
  #mayHaveThreads(): boolean {
    return this.#isWild || (this.children && !this.recheck)
  }

  /** Files come and go, and so do threads. */
  #mishaps(pid: number, { comm }: Process): Process {
    const mishaps: Process = {}
    if (this.#dice.chance(0.2))
      mishaps.without = this.#dice.list(0, 1, () => this.#dice.pick(FILES))
    if (this.#dice.chance(0.2)) mishaps.threads = this.#threads(pid, String(comm), false)
    return mishaps
  }

  /** The same process, but another program; not with threads, whose past use counts in one of the two only. */
  #exec(pid: number): void {
    const process = this.#processes.get(pid)
    if (process === undefined || (process.threads !== undefined && !this.#isWild)) return
    this.#write(pid, { ...process, argv: this.#arguments(this.#dice.pick(PROGRAMS)) })
  }

  #end(pid: number): void {
    this.#processes.delete(pid)
    this.tree.remove(pid)
  }

  #write(pid: number, process: Process): void {
    this.#processes.set(pid, process)
    this.tree.set(pid, process)
  }

  /**
   * Two to four threads with names that no other process has. Those of a later process have used nothing yet:
   * what they have used when they are first seen counts here, and not there.
   */
  #threads(pid: number, name: string, isLate: boolean): Record<number, Task> {
    const tids = [pid, ...this.#dice.list(1, 3, () => this.#dice.integer(1000, 9999))]
    return Object.fromEntries(
      tids.map((tid) => {
        const comm = `${name.slice(0, 6)}-${pid}-${tid % 2}`
        const usage = isLate && !this.#isWild ? {} : this.#usage({})
        return [tid, { comm, ...usage, ...this.#waiting() }]
      }),
    )
  }

  /** Counters that are higher than those of `before`, or the same; in a wild node now and then lower. */
  #usage(before: Task): Task {
    const more = (value: number | bigint = 0) =>
      (this.#isWild && this.#dice.chance(0.05) ? 0 : Number(value)) +
      this.#dice.pick([0, 1, this.#dice.integer(0, 100_000)])
    return {
      minflt: more(before.minflt),
      majflt: more(before.majflt),
      utime: more(before.utime),
      stime: more(before.stime),
      voluntary: more(before.voluntary),
      nonvoluntary: more(before.nonvoluntary),
      readBytes: more(before.readBytes),
      writeBytes: more(before.writeBytes),
    }
  }

  #holdings(): Process {
    return {
      vsize: this.#dice.integer(0, 2 ** 40),
      rss: this.#dice.integer(0, 100_000),
      swap: this.#dice.integer(0, 1000),
      pss: this.#dice.integer(0, 100_000),
      swapPss: this.#dice.integer(0, 1000),
      openFiles: this.#dice.integer(0, 6),
    }
  }

  #waiting(): Task {
    return { state: this.#dice.pick(STATES), wchan: this.#dice.pick(WCHANS) }
  }

  #arguments(name: string): string[] {
    if (this.#dice.chance(0.1)) return []
    const program = this.#dice.pick([name, `/usr/bin/${name}`, `./${name}`, `/opt//x/${name}/`])
    return [
      program,
      ...this.#dice.list(0, 3, () => this.#dice.pick(['--port=80', '--port 90', 'main', '', 'é'])),
    ]
  }

  #rule(): Rule {
    const rule: Rule = {}
    if (this.#dice.chance(0.3)) rule.comm = this.#dice.list(0, 2, () => this.#dice.pick(PROGRAMS))
    // One entry: where several share a base name, the two are known to differ.
    if (this.#dice.chance(0.3))
      rule.exe = this.#dice.list(1, this.#isWild ? 4 : 1, () => this.#dice.pick(ENTRIES))
    const isEmpty = rule.comm === undefined && rule.exe === undefined
    if (isEmpty || this.#dice.chance(0.4))
      rule.cmdline = this.#dice.list(0, 2, () => this.#dice.pick(PATTERNS))
    if (this.#dice.chance(0.8)) rule.name = this.#dice.pick(TEMPLATES)
    return rule
  }
}
