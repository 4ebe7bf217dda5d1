/** What the collector says of its own reading; it is there also when a collection fails. */
import type { HrTime, Meter } from '@opentelemetry/api'
import { Entity } from '../../../telemetry/entity.ts'
import { createInstruments } from '../../../telemetry/instruments.ts'
import type { ReplaceableRules } from '../classify/replaceable-rules.ts'
import { READING_METRICS } from '../definitions.ts'
import type { ReadingErrors } from '../track/read-errors.ts'
import type { TaskSource } from '../track/task-source.ts'
import type { GroupCensus } from '../track/tracker.ts'

export interface ReadingParts {
  readonly census: GroupCensus
  readonly tasks: TaskSource
  readonly errors: ReadingErrors
  readonly rules: ReplaceableRules
}

/** @param created since when the errors are counted. */
export function registerReading(
  meter: Meter,
  { census, tasks, errors, rules: { reloads } }: ReadingParts,
  created: HrTime,
): void {
  const { measurements: m, observables } = createInstruments(meter, READING_METRICS)
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
    m.reloaded.observe(result, collector, reloads.success)
    m.refused.observe(result, collector, reloads.failure)
    let source = sources.get(tasks.name)
    if (source === undefined) {
      source = new Entity({ 'procgroup.source': tasks.name }, created)
      sources.set(tasks.name, source)
    }
    m.source.observe(result, source, 1)
    const { outcome } = census
    m.grouped.observe(result, collector, outcome.grouped)
    m.ignored.observe(result, collector, outcome.ignored)
    m.vanished.observe(result, collector, outcome.vanished)
    m.failed.observe(result, collector, outcome.failed)
  }, observables)
}
