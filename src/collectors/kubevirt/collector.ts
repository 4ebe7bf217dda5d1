/** The collector of virtual machines: usage of the processes that KubeVirt runs for each. */
import { hostname } from 'node:os'
import type { BatchObservableResult, HrTime, Meter } from '@opentelemetry/api'
import type { Members } from '../../entities/group-members.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import type { SystemConstants } from '../../kernel/system-constants.ts'
import type { Values } from '../../lib/settings/setting.ts'
import { clock, now } from '../../telemetry/clock.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { WORKLOAD_SETTINGS } from '../../workloads/settings.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { defineCollector } from '../collector.ts'
import { HEALTH_TABLE, type KubevirtNaming, kubevirtTables, vmTable } from './definitions.ts'
import { DOMAIN_ANNOTATION, KUBEVIRT_LABELS } from './identity.ts'
import { KUBEVIRT_SETTINGS } from './settings.ts'
import { Sums } from './sums.ts'
import { compileTargets } from './targets.ts'
import { VirtualMachines } from './virtual-machines.ts'

type KubevirtConfig = Values<typeof KUBEVIRT_SETTINGS> & Values<typeof WORKLOAD_SETTINGS>

/** Settings of the collector of virtual machines. */
export type KubevirtOptions = KubevirtNaming & Omit<KubevirtConfig['kubevirt'], 'enabled'>

/** What the collector of virtual machines reads from. */
export interface KubevirtSources {
  readonly procfs: Procfs
  readonly system: SystemConstants
  readonly slice: TimeSlice
  readonly workloads: Workloads
  /** What the collector of process groups has read of processes. */
  readonly members: Members
}

/**
 * Registers the collector's instruments on the meter.
 *
 * @throws Error for a malformed pattern of a target.
 */
export function registerKubevirt(
  meter: Meter,
  options: KubevirtOptions,
  { procfs, system: units, slice, workloads, members }: KubevirtSources,
): void {
  const { targets, strict } = options
  const vms = new VirtualMachines({
    procfs,
    workloads,
    members,
    slice,
    ticksPerSecond: units.ticksPerSecond,
    isTarget: targets.length === 0 ? undefined : compileTargets(targets),
  })
  const { measurements: m, observables } = createInstruments(meter, vmTable(options))
  const health = createInstruments(meter, HEALTH_TABLE)
  const agent = new Entity({}, now())
  const bootTime = procfs.bootTime()
  const startOf = (ticks: number): HrTime =>
    clock.taken([bootTime + Math.floor(ticks / units.ticksPerSecond), 0])
  const sums = new Sums(strict, startOf)
  const observe = (result: BatchObservableResult) => {
    for (const { entity, used, memory, processes } of sums.values()) {
      m.user.observe(result, entity, used.user / units.ticksPerSecond)
      m.system.observe(result, entity, used.system / units.ticksPerSecond)
      m.virtual.observe(result, entity, memory.size * units.pageSize)
      m.resident.observe(result, entity, memory.resident * units.pageSize)
      m.shared.observe(result, entity, memory.shared * units.pageSize)
      m.data.observe(result, entity, memory.data * units.pageSize)
      m.processes.observe(result, entity, processes)
    }
  }
  meter.addBatchObservableCallback(
    async (result) => {
      sums.add(await vms.collect())
      observe(result)
      health.measurements.errors.observe(result, agent, vms.errors)
      if (options.info) health.measurements.info.observe(result, agent, 1)
    },
    [...observables, ...health.observables],
  )
}

/** As the metrics reference shows it. */
const EXAMPLE: KubevirtNaming = { host: 'NODE', strict: false }

/** The collector of KubeVirt's virtual machines. */
export const KUBEVIRT = defineCollector({
  name: 'kubevirt',
  settings: KUBEVIRT_SETTINGS,
  tables: (config) => kubevirtTables(config === undefined ? EXAMPLE : namingOf(config)),
  isEnabled: ({ kubevirt }) => kubevirt.enabled,
  podKeys: { labels: Object.values(KUBEVIRT_LABELS), annotations: [DOMAIN_ANNOTATION] },
  register(meter: Meter, config: KubevirtConfig, sources: KubevirtSources) {
    registerKubevirt(meter, { ...config.kubevirt, ...namingOf(config) }, sources)
  },
})

function namingOf({ compat, node }: KubevirtConfig): KubevirtNaming {
  return { host: node.name ?? hostname(), strict: compat.kubevirt === 'strict' }
}
