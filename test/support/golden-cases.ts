/**
 * Output of process-exporter 0.7.10 for small nodes, step by step, its mistakes included. The same cases run on
 * the real program (conformance) and on the agent with `compat.process_exporter: strict` (test).
 */
import type { GroupOptions } from './process-groups.ts'
import type { Process, ProcfsTree } from './procfs-tree.ts'

/** Samples without the prefix, as `name{group,other label values}`; undefined for one that must not be there. */
export type Expected = Readonly<Record<string, number | undefined>>

export interface Step {
  /** What happens to the node before the scrape. */
  readonly change?: (tree: ProcfsTree) => void
  readonly expected: Expected
}

export interface GoldenCase {
  readonly title: string
  readonly options?: Pick<GroupOptions, 'rules' | 'children' | 'threads' | 'smaps' | 'recheck'>
  /** The node as it is when the exporter starts. */
  readonly start: (tree: ProcfsTree) => void
  readonly steps: readonly Step[]
}

/** Later than any start of an exporter, in clock ticks after the trees' boot. */
const LATE = 100_000_000_000
/** 2^64 - 1, as a double. */
const WRAPPED = 2 ** 64 - 1
const NO_START = -62_135_596_800

const one: Process = {
  starttime: 1234,
  minflt: 10,
  majflt: 3,
  utime: 150,
  stime: 50,
  vsize: 1_000_000,
  rss: 10,
  swap: 12,
  voluntary: 7,
  nonvoluntary: 2,
  readBytes: 4096,
  writeBytes: 8192,
  pss: 50,
  swapPss: 4,
  wchan: 'do_wait',
}

const threaded: Process = {
  comm: 'main',
  utime: 100,
  stime: 20,
  wchan: 'do_poll',
  voluntary: 5,
  nonvoluntary: 1,
  threads: {
    100: { comm: 'main', wchan: 'do_poll', utime: 10, voluntary: 5, nonvoluntary: 1 },
    101: {
      comm: 'wrk',
      state: 'R',
      wchan: 'futex',
      utime: 20,
      stime: 2,
      readBytes: 20,
      writeBytes: 2,
      voluntary: 1000,
      nonvoluntary: 50,
    },
    102: { comm: 'wrk', state: 'D', wchan: '', voluntary: 7, nonvoluntary: 3 },
  },
}

const threadedLater: Process = {
  ...threaded,
  utime: 200,
  voluntary: 6,
  threads: {
    100: { comm: 'main', wchan: 'do_poll', utime: 15, voluntary: 6, nonvoluntary: 1 },
    101: {
      comm: 'wrk',
      state: 'R',
      wchan: 'futex',
      utime: 120,
      stime: 12,
      readBytes: 120,
      writeBytes: 12,
      voluntary: 1100,
      nonvoluntary: 50,
      minflt: 9,
      majflt: 4,
    },
    102: { comm: 'wrk', state: 'D', wchan: '', voluntary: 7, nonvoluntary: 3 },
    103: {
      comm: 'wrk',
      state: 'Z',
      wchan: 'do_poll',
      utime: 999,
      voluntary: 3,
      nonvoluntary: 1,
    },
  },
}

/** The process with those of its threads that are named. */
function withThreads(process: Process, ...ids: number[]): Process {
  const threads = Object.fromEntries(ids.map((id) => [id, process.threads?.[id] ?? {}]))
  return { ...process, threads }
}

const CHILDREN = { rules: [{ exe: ['par', 'own'] }] }

function family(tree: ProcfsTree): void {
  const members: [pid: number, ppid: number, program: string][] = [
    [1, 0, 'init'],
    [100, 1, 'par'],
    [101, 100, 'kid'],
    [102, 101, 'gkid'],
    [103, 102, 'own'],
    [104, 103, 'ownkid'],
    [105, 1, 'other'],
    [106, 999, 'orphan'],
  ]
  for (const [pid, ppid, program] of members) tree.set(pid, { ppid, argv: [program] })
}

export const GOLDEN_CASES: readonly GoldenCase[] = [
  {
    title: 'G1: the life of one process',
    start: (tree) => tree.set(100, one),
    steps: [
      {
        expected: {
          'cpu_seconds_total{app,user}': 0,
          'read_bytes_total{app}': 0,
          'memory_bytes{app,proportionalResident}': 51_200,
          'memory_bytes{app,proportionalSwapped}': 4096,
          'memory_bytes{app,resident}': 40_960,
          'memory_bytes{app,swapped}': 12_288,
          'memory_bytes{app,virtual}': 1_000_000,
          'num_procs{app}': 1,
          'num_threads{app}': 1,
          'oldest_start_time_seconds{app}': 1_600_000_012,
          'open_filedesc{app}': 3,
          'worst_fd_ratio{app}': 0.0029296875,
          'states{app,Sleeping}': 1,
          'states{app,Running}': 0,
          'threads_wchan{app,do_wait}': 1,
          'thread_count{app,app}': undefined,
        },
      },
      {
        change: (tree) =>
          tree.set(100, {
            ...one,
            minflt: 15,
            majflt: 4,
            utime: 250,
            stime: 75,
            voluntary: 17,
            nonvoluntary: 5,
            readBytes: 5096,
            writeBytes: 9192,
          }),
        expected: {
          'cpu_seconds_total{app,user}': 1,
          'cpu_seconds_total{app,system}': 0.25,
          'context_switches_total{app,voluntary}': 10,
          'context_switches_total{app,nonvoluntary}': 3,
          'minor_page_faults_total{app}': 5,
          'major_page_faults_total{app}': 1,
          'read_bytes_total{app}': 1000,
          'write_bytes_total{app}': 1000,
        },
      },
      {
        change: (tree) => tree.remove(100),
        expected: {
          'cpu_seconds_total{app,user}': 1,
          'num_procs{app}': 0,
          'memory_bytes{app,proportionalResident}': 0,
          'memory_bytes{app,virtual}': 0,
          'num_threads{app}': 0,
          'open_filedesc{app}': 0,
          'worst_fd_ratio{app}': 0,
          'oldest_start_time_seconds{app}': NO_START,
          'states{app,Sleeping}': 0,
          'threads_wchan{app,do_wait}': undefined,
        },
      },
    ],
  },
  {
    title: 'G2, G3: first sight, and PIDs that are used again',
    start: (tree) => tree.set(1, { comm: 'init' }),
    steps: [
      {
        change: (tree) => {
          tree.set(200, {
            comm: 'late',
            starttime: LATE,
            utime: 700,
            stime: 30,
            readBytes: 5,
            voluntary: 9,
            minflt: 4,
            majflt: 2,
          })
          tree.set(201, { comm: 'seenlate', utime: 800 })
          tree.set(202, {
            comm: 'two',
            starttime: LATE,
            utime: 700,
            threads: {
              202: { comm: 't', utime: 300, voluntary: 9 },
              203: { comm: 't', utime: 400, voluntary: 11 },
            },
          })
        },
        expected: {
          'cpu_seconds_total{late,user}': 7,
          'cpu_seconds_total{late,system}': 0.3,
          'read_bytes_total{late}': 5,
          'context_switches_total{late,voluntary}': 9,
          'minor_page_faults_total{late}': 4,
          'major_page_faults_total{late}': 2,
          'cpu_seconds_total{seenlate,user}': 0,
          'cpu_seconds_total{two,user}': 7,
          'context_switches_total{two,voluntary}': 20,
          'thread_cpu_seconds_total{two,user,t}': 0,
          'thread_context_switches_total{two,voluntary,t}': 0,
        },
      },
      {
        change: (tree) => tree.set(200, { comm: 'late2', starttime: LATE + 1, utime: 50 }),
        expected: {
          'cpu_seconds_total{late,user}': 7,
          'num_procs{late}': 0,
          'cpu_seconds_total{late2,user}': 0.5,
        },
      },
      {
        change: (tree) => tree.set(200, { comm: 'late2', starttime: LATE + 2, utime: 60 }),
        expected: { 'cpu_seconds_total{late2,user}': 1.1, 'num_procs{late2}': 1 },
      },
      {
        change: (tree) => tree.set(200, { comm: 'late2', starttime: LATE + 2, utime: 10 }),
        expected: { 'cpu_seconds_total{late2,user}': 0.6 },
      },
      {
        change: (tree) =>
          tree.set(200, { comm: 'late2', starttime: LATE + 2, utime: 10, without: ['limits'] }),
        expected: { 'num_procs{late2}': 0 },
      },
      {
        // G15: what could not be read once is new, and counts twice.
        change: (tree) => tree.set(200, { comm: 'late2', starttime: LATE + 2, utime: 10 }),
        expected: { 'num_procs{late2}': 1, 'cpu_seconds_total{late2,user}': 0.7 },
      },
    ],
  },
  {
    title: 'G4, G5, G6: threads come and go',
    start: (tree) => tree.set(100, threaded),
    steps: [
      {
        expected: {
          'num_threads{main}': 3,
          'states{main,Running}': 1,
          'states{main,Sleeping}': 2,
          'states{main,Waiting}': 1,
          'threads_wchan{main,do_poll}': 2,
          'threads_wchan{main,futex}': 1,
          'thread_count{main,main}': 1,
          'thread_count{main,wrk}': 2,
          'thread_cpu_seconds_total{main,user,wrk}': 0,
        },
      },
      {
        change: (tree) => tree.set(100, threadedLater),
        expected: {
          'cpu_seconds_total{main,user}': 1,
          'context_switches_total{main,voluntary}': 104,
          'context_switches_total{main,nonvoluntary}': 1,
          'thread_cpu_seconds_total{main,user,main}': 0.05,
          'thread_cpu_seconds_total{main,user,wrk}': 1,
          'thread_cpu_seconds_total{main,system,wrk}': 0.1,
          'thread_io_bytes_total{main,read,wrk}': 100,
          'thread_io_bytes_total{main,write,wrk}': 10,
          'thread_context_switches_total{main,voluntary,main}': 1,
          'thread_context_switches_total{main,voluntary,wrk}': 100,
          'thread_minor_page_faults_total{main,wrk}': 9,
          'thread_major_page_faults_total{main,wrk}': 4,
          'thread_count{main,wrk}': 3,
          'threads_wchan{main,do_poll}': 3,
          'states{main,Zombie}': 1,
        },
      },
      {
        change: (tree) => tree.set(100, withThreads(threadedLater, 100, 102, 103)),
        expected: {
          'context_switches_total{main,voluntary}': WRAPPED - 996 + 1,
          'context_switches_total{main,nonvoluntary}': WRAPPED,
          'thread_cpu_seconds_total{main,user,wrk}': 1,
          'thread_count{main,wrk}': 2,
        },
      },
      {
        change: (tree) => tree.set(100, withThreads(threadedLater, 100)),
        expected: {
          'thread_count{main,main}': undefined,
          'thread_cpu_seconds_total{main,user,main}': undefined,
          'states{main,Sleeping}': 1,
          'threads_wchan{main,do_poll}': 1,
        },
      },
      {
        change: (tree) => tree.set(100, withThreads(threadedLater, 100, 101, 102)),
        expected: {
          'thread_cpu_seconds_total{main,user,wrk}': 0,
          'thread_cpu_seconds_total{main,user,main}': 0,
        },
      },
    ],
  },
  {
    title: 'G8: without threads they are read all the same',
    options: { threads: false },
    start: (tree) => tree.set(100, threaded),
    steps: [
      {
        expected: {
          'states{main,Sleeping}': 2,
          'threads_wchan{main,do_poll}': 2,
          'thread_count{main,main}': undefined,
          'thread_cpu_seconds_total{main,user,wrk}': undefined,
        },
      },
    ],
  },
  {
    title: 'G9: from one thread to two',
    start: (tree) => tree.set(100, { voluntary: 5 }),
    steps: [
      {
        change: (tree) =>
          tree.set(100, {
            voluntary: 6,
            threads: { 100: { voluntary: 6 }, 101: { voluntary: 100 } },
          }),
        expected: { 'context_switches_total{app,voluntary}': 101, 'states{app,Sleeping}': 3 },
      },
    ],
  },
  {
    title: 'G10: three processes in a group',
    start: (tree) => {
      const member = { comm: 'app', uid: 0 }
      tree.set(1, {
        ...member,
        starttime: 5000,
        openFiles: 4,
        openFilesLimit: 10,
        rss: 3,
        vsize: 100,
        pss: 1,
      })
      tree.set(2, {
        ...member,
        starttime: 2000,
        openFiles: 1,
        state: 'R',
        wchan: 'w1',
        rss: 4,
        vsize: 50,
        pss: 2,
      })
      tree.set(3, {
        ...member,
        starttime: 9999,
        openFiles: 0,
        openFilesLimit: 1,
        wchan: 'w1',
        pss: 4,
      })
    },
    steps: [
      {
        expected: {
          'oldest_start_time_seconds{app}': 1_600_000_020,
          'open_filedesc{app}': 5,
          'worst_fd_ratio{app}': 0.4,
          'memory_bytes{app,resident}': 36_864,
          'memory_bytes{app,virtual}': 8342,
          'memory_bytes{app,proportionalResident}': 7168,
          'states{app,Running}': 1,
          'states{app,Sleeping}': 2,
          'threads_wchan{app,w1}': 2,
        },
      },
    ],
  },
  {
    title: 'G12: one file missing each',
    start: (tree) => {
      for (const [index, file] of ['io', 'smaps_rollup', 'fd', 'wchan', 'task'].entries()) {
        tree.set(100 + index, { without: [file] })
      }
      tree.set(110, { without: ['cgroup'] })
      tree.set(111, { without: ['limits'] })
      tree.set(112, { without: ['status'] })
      tree.set(113, { without: ['cmdline'] })
    },
    steps: [10, 15, 20].map((partial) => ({
      expected: {
        'num_procs{app}': 6,
        'namedprocess_scrape_partial_errors{}': partial,
        'namedprocess_scrape_procread_errors{}': 2,
      },
    })),
  },
  ...[
    { title: 'G12: an ignored process without io', options: {}, partial: [3, 4, 5] },
    { title: 'G12: the same with -recheck', options: { recheck: true }, partial: [4, 6, 8] },
    { title: 'G12: the same without children', options: { children: false }, partial: [4, 6, 8] },
  ].map(({ title, options, partial }) => ({
    title,
    options: { rules: [{ name: 'app', comm: ['app'] }], ...options },
    start: (tree: ProcfsTree) => {
      tree.set(100, { ppid: 0, without: ['io'] })
      tree.set(101, { ppid: 0, comm: 'ignored', without: ['io'] })
    },
    steps: partial.map((count) => ({
      expected: { 'namedprocess_scrape_partial_errors{}': count },
    })),
  })),
  {
    title: 'G13: limits: unlimited, and none',
    start: (tree) => {
      tree.set(1, { comm: 'unlimited', openFilesLimit: 'unlimited' })
      tree.set(2, { comm: 'none', openFilesLimit: 0 })
      tree.set(3, { comm: 'nothing', openFilesLimit: 0, openFiles: 0 })
    },
    steps: [
      {
        expected: {
          'worst_fd_ratio{unlimited}': 1.6263032587282567e-19,
          'worst_fd_ratio{none}': Number.POSITIVE_INFINITY,
          'worst_fd_ratio{nothing}': 0,
        },
      },
    ],
  },
  {
    title: 'G14: I/O that can not be read for a while',
    start: (tree) => tree.set(100, { readBytes: 1000 }),
    steps: [
      {
        change: (tree) => tree.set(100, { without: ['io'] }),
        expected: { 'read_bytes_total{app}': WRAPPED - 999 },
      },
      {
        change: (tree) => tree.set(100, { readBytes: 1500 }),
        expected: { 'read_bytes_total{app}': 500 },
      },
    ],
  },
  {
    title: 'G16: procfs away, and back',
    start: (tree) => tree.set(100, {}),
    steps: [
      {
        change: (tree) => tree.hide(true),
        expected: { 'num_procs{app}': undefined, 'namedprocess_scrape_errors{}': 1 },
      },
      {
        change: (tree) => tree.hide(false),
        expected: { 'num_procs{app}': 1, 'namedprocess_scrape_errors{}': 1 },
      },
    ],
  },
  {
    title: 'G17: without smaps',
    options: { smaps: false },
    start: (tree) => tree.set(100, {}),
    steps: [
      {
        expected: {
          'memory_bytes{app,resident}': 8192,
          'memory_bytes{app,proportionalResident}': undefined,
          'memory_bytes{app,proportionalSwapped}': undefined,
        },
      },
    ],
  },
  {
    title: 'G18: states',
    start: (tree) => {
      for (const [index, state] of [...'RSDZTtXxKWPI'].entries()) tree.set(100 + index, { state })
    },
    steps: [
      {
        expected: {
          'states{app,Running}': 1,
          'states{app,Sleeping}': 1,
          'states{app,Waiting}': 1,
          'states{app,Zombie}': 1,
          'states{app,Other}': 8,
        },
      },
    ],
  },
  {
    title: 'G19: children, and parents that change',
    options: CHILDREN,
    start: family,
    steps: [
      { expected: { 'num_procs{own}': 2, 'num_procs{par}': 3 } },
      {
        change: (tree) => tree.set(101, { ppid: 1, argv: ['kid'] }),
        expected: { 'num_procs{own}': 2, 'num_procs{par}': 3 },
      },
      {
        change: (tree) => {
          tree.remove(100)
          tree.set(110, { ppid: 101, argv: ['late'] })
          tree.set(111, { ppid: 105, argv: ['other'] })
        },
        expected: { 'num_procs{own}': 2, 'num_procs{par}': 3 },
      },
      {
        change: (tree) => tree.set(105, { ppid: 1, argv: ['par'] }),
        expected: { 'num_procs{par}': 3 },
      },
      {
        change: (tree) => tree.set(103, { ppid: 102, argv: ['other'] }),
        expected: { 'num_procs{own}': 2 },
      },
    ],
  },
  {
    title: 'G19: without children every ignored process is classified again',
    options: { ...CHILDREN, children: false },
    start: family,
    steps: [
      { expected: { 'num_procs{own}': 1, 'num_procs{par}': 1 } },
      {
        change: (tree) => tree.set(105, { ppid: 1, argv: ['par'] }),
        expected: { 'num_procs{par}': 2 },
      },
    ],
  },
  {
    title: 'G20: names',
    options: { rules: [{ name: '{{.ExeBase}}|{{.ExeFull}}|{{.Comm}}', cmdline: ['.*'] }] },
    start: (tree) => {
      const programs = ['/opt/bin/', '/', './a//b/../c', '']
      for (const [index, program] of programs.entries()) {
        tree.set(100 + index, { comm: 'c', argv: [program, 'x'] })
      }
      tree.set(110, { comm: 'kthr', argv: [] })
      tree.set(111, { comm: 'a) (b', argv: ['x'] })
    },
    steps: [
      {
        expected: {
          'num_procs{bin|/opt/bin/|c}': 1,
          'num_procs{/|/|c}': 1,
          'num_procs{c|./a//b/../c|c}': 1,
          'num_procs{.||c}': 1,
          'num_procs{kthr|kthr|kthr}': 1,
          'num_procs{x|x|a) (b}': 1,
        },
      },
    ],
  },
  {
    title: 'G22: of two entries with one base name the last counts',
    options: { rules: [{ name: 'g', exe: ['/usr/bin/app', '/opt/app'] }] },
    start: (tree) => {
      tree.set(100, { argv: ['/usr/bin/app'] })
      tree.set(101, { argv: ['/opt/app'] })
    },
    steps: [{ expected: { 'num_procs{g}': 1 } }],
  },
  {
    title: 'G24: numbers',
    start: (tree) => tree.set(1, { minflt: 0, majflt: 0, utime: 0 }),
    steps: [
      {
        change: (tree) =>
          tree.set(1, { minflt: 123_456_789_012, majflt: 999_999, utime: 12_345_678_901 }),
        expected: {
          'minor_page_faults_total{app}': 1.23456789012e11,
          'major_page_faults_total{app}': 999_999,
          'cpu_seconds_total{app,user}': 123_456_789.01,
        },
      },
    ],
  },
]
