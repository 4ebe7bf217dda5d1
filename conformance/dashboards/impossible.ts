/** Measurements that the machine doesn't have, as the agent's own metrics show: their panels may be empty. */

import { type Measure, measure } from '../../deploy/generate/dashboards/queries.ts'
import { FILE_METRICS, LEVELS, rowKey } from '../../src/collectors/cgroups/definitions.ts'
import { PERF_EVENTS, PERF_TABLES } from '../../src/collectors/perf/definitions.ts'
import { EVENTS } from '../../src/kernel/perf-events/events.ts'
import type { Naming } from '../../src/telemetry/definitions.ts'
import { expositionLabel, expositionName } from '../../src/telemetry/exposition-names.ts'
import { type Prometheus, query } from '../support/prometheus.ts'

interface Excuse {
  readonly measured: Measure
  /** The agent's measurement that says so, of what, and how it is compared. */
  readonly evidence: Measure
  readonly attribute: string
  readonly value: string
  readonly says: '== 0' | '> 0'
}

const IRQ = rowKey({ resource: 'irq', type: 'full', field: 'total' })

const EXCUSES: readonly Excuse[] = [
  // Events that the processor of a virtual machine does not count.
  ...EVENTS.filter((event) => event.class !== 'software').map(
    ({ label }): Excuse => ({
      measured: measure(PERF_TABLES.container, label),
      evidence: measure(PERF_EVENTS, 'supported'),
      attribute: 'perf.event',
      value: label,
      says: '== 0',
    }),
  ),
  // A kernel that doesn't account the time of interrupts.
  {
    measured: measure(LEVELS.container.table, IRQ),
    evidence: measure(FILE_METRICS, 'missing'),
    attribute: 'cgroup.file',
    value: 'irq.pressure',
    says: '> 0',
  },
]

/** The families that are excused, and why. */
export async function excusedFamilies(
  prometheus: Prometheus,
  naming: Naming,
): Promise<Map<string, string>> {
  const excused = new Map<string, string>()
  for (const { measured, evidence, attribute, value, says } of EXCUSES) {
    const { family } = expositionName(evidence.definition, [naming])
    const label = expositionLabel(evidence.table, attribute, naming)
    const proof = `${family}{${label}="${value}"} ${says}`
    if ((await query(prometheus, proof)).length === 0) continue
    excused.set(expositionName(measured.definition, [naming]).family, proof)
  }
  return excused
}
