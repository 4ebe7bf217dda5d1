/**
 * The metrics of process groups: `procgroup.*`, with the tails and attribute keys of OpenTelemetry's
 * `process.*`, and the `namedprocess_namegroup_*` families of process-exporter.
 */

import { GROUP_KEYS } from '../../entities/group-members.ts'
import { WORKLOAD_KEYS } from '../../entities/workload-attributes.ts'
import { type MetricTable, metricTable } from '../../telemetry/definitions.ts'

const SCOPE = 'process_groups'
const CLASSIC = 'namedprocess_namegroup_'

/** Group metrics and those of equally named threads have the same tails. */
type Level = 'group' | 'thread'
const ROOT: Record<Level, string> = { group: 'procgroup', thread: 'procgroup.thread' }
const PREFIX: Record<Level, string> = { group: '', thread: 'thread_' }
const OF: Record<Level, string> = { group: '', thread: ' of the threads of this name' }

/** One series for each group and row. */
export const GROUP_METRICS = metricTable({
  scope: SCOPE,
  keys: GROUP_KEYS,
  metrics: {
    processes: {
      description: 'Processes in the group, zombies included',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.process.count', unit: '{process}' },
      classic: { name: `${CLASSIC}num_procs`, kind: 'gauge' },
      role: recorded('processes'),
    },
    threads: {
      description: 'Threads of the processes in the group',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.thread.count', unit: '{thread}' },
      classic: { name: `${CLASSIC}num_threads`, kind: 'gauge' },
    },
    cpuUser: cpuTime('user'),
    cpuSystem: cpuTime('system'),
    runDelay: {
      description: 'Time that threads were ready to run and waited for a CPU',
      kind: 'counter',
      valueType: 'double',
      otel: { name: 'procgroup.cpu.run_delay', unit: 's' },
      role: recorded('runDelay'),
    },
    diskRead: diskIo('read', `${CLASSIC}read_bytes_total`),
    diskWrite: diskIo('write', `${CLASSIC}write_bytes_total`),
    majorFaults: faults('major'),
    minorFaults: faults('minor'),
    voluntarySwitches: contextSwitches('voluntary', 'voluntary'),
    involuntarySwitches: contextSwitches('involuntary', 'nonvoluntary'),
    memoryResident: {
      ...memory(
        'procgroup.memory.usage',
        'resident',
        'Resident memory; pages that members share count once for each',
      ),
      role: recorded('memory'),
    },
    memoryVirtual: memory('procgroup.memory.virtual', 'virtual', 'Address space'),
    memorySwapped: memory('procgroup.memory.swap', 'swapped', 'Swapped-out private memory'),
    memoryProportional: memory(
      'procgroup.memory.pss',
      'proportionalResident',
      'Resident memory, each shared page divided among its users',
    ),
    memoryProportionalSwapped: memory(
      'procgroup.memory.swap_pss',
      'proportionalSwapped',
      'Swapped-out memory, each shared page divided among its users',
    ),
    memoryUnique: {
      description: 'Resident memory that belongs to one process alone (unique set size)',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.memory.uss', unit: 'By' },
    },
    memoryShared: {
      description:
        'Resident memory that several processes map; it counts once for each member that maps it',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.memory.shared', unit: 'By' },
    },
    exits: {
      description:
        'Processes of the group that have ended, as far as a collection had seen them; all where ends of processes are counted by BPF',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.exits', unit: '{process}' },
      role: recorded('exits'),
    },
    forks: {
      description:
        'Processes that were started by processes of the group; only where BPF counts them',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.forks', unit: '{process}' },
    },
    execs: {
      description:
        'Programs that were executed by processes of the group; only where BPF counts them',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.execs', unit: '{execution}' },
    },
    restarts: {
      description: 'Times that processes came to the group when all earlier ones were gone',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.restarts', unit: '{restart}' },
      role: recorded('restarts'),
    },
    uptime: {
      description: 'Time since the start of the oldest member',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'procgroup.uptime', unit: 's' },
    },
    openDescriptors: {
      description: 'Open file descriptors',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.unix.file_descriptor.count', unit: '{file_descriptor}' },
      classic: { name: `${CLASSIC}open_filedesc`, kind: 'gauge' },
    },
    worstDescriptorRatio: {
      description: 'Open file descriptors as a part of the soft limit, of the member nearest to it',
      kind: 'gauge',
      valueType: 'double',
      otel: { name: 'procgroup.unix.file_descriptor.utilization', unit: '1' },
      classic: { name: `${CLASSIC}worst_fd_ratio` },
    },
    oldestStart: {
      description: 'Start of the oldest member, in seconds since the epoch',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'procgroup.start_time', unit: 's' },
      classic: { name: `${CLASSIC}oldest_start_time_seconds` },
    },
    running: threadState('running', 'Running'),
    sleeping: threadState('sleeping', 'Sleeping'),
    waiting: threadState('uninterruptible', 'Waiting'),
    zombie: threadState('defunct', 'Zombie'),
    other: threadState('other', 'Other'),
  },
})

/** One series for each group and kernel function that its threads wait in. */
export const WAIT_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    ...GROUP_KEYS,
    'procgroup.wait.channel': {
      description: 'Kernel function in which threads wait',
      classic: 'wchan',
    },
  },
  metrics: {
    waiting: {
      description: 'Threads that wait in a kernel function',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.thread.wait.count', unit: '{thread}' },
      classic: { name: `${CLASSIC}threads_wchan`, kind: 'gauge' },
    },
  },
})

/** One series for each group, thread name and row. */
export const THREAD_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    ...GROUP_KEYS,
    'procgroup.thread.name': { description: 'Name of the threads', classic: 'threadname' },
  },
  metrics: {
    threads: {
      description: 'Threads of this name',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'procgroup.thread.name.count', unit: '{thread}' },
      classic: { name: `${CLASSIC}thread_count`, kind: 'gauge' },
    },
    cpuUser: cpuTime('user', 'thread'),
    cpuSystem: cpuTime('system', 'thread'),
    diskRead: diskIo('read', `${CLASSIC}thread_io_bytes_total`, 'thread'),
    diskWrite: diskIo('write', `${CLASSIC}thread_io_bytes_total`, 'thread'),
    majorFaults: faults('major', 'thread'),
    minorFaults: faults('minor', 'thread'),
    voluntarySwitches: contextSwitches('voluntary', 'voluntary', 'thread'),
    involuntarySwitches: contextSwitches('involuntary', 'nonvoluntary', 'thread'),
  },
})

/** One series for each container, each pod outside of its containers, and the host. */
export const WORKLOAD_METRICS = metricTable({
  scope: SCOPE,
  keys: {
    ...WORKLOAD_KEYS,
    'workload.scope': {
      classic: 'scope',
      description: '`pod`, `container` (outside of pods) or `host`',
    },
  },
  metrics: {
    processes: {
      description: 'Processes of the container, pod or host, in whatever group or in none',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'workload.process.count', unit: '{process}' },
      classic: { name: 'workload_processes', kind: 'gauge' },
    },
    threads: {
      description: 'Threads of these processes',
      kind: 'updowncounter',
      valueType: 'int',
      otel: { name: 'workload.thread.count', unit: '{thread}' },
      classic: { name: 'workload_threads', kind: 'gauge' },
    },
  },
})

/** What the collector reports of its own reading. */
export const SELF_METRICS = metricTable({
  scope: 'process_groups',
  keys: {
    'procgroup.rules.reload.outcome': { description: '`success`, or `failure` for wrong rules' },
    'procgroup.source': { description: '`procfs`, or `bpf` for the task iterator of the kernel' },
    'process.file': { description: 'File of a process below /proc' },
    'error.type': { description: "The kernel's error, or EFORMAT for a file that can't be parsed" },
  },
  metrics: {
    collectionErrors: {
      description: 'Collections that failed as a whole',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.collection.failures', unit: '{failure}' },
      classic: { name: 'namedprocess_scrape_errors' },
    },
    processErrors: {
      description:
        'Readings of a process that failed as a whole; processes that ended are not counted',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.failures', unit: '{failure}' },
      classic: { name: 'namedprocess_scrape_procread_errors' },
    },
    partialErrors: {
      description: 'Readings of a process in which a part was missing',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.process.omissions', unit: '{omission}' },
      classic: { name: 'namedprocess_scrape_partial_errors' },
    },
    lostExits: {
      description:
        "Ends of processes that could not be counted: the kernel's table was full, or their ancestors are not known",
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.exit.omissions', unit: '{omission}' },
    },
    lostStarts: {
      description: "Forks and executions that could not be counted: the kernel's table was full",
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.fork.omissions', unit: '{omission}' },
    },
    fileErrors: {
      description: 'Files of processes that could not be read',
      kind: 'counter',
      valueType: 'int',
      otel: { name: 'procgroup.file.errors', unit: '{error}' },
    },
    source: {
      description: 'Where processes were read in the last collection: 1 for that source',
      kind: 'gauge',
      valueType: 'int',
      otel: { name: 'procgroup.source.active', unit: '{source}' },
    },
    reloaded: reload('success'),
    refused: reload('failure'),
    grouped: outcome('grouped'),
    ignored: outcome('ignored'),
    vanished: outcome('vanished'),
    failed: outcome('failed'),
  },
})

/** All metrics of the collector of process groups. */
export const PROCESS_GROUP_TABLES: readonly MetricTable[] = [
  GROUP_METRICS,
  WAIT_METRICS,
  THREAD_METRICS,
  WORKLOAD_METRICS,
  SELF_METRICS,
]

/** The recorder's value of a group. */
function recorded(figure: string) {
  return { subject: 'group', figure } as const
}

function cpuTime(mode: 'user' | 'system', of: Level = 'group') {
  return {
    description: `CPU time${OF[of]}, by mode`,
    kind: 'counter',
    valueType: 'double',
    otel: { name: `${ROOT[of]}.cpu.time`, unit: 's', attributes: { 'cpu.mode': mode } },
    classic: { name: `${CLASSIC}${PREFIX[of]}cpu_seconds_total`, attributes: { mode } },
    ...(of === 'group' && { role: recorded('cpu') }),
  } as const
}

function diskIo(direction: 'read' | 'write', classic: string, of: Level = 'group') {
  return {
    description: `Bytes from and to storage${OF[of]}`,
    kind: 'counter',
    valueType: 'int',
    otel: {
      name: `${ROOT[of]}.disk.io`,
      unit: 'By',
      attributes: { 'disk.io.direction': direction },
    },
    classic: { name: classic, ...(of === 'thread' && { attributes: { iomode: direction } }) },
    ...(of === 'group' && { role: recorded(direction) }),
  } as const
}

function faults(type: 'major' | 'minor', of: Level = 'group') {
  return {
    description: `Page faults${OF[of]}; major ones were served from storage`,
    kind: 'counter',
    valueType: 'int',
    otel: {
      name: `${ROOT[of]}.paging.faults`,
      unit: '{fault}',
      attributes: { 'system.paging.fault.type': type },
    },
    classic: { name: `${CLASSIC}${PREFIX[of]}${type}_page_faults_total` },
    ...(of === 'group' && type === 'major' && { role: recorded('faults') }),
  } as const
}

function contextSwitches(
  type: 'voluntary' | 'involuntary',
  ctxswitchtype: string,
  of: Level = 'group',
) {
  return {
    description: `Context switches${OF[of]}`,
    kind: 'counter',
    valueType: 'int',
    otel: {
      name: `${ROOT[of]}.context_switches`,
      unit: '{context_switch}',
      attributes: { 'process.context_switch.type': type },
    },
    classic: {
      name: `${CLASSIC}${PREFIX[of]}context_switches_total`,
      attributes: { ctxswitchtype },
    },
    ...(of === 'group' && { role: recorded('switches') }),
  } as const
}

function memory(name: string, memtype: string, description: string) {
  return {
    description,
    kind: 'updowncounter',
    valueType: 'int',
    otel: { name, unit: 'By' },
    classic: {
      name: `${CLASSIC}memory_bytes`,
      attributes: { memtype },
      kind: 'gauge',
      description: 'Memory of the processes in the group, by type',
    },
  } as const
}

function threadState(state: string, classic: string) {
  return {
    description: 'Threads in the group, by scheduling state',
    kind: 'updowncounter',
    valueType: 'int',
    otel: {
      name: 'procgroup.thread.state.count',
      unit: '{thread}',
      attributes: { 'process.state': state },
    },
    classic: { name: `${CLASSIC}states`, attributes: { state: classic }, kind: 'gauge' },
  } as const
}

function outcome(outcome: 'grouped' | 'ignored' | 'vanished' | 'failed') {
  return {
    description: 'Processes listed in the last collection, by what became of them',
    kind: 'gauge',
    valueType: 'int',
    otel: {
      name: 'procgroup.collection.processes',
      unit: '{process}',
      attributes: { 'procgroup.collection.outcome': outcome },
    },
  } as const
}

function reload(outcome: 'success' | 'failure') {
  return {
    description: 'Times that the rules were read again; wrong ones leave the old ones in force',
    kind: 'counter',
    valueType: 'int',
    otel: {
      name: 'procgroup.rules.reloads',
      unit: '{reload}',
      attributes: { 'procgroup.rules.reload.outcome': outcome },
    },
  } as const
}
