/**
 * The events that can be counted, by the labels that users of the perf daemonset know: include/uapi/linux/perf_event.h.
 */

/** The kind of an event: counted by the CPU, by the kernel, or by the CPU's caches. */
export type EventClass = 'hardware' | 'software' | 'cache'

/** An event that can be counted. */
export interface PerfEvent {
  readonly label: string
  readonly class: EventClass
  /** `config` of the attributes; their `type` follows from the class. */
  readonly config: number
  /** Events of one class and group are counted over the same time, so that their ratio means something. */
  readonly group: string
}

/** PERF_TYPE_*. */
export const TYPES: Readonly<Record<EventClass, number>> = { hardware: 0, software: 1, cache: 3 }

const HARDWARE: readonly [label: string, config: number, group: string][] = [
  ['CPUCycles', 0, 'cycles'],
  ['Instructions', 1, 'cycles'],
  ['CacheRefs', 2, 'cache'],
  ['CacheMisses', 3, 'cache'],
  ['BranchInstr', 4, 'branches'],
  ['BranchMisses', 5, 'branches'],
  ['BusCycles', 6, 'bus'],
  ['StalledCyclesFrontend', 7, 'stalled'],
  ['StalledCyclesBackend', 8, 'stalled'],
  ['RefCPUCycles', 9, 'reference'],
]

const SOFTWARE: readonly [label: string, config: number][] = [
  ['CPUClock', 0],
  ['TaskClock', 1],
  ['PageFaults', 2],
  ['ContextSwitches', 3],
  ['CPUMigrations', 4],
  ['MinorPageFaults', 5],
  ['MajorPageFaults', 6],
  ['AlignmentFaults', 7],
  ['EmulationFaults', 8],
]

/** PERF_COUNT_HW_CACHE_* and its operations and results: cache | operation << 8 | result << 16. */
const CACHES = { l1d: 0, l1i: 1, ll: 2, dtlb: 3, itlb: 4, bpu: 5, node: 6 } as const
const OPERATIONS = { read: 0, write: 1 } as const
const RESULTS = { access: 0, miss: 1 } as const

/** What the labels call a hit is the kernel's access: hits and misses together. */
const CACHE: readonly [
  label: string,
  cache: keyof typeof CACHES,
  operation: keyof typeof OPERATIONS,
  result: keyof typeof RESULTS,
][] = [
  ['L1DataReadHit', 'l1d', 'read', 'access'],
  ['L1DataReadMiss', 'l1d', 'read', 'miss'],
  ['L1DataWriteHit', 'l1d', 'write', 'access'],
  ['L1InstrReadMiss', 'l1i', 'read', 'miss'],
  ['LastLevelReadHit', 'll', 'read', 'access'],
  ['LastLevelReadMiss', 'll', 'read', 'miss'],
  ['LastLevelWriteHit', 'll', 'write', 'access'],
  ['LastLevelWriteMiss', 'll', 'write', 'miss'],
  ['DataTLBReadHit', 'dtlb', 'read', 'access'],
  ['DataTLBReadMiss', 'dtlb', 'read', 'miss'],
  ['DataTLBWriteHit', 'dtlb', 'write', 'access'],
  ['DataTLBWriteMiss', 'dtlb', 'write', 'miss'],
  ['InstrTLBReadHit', 'itlb', 'read', 'access'],
  ['InstrTLBReadMiss', 'itlb', 'read', 'miss'],
  ['BPUReadHit', 'bpu', 'read', 'access'],
  ['BPUReadMiss', 'bpu', 'read', 'miss'],
  ['NodeReadHit', 'node', 'read', 'access'],
  ['NodeReadMiss', 'node', 'read', 'miss'],
  ['NodeWriteHit', 'node', 'write', 'access'],
  ['NodeWriteMiss', 'node', 'write', 'miss'],
]

/** All of them, in the order of the lists. */
export const EVENTS: readonly PerfEvent[] = [
  ...HARDWARE.map(([label, config, group]) => ({
    label,
    class: 'hardware' as const,
    config,
    group,
  })),
  ...SOFTWARE.map(([label, config]) => ({
    label,
    class: 'software' as const,
    config,
    group: 'software',
  })),
  ...CACHE.map(([label, cache, operation, result]) => ({
    label,
    class: 'cache' as const,
    config: CACHES[cache] | (OPERATIONS[operation] << 8) | (RESULTS[result] << 16),
    group: `${cache} ${operation}`,
  })),
]
