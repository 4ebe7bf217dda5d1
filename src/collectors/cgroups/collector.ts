/** The collector of cgroups: pressure and usage of containers, pods, slices and the node. */
import type { Meter } from '@opentelemetry/api'
import { compileInclude } from '../../entities/cgroup-selection.ts'
import { blockDeviceNames } from '../../kernel/block-devices.ts'
import { CachedDescriptorReader } from '../../kernel/cached-descriptors.ts'
import { type CgroupMounts, findCgroupMounts } from '../../kernel/cgroupfs/mounts.ts'
import { CgroupReaderV2 } from '../../kernel/cgroupfs/reader-v2.ts'
import { CgroupTree } from '../../kernel/cgroupfs/tree.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { clearPressure } from '../../kernel/psi.ts'
import { maxCachedDescriptors } from '../../kernel/rlimit.ts'
import type { SystemConstants } from '../../kernel/system-constants.ts'
import type { Values } from '../../lib/settings/setting.ts'
import type { UsageSources } from '../../recorder/usage.ts'
import { clock, now } from '../../telemetry/clock.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { collectionTime } from '../../telemetry/meter.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { WORKLOAD_SETTINGS } from '../../workloads/settings.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { defineCollector } from '../collector.ts'
import {
  cgroupFiles,
  emptyPressures,
  lossySums,
  type Pressures,
  RESOURCES,
  sampledFiles,
} from './cgroup-files.ts'
import { Cgroups } from './cgroups.ts'
import { CGROUP_TABLES, SELF_METRICS } from './definitions.ts'
import { FileHealth } from './file-health.ts'
import { levelObserver, nodeObserver } from './observe.ts'
import { CGROUP_SETTINGS } from './settings.ts'
import { Triggers } from './triggers.ts'
import { UsageSamples } from './usage-samples.ts'

type CgroupsConfig = Values<typeof CGROUP_SETTINGS> & Values<typeof WORKLOAD_SETTINGS>

/** Settings of the collector of cgroups. */
export type CgroupsOptions = Omit<CgroupsConfig['cgroups'], 'enabled'> & CgroupsConfig['pressure']

/** What the collector of cgroups reads from. */
export interface CgroupsSources {
  readonly procfs: Procfs
  readonly system: SystemConstants
  readonly slice: TimeSlice
  readonly workloads: Workloads
  /** Takes the source of samples, for who wants them. */
  readonly usage?: UsageSources
  /** Logs a message for the operator. */
  readonly notify: (message: string) => void
  /** Mount points of the hierarchies; by default those of the agent's own mounts below the root. */
  readonly mounts?: CgroupMounts
}

const NO_PRESSURE =
  'the kernel gives no pressure of containers: it needs cgroup v2 ' +
  '(systemd.unified_cgroup_hierarchy=1) and pressure stall information (psi=1) on its command line'
/** In v1 the memory controller has a directory for every container. */
const FALLBACKS = ['memory', 'cpu', 'pids', 'blkio']

/**
 * Registers the collector's instruments on the meter.
 *
 * @returns closes its files and triggers.
 */
export function registerCgroups(
  meter: Meter,
  options: CgroupsOptions,
  { procfs, system, slice, workloads, usage, notify, ...sources }: CgroupsSources,
): () => void {
  const created = now()
  const boot = clock.taken([procfs.bootTime(), 0])
  const mounts = sources.mounts ?? findCgroupMounts(options.root)
  const root = mounts.v2 ?? FALLBACKS.map((controller) => mounts.v1.get(controller)).find(Boolean)
  const health = new FileHealth(created)
  const descriptors = new CachedDescriptorReader(maxCachedDescriptors(options.open_files))
  const files = cgroupFiles(mounts, system.ticksPerSecond, descriptors)
  const tree = new CgroupTree(root ?? options.root, { depth: options.depth, count: options.max })
  const cgroups = new Cgroups({
    tree,
    files,
    descriptors,
    lossy: lossySums(mounts),
    workloads,
    health,
    slice,
    include: compileInclude(options.include),
    boot,
  })
  const samples = new UsageSamples({
    cgroups,
    files: sampledFiles(mounts),
    count: mounts.v2 === undefined ? undefined : `${mounts.v2}/cgroup.stat`,
    procRoot: procfs.root,
    openFiles: maxCachedDescriptors(options.open_files),
    slice,
    boot,
  })
  usage?.offer(samples)
  const deviceName = blockDeviceNames()
  const levels = {
    container: levelObserver(meter, 'container', deviceName),
    pod: levelObserver(meter, 'pod', deviceName),
    cgroup: levelObserver(meter, 'cgroup', deviceName),
  }
  const node = nodeObserver(meter)
  const reading = createInstruments(meter, SELF_METRICS)
  const faults = health.register(meter)
  const triggers = new Triggers(
    mounts.v2 === undefined ? [] : options.triggers,
    { root: mounts.v2 ?? '', workloads, health, notify },
    created,
  )
  const events = triggers.register(meter)
  const collector = new Entity({}, created)
  const host = new Entity({}, boot)
  const pressures = emptyPressures()
  const reader = new CgroupReaderV2()
  let hasNotified = false
  meter.addBatchObservableCallback(
    async (result) => {
      const present = await cgroups.collect(collectionTime(result), (cgroup, what) =>
        levels[cgroup.selected.level].observe(result, cgroup, what),
      )
      triggers.sync(present)
      events.observe(result)
      readNode(reader, procfs.root, pressures, health)
      node.observe(result, host, pressures)
      reading.measurements.cgroups.observe(result, collector, cgroups.measured)
      reading.measurements.omitted.observe(result, collector, tree.omitted)
      faults.observe(result)
      if (!hasNotified && lacksPressure(mounts, health, cgroups.measured)) {
        hasNotified = true
        notify(NO_PRESSURE)
      }
    },
    [
      ...Object.values(levels).flatMap(({ observables }) => observables),
      ...node.observables,
      ...reading.observables,
      ...faults.observables,
      ...events.observables,
    ],
  )
  return () => {
    triggers.close()
    descriptors.close()
    samples.close()
  }
}

function lacksPressure({ v2 }: CgroupMounts, health: FileHealth, cgroups: number): boolean {
  return v2 === undefined || health.absent(cgroups).includes('cpu.pressure')
}

/** Reads the node's pressure. A value that the kernel doesn't have is left out; a file that can't be read is counted. */
function readNode(
  reader: CgroupReaderV2,
  procRoot: string,
  pressures: Pressures,
  health: FileHealth,
): void {
  for (const resource of RESOURCES) {
    try {
      reader.pressure(`${procRoot}/pressure/${resource}`, pressures[resource])
    } catch (error) {
      clearPressure(pressures[resource])
      health.add(`/proc/pressure/${resource}`, error)
    }
  }
  // The kernel prints it without a meaning: some task can always run when no other one does.
  Object.assign(pressures.cpu.full, NO_STALL)
}

const NO_STALL = { ...emptyPressures().cpu.full }

/** The collector of cgroups. */
export const CGROUPS = defineCollector({
  name: 'cgroups',
  settings: CGROUP_SETTINGS,
  tables: () => CGROUP_TABLES,
  isEnabled: ({ cgroups }) => cgroups.enabled,
  register(meter: Meter, { cgroups, pressure }: CgroupsConfig, sources: CgroupsSources) {
    return registerCgroups(meter, { ...cgroups, ...pressure }, sources)
  },
})
