/** The largest values of the last minute, from the recorder: what no rate over a scrape interval shows. */

import { WORKLOAD_KEYS } from '../../entities/workload-attributes.ts'
import {
  type MetricDefinition,
  type MetricTable,
  metricTable,
} from '../../telemetry/definitions.ts'

const SCOPE = 'peaks'
const WINDOW = { window: '60s' }
const CLASSIC = 'namedprocess_namegroup_'

/** One series for each process group. */
export const GROUP_PEAKS = metricTable({
  scope: SCOPE,
  keys: {
    ...WORKLOAD_KEYS,
    'procgroup.name': { description: 'Name of the process group', classic: 'groupname' },
  },
  metrics: {
    cpu: cpu('procgroup', 'of the group, between two readings of its processes,', {
      name: `${CLASSIC}cpu_usage_peak`,
      attributes: WINDOW,
    }),
    memory: memory('procgroup', 'Resident memory of the group', {
      name: `${CLASSIC}memory_usage_peak_bytes`,
      attributes: WINDOW,
    }),
  },
})

/** One series for each container. */
export const CONTAINER_PEAKS = metricTable({
  scope: SCOPE,
  keys: WORKLOAD_KEYS,
  metrics: cgroupPeaks('container', 'of the container'),
})

/** One series for each pod. */
export const POD_PEAKS = metricTable({
  scope: SCOPE,
  keys: WORKLOAD_KEYS,
  metrics: cgroupPeaks('k8s.pod', 'of the pod, from its own cgroup,'),
})

/** All metrics of the collector of peaks. */
export const PEAK_TABLES: readonly MetricTable[] = [GROUP_PEAKS, CONTAINER_PEAKS, POD_PEAKS]

function cgroupPeaks(root: string, of: string) {
  return {
    cpu: cpu(root, `${of} over one second`),
    memory: memory(root, `Memory, page cache included, ${of}`),
    cpuSome: pressure(root, 'cpu', 'some', of),
    memorySome: pressure(root, 'memory', 'some', of),
    memoryFull: pressure(root, 'memory', 'full', of),
    ioSome: pressure(root, 'io', 'some', of),
    ioFull: pressure(root, 'io', 'full', of),
  }
}

function cpu(root: string, of: string, classic?: MetricDefinition['classic']): MetricDefinition {
  return {
    description: `CPUs in use ${of} at most within the last minute`,
    kind: 'gauge',
    valueType: 'double',
    otel: { name: `${root}.cpu.usage.peak`, unit: '{cpu}', attributes: WINDOW },
    ...(classic && { classic }),
  }
}

function memory(
  root: string,
  what: string,
  classic?: MetricDefinition['classic'],
): MetricDefinition {
  return {
    description: `${what} at most within the last minute`,
    kind: 'gauge',
    valueType: 'int',
    otel: { name: `${root}.memory.usage.peak`, unit: 'By', attributes: WINDOW },
    ...(classic && { classic }),
  }
}

function pressure(root: string, resource: string, type: string, of: string): MetricDefinition {
  return {
    description: `Part of one second in which tasks ${of} waited for the resource at most within the last minute`,
    kind: 'gauge',
    valueType: 'double',
    otel: {
      name: `${root}.${resource}.pressure.peak`,
      unit: '1',
      attributes: { 'psi.type': type, ...WINDOW },
    },
  }
}
