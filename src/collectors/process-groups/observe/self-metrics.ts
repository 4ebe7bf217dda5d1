/** Metrics that the collector reports of its own reading, also when a collection fails. */
import type { HrTime, Meter } from '@opentelemetry/api'
import { Entity } from '../../../telemetry/entity.ts'
import { createInstruments } from '../../../telemetry/instruments.ts'
import type { ExitedProcesses } from '../account/exited-processes.ts'
import type { ReplaceableRules } from '../classify/replaceable-rules.ts'
import { SELF_METRICS } from '../definitions.ts'
import type { ReadErrors } from '../track/read-errors.ts'
import type { TaskSource } from '../track/task-source.ts'
import type { GroupTracker } from '../track/tracker.ts'

/** What the collector's own metrics are taken from. */
export interface SelfMetricsParts {
  readonly tracker: GroupTracker
  readonly tasks: TaskSource
  readonly exited: ExitedProcesses | undefined
  readonly errors: ReadErrors
  readonly rules: ReplaceableRules
}

/**
 * Registers the metrics that the collector reports of its own reading.
 *
 * @param created since when the errors are counted.
 */
export function registerSelfMetrics(
  meter: Meter,
  { tracker, tasks, exited, errors, rules: { reloads } }: SelfMetricsParts,
  created: HrTime,
): void {
  const { measurements: m, observables } = createInstruments(meter, SELF_METRICS)
  const collector = new Entity({}, created)
  const files = new Map<string, Entity>()
  const sources = new Map<string, Entity>()
  meter.addBatchObservableCallback((result) => {
    m.collectionErrors.observe(result, collector, errors.collections)
    m.processErrors.observe(result, collector, errors.processes)
    m.partialErrors.observe(result, collector, errors.omissions)
    for (const [file, reason, count] of errors.files()) {
      const key = `${file} ${reason}`
      const entity =
        files.get(key) ?? new Entity({ 'process.file': file, 'error.type': reason }, created)
      files.set(key, entity)
      m.fileErrors.observe(result, entity, count)
    }
    if (exited?.isActive) {
      m.lostExits.observe(result, collector, exited.lostExits)
      m.lostStarts.observe(result, collector, exited.lostStarts)
    }
    m.reloaded.observe(result, collector, reloads.success)
    m.refused.observe(result, collector, reloads.failure)
    let source = sources.get(tasks.name)
    if (source === undefined) {
      source = new Entity({ 'procgroup.source': tasks.name }, created)
      sources.set(tasks.name, source)
    }
    m.source.observe(result, source, 1)
    const { outcome } = tracker
    m.grouped.observe(result, collector, outcome.grouped)
    m.ignored.observe(result, collector, outcome.ignored)
    m.vanished.observe(result, collector, outcome.vanished)
    m.failed.observe(result, collector, outcome.failed)
  }, observables)
}
