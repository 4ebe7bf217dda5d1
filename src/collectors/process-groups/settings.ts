/** Settings of process groups. */
import {
  BOOLEAN,
  BOOLEAN_OR_AUTO,
  duration,
  format,
  integer,
  oneOf,
  TEXT,
} from '../../lib/settings/formats.ts'
import { HOUR, SECOND, setting } from '../../lib/settings/setting.ts'

const WAYS = oneOf('auto', 'bpf', 'waited', 'off')
/** It was true or false once. */
const wayOf = (isOn: boolean | undefined) =>
  isOn === undefined ? undefined : isOn ? 'waited' : 'off'
const SHORT_LIVED: typeof WAYS = format({
  allowed: `${WAYS.allowed} (true is waited, false is off)`,
  parse: (text) => WAYS.parse(text) ?? wayOf(BOOLEAN.parse(text)),
  check: (value) => WAYS.check(value) ?? wayOf(BOOLEAN.check(value)),
})

const process_groups = {
  enabled: setting({
    doc: 'Whether processes are read and grouped.',
    format: BOOLEAN,
    default: true,
  }),
  by_workload: setting({
    doc: 'Whether a group is divided among the containers and pods of its processes; auto does so for the built-in rules only.',
    format: BOOLEAN_OR_AUTO,
    default: 'auto',
  }),
  builtin_rules: setting({
    doc: 'Whether every program is a group where no rules are given.',
    format: BOOLEAN,
    default: true,
  }),
  zero_rows: setting({
    doc: 'Whether a rule with a fixed name has a group of 0 processes before a process matches it.',
    format: BOOLEAN,
    default: true,
  }),
  procnames: setting({
    doc: 'Programs to group, by name, instead of rules in a file: names separated by commas.',
    format: TEXT,
    default: '',
    flags: ['procnames'],
  }),
  namemapping: setting({
    doc: 'Finer names for programs: name,regex,name,regex,… The first capture makes the group name:capture.',
    format: TEXT,
    default: '',
    flags: ['namemapping'],
  }),
  recheck: setting({
    doc: 'Whether processes in no group are classified again at every collection.',
    format: BOOLEAN,
    default: false,
    flags: ['recheck'],
  }),
  recheck_time_limit: setting({
    doc: 'Age up to which processes in no group are classified again; above 0s it switches recheck on.',
    format: duration(0, 24 * HOUR),
    default: 0,
    flags: ['recheck-with-time-limit'],
  }),
  children: setting({
    doc: "Whether a process that no rule matches joins its nearest ancestor's group.",
    format: BOOLEAN,
    default: true,
    flags: ['children'],
  }),
  threads: setting({
    doc: 'Whether threads are read, for the metrics by thread name.',
    format: BOOLEAN,
    default: true,
    flags: ['threads'],
  }),
  smaps: setting({
    doc: 'Whether proportional memory (smaps_rollup) is read: exact, but the costliest file of a process.',
    format: BOOLEAN,
    default: true,
    flags: ['gather-smaps'],
  }),
  regroup: setting({
    doc: 'When a process is classified again, so that its later usage counts in its new group: when it executes another program or changes its name (exec), also when it rewrites the start of its command line (title, which costs a file of each process every time), or never (off).',
    format: oneOf('exec', 'title', 'off'),
    default: 'exec',
  }),
  source: setting({
    doc: "Where processes and threads are read: procfs; the kernel's task iterator (bpf), at a fraction of the CPU; or auto, the iterator where it loads and agrees with other system calls about the agent itself. Where the iterator fails, procfs takes over in the same collection.",
    format: oneOf('auto', 'bpf', 'procfs'),
    default: 'procfs',
  }),
  bpf_pin: setting({
    doc: 'Where a task iterator may be pinned in a bpffs, for an agent without the right to load one.',
    format: TEXT,
    default: '/sys/fs/bpf/otel-interrogator/tasks',
  }),
  refresh: setting({
    doc: 'Longest age of values that only another process can have changed: the limit of open files; proportional memory of a process that has not changed its own page tables; all files but stat of a task that has not run. 0s reads everything at every collection.',
    format: duration(0, 24 * HOUR),
    default: HOUR / 2,
  }),
  smaps_interval: setting({
    doc: 'Shortest interval between two readings of the proportional memory of a process whose memory has changed. Memory that takes long to read is read less often: one process takes at most 0.5 % of the time.',
    format: duration(0, 24 * HOUR),
    default: 60 * SECOND,
  }),
  open_files: setting({
    doc: 'How many files of processes and threads stay open between collections, two for each. Reading an open file costs a third of opening it; an open file costs 5 kB of kernel memory. At most a quarter of the limit of open files.',
    format: integer(0, 1_000_000),
    default: 4096,
  }),
  short_lived: setting({
    doc: 'How the usage of processes is counted that started and exited between two collections, and that of others after their last reading: by totals of every process at its exit, which a BPF program keeps (bpf; CAP_BPF and CAP_PERFMON, Linux 5.19); by what parents have reaped (waited), CPU time and page faults only; auto, the first where it loads; or not (off). Then the CPU time of a group is more than that of its threads.',
    format: SHORT_LIVED,
    default: 'waited',
  }),
  remove_empty: setting({
    doc: 'Whether a group without processes is removed, with its counters.',
    format: BOOLEAN,
    default: false,
    flags: ['remove-empty-groups'],
  }),
}

const compat = {
  process_exporter: setting({
    doc: 'Whether process groups have correct values where those of process-exporter are wrong (corrected), or the same values as process-exporter (strict).',
    format: oneOf('corrected', 'strict'),
    default: 'corrected',
  }),
}

/** Settings of the collector of process groups, by section. */
export const PROCESS_GROUP_SETTINGS = {
  process_groups,
  compat,
}
