/** What cAdvisor, and with it the kubelet, calls what is measured of containers and pods. */
import type { CgroupStats, DeviceIo } from '../../kernel/cgroupfs/cgroup-stats.ts'
import type { OtherName } from '../../telemetry/definitions.ts'
import type { Resource } from './cgroup-files.ts'

const gauge = (name: string): OtherName => ({ name, kind: 'gauge' })

/**
 * Those that mean the same. Minor faults are not among them: its `pgfault` has all faults, and a limit of the CPU it
 * gives as quota and period.
 */
export const CADVISOR_STATS: Readonly<Partial<Record<keyof CgroupStats, OtherName>>> = {
  cpuUsage: { name: 'container_cpu_usage_seconds_total', attributes: { cpu: 'total' } },
  cpuUser: { name: 'container_cpu_user_seconds_total' },
  cpuSystem: { name: 'container_cpu_system_seconds_total' },
  periods: { name: 'container_cpu_cfs_periods_total' },
  throttledPeriods: { name: 'container_cpu_cfs_throttled_periods_total' },
  throttledTime: { name: 'container_cpu_cfs_throttled_seconds_total' },
  memoryUsage: gauge('container_memory_usage_bytes'),
  workingSet: gauge('container_memory_working_set_bytes'),
  anonymous: gauge('container_memory_rss'),
  cache: gauge('container_memory_cache'),
  swap: gauge('container_memory_swap'),
  memoryLimit: gauge('container_spec_memory_limit_bytes'),
  majorFaults: {
    name: 'container_memory_failures_total',
    attributes: { failure_type: 'pgmajfault', scope: 'hierarchy' },
  },
  eventsHigh: { name: 'container_memory_events_high_total' },
  eventsMax: { name: 'container_memory_events_max_total' },
  oomKills: { name: 'container_oom_events_total' },
  tasks: gauge('container_threads'),
  tasksLimit: gauge('container_threads_max'),
}

/** cAdvisor's names of the counters of storage devices. */
export const CADVISOR_DEVICES: Readonly<Record<Exclude<keyof DeviceIo, 'device'>, OtherName>> = {
  readBytes: { name: 'container_fs_reads_bytes_total' },
  writeBytes: { name: 'container_fs_writes_bytes_total' },
  reads: { name: 'container_fs_reads_total' },
  writes: { name: 'container_fs_writes_total' },
}

/** The name of the time in which some task, or all at once, waited for a resource. */
export function cadvisorPressure(resource: Resource, type: 'some' | 'full'): OtherName | undefined {
  if (resource === 'irq') return undefined
  const verb = type === 'some' ? 'waiting' : 'stalled'
  return { name: `container_pressure_${resource}_${verb}_seconds_total` }
}
