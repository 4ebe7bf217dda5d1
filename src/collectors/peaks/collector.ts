/** The collector of peaks: the recorder's largest values, as metrics. */
import type { Attributes, Meter } from '@opentelemetry/api'
import type { Values } from '../../lib/settings/setting.ts'
import type { RECORDER_SETTINGS } from '../../recorder/settings.ts'
import { now } from '../../telemetry/clock.ts'
import type { MetricTable } from '../../telemetry/definitions.ts'
import { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import { defineCollector } from '../collector.ts'
import { CONTAINER_PEAKS, GROUP_PEAKS, PEAK_TABLES, POD_PEAKS } from './definitions.ts'

/** The peaks of one group, container or pod in the recorder. */
export interface EntityPeaks {
  readonly kind: 'group' | 'container' | 'pod'
  /** Its attributes; the same object as long as they are the same. */
  readonly attributes: Attributes
  /** Those of them that identify its container or pod. */
  readonly workload: Attributes | undefined
  /** The largest value of the last minute; NaN where there is none. */
  peak(name: PeakName): number
}

/** What a peak is of, such as `cpu`. */
export type PeakName = keyof (typeof CONTAINER_PEAKS)['metrics']

/** What the collector of peaks reads from. */
export interface PeaksSources {
  readonly peaks: () => Iterable<EntityPeaks>
}

const TABLES: Readonly<Record<EntityPeaks['kind'], MetricTable<string>>> = {
  group: GROUP_PEAKS,
  container: CONTAINER_PEAKS,
  pod: POD_PEAKS,
}

function registerPeaks(meter: Meter, { peaks }: PeaksSources): void {
  const created = now()
  const kinds = Object.fromEntries(
    Object.entries(TABLES).map(([kind, table]) => {
      const { measurements, observables } = createInstruments(meter, table)
      const rows = Object.entries(measurements) as [PeakName, (typeof measurements)[string]][]
      return [kind, { rows, observables }]
    }),
  )
  const entities = new WeakMap<Attributes, Entity>()
  meter.addBatchObservableCallback(
    (result) => {
      for (const recorded of peaks()) {
        const { kind, attributes, workload } = recorded
        const entity = entities.get(attributes) ?? new Entity(attributes, created, workload)
        entities.set(attributes, entity)
        for (const [name, measurement] of kinds[kind].rows) {
          const value = recorded.peak(name)
          if (Number.isFinite(value)) measurement.observe(result, entity, value)
        }
      }
    },
    Object.values(kinds).flatMap(({ observables }) => observables),
  )
}

/** The setting that enables the collector of peaks. */
type PeaksConfig = Values<typeof RECORDER_SETTINGS>

/** The collector of peaks: the largest values of the last minute, from the recorder. */
export const PEAKS = defineCollector({
  name: 'peaks',
  settings: {},
  tables: () => PEAK_TABLES,
  isEnabled: ({ recorder }) => recorder.enabled,
  register(meter: Meter, _config: PeaksConfig, sources: PeaksSources) {
    registerPeaks(meter, sources)
  },
})
