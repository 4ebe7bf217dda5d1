/** The collector of cgroups on a generated tree, scraped like Prometheus does. */
import { emptyResource } from '@opentelemetry/resources'
import { registerCgroups } from '../../src/collectors/cgroups/collector.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'
import { doInSlices, type TimeSlice } from '../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'

/** All mounted in one place, which the kernel allows. */
const V1_CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio', 'name=systemd']

/**
 * @param root the tree, with its `cgroup.controllers`.
 * @param procRoot a procfs with a boot time; its `pressure` is the node's.
 * @param openFiles how many files stay open between collections. What is read of them outlives their removal,
 *   for a made-up tree is none of the kernel's.
 * @returns gives the text of one collection; throws what a collection fails of.
 */
export function collectCgroups(
  root: string,
  procRoot: string,
  slice: TimeSlice,
  {
    maxSeries,
    openFiles = 0,
    version = 2,
  }: { maxSeries?: number; openFiles?: number; version?: 1 | 2 } = {},
): () => Promise<string> {
  const meter = new ObservableMeter({ name: 'cgroups' }, now(), maxSeries)
  const options = {
    root,
    include: ['**'],
    depth: 8,
    max: 200_000,
    open_files: openFiles,
    triggers: [],
  }
  registerCgroups(meter, options, {
    procfs: new Procfs(procRoot),
    system: { pageSize: 4096, ticksPerSecond: 100 },
    slice,
    workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
    notify: () => {},
    mounts:
      version === 2
        ? { v2: root, v1: new Map() }
        : { v2: undefined, v1: new Map(V1_CONTROLLERS.map((controller) => [controller, root])) },
  })
  const serializer = new PrometheusSerializer({ target_info: false, scope_labels: false })
  return async () => {
    const { scopeMetrics, errors } = await meter.collect(now())
    if (errors.length > 0) throw errors[0]
    const metrics = { resource: emptyResource(), scopeMetrics: [scopeMetrics] }
    return Buffer.concat(await doInSlices(serializer.serializing(metrics))).toString()
  }
}
