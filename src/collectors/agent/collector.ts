/** The collector of the agent itself. It comes last, so that it sees how the others did in the same snapshot. */
import type { Meter } from '@opentelemetry/api'
import { ownDescriptors, ownMemory } from '../../kernel/own-process.ts'
import { ownOpenFilesLimit } from '../../kernel/rlimit.ts'
import type { SystemConstants } from '../../kernel/system-constants.ts'
import { now } from '../../telemetry/clock.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { ExportCounts } from '../../telemetry/otlp/export-counts.ts'
import type { CollectorRun } from '../../telemetry/sampler.ts'
import type { SourceCache } from '../../workloads/source-cache.ts'
import { defineCollector } from '../collector.ts'
import { AGENT_TABLES, BUILD_METRICS, PROCESS_METRICS } from './definitions.ts'
import { registerExports } from './exports.ts'
import type { LoopDelay } from './loop-delay.ts'
import { registerNameSources } from './name-sources.ts'
import { registerRuns } from './runs.ts'

/** Where the collector of the agent reads its own state. */
export interface AgentSources {
  readonly version: string
  /** Results of the collectors before this one in this collection. */
  readonly runs: () => Iterable<CollectorRun>
  /** What was pushed so far; undefined when nothing is. */
  readonly exports: () => ExportCounts | undefined
  /** The sources of container and pod names. */
  readonly nameSources: readonly SourceCache[]
  readonly loopDelay: LoopDelay
  readonly system: SystemConstants
}

/** Registers the metrics of the agent itself: its collectors, exports, name sources, process and build. */
export function registerAgent(meter: Meter, sources: AgentSources): void {
  const { version, runs, exports, nameSources } = sources
  const created = now()
  registerRuns(meter, runs, created)
  registerExports(meter, exports, created)
  registerNameSources(meter, nameSources, created)
  registerProcess(meter, sources, new Entity({}, created))
  const { measurements, observables } = createInstruments(meter, BUILD_METRICS)
  const build = new Entity(
    { version, nodejs_version: process.versions.node, arch: process.arch },
    created,
  )
  meter.addBatchObservableCallback(
    (result) => measurements.info.observe(result, build, 1),
    observables,
  )
}

function registerProcess(
  meter: Meter,
  { system: { pageSize }, loopDelay }: AgentSources,
  agent: Entity,
): void {
  const { measurements: m, observables } = createInstruments(meter, PROCESS_METRICS)
  const limit = ownOpenFilesLimit()
  meter.addBatchObservableCallback((result) => {
    const { user, system } = process.cpuUsage()
    m.cpuUser.observe(result, agent, user / 1e6)
    m.cpuSystem.observe(result, agent, system / 1e6)
    const { virtual, resident } = ownMemory(pageSize)
    m.memory.observe(result, agent, resident)
    m.virtualMemory.observe(result, agent, virtual)
    m.descriptors.observe(result, agent, ownDescriptors())
    m.descriptorLimit.observe(result, agent, limit)
    m.startTime.observe(result, agent, performance.timeOrigin / 1000)
    m.uptime.observe(result, agent, process.uptime())
    const { p99, max } = loopDelay.take()
    m.eventLoopP99.observe(result, agent, p99)
    m.eventLoopMax.observe(result, agent, max)
  }, observables)
}

/** The collector of the agent itself; it is always enabled. */
export const AGENT = defineCollector({
  name: 'agent',
  settings: {},
  tables: () => AGENT_TABLES,
  isEnabled: () => true,
  register(meter: Meter, _config: object, sources: AgentSources) {
    registerAgent(meter, sources)
  },
})
