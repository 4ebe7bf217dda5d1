/** The sampler's snapshot as a MetricProducer: what the SDK's readers collect from. */
import { emptyResource } from '@opentelemetry/resources'
import type { MetricProducer, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type { Naming } from './definitions.ts'
import type { Sampler, Snapshot } from './sampler.ts'
import { doInSlices } from './time-slice.ts'
import type { Vocabulary } from './vocabulary.ts'

/**
 * @param namings the vocabularies that the reader wants.
 */
export function snapshotProducer(
  sampler: Sampler,
  vocabulary: Vocabulary,
  namings: readonly Naming[],
): MetricProducer {
  const resource = emptyResource()
  let translated: { of: Snapshot; scopeMetrics: Promise<ScopeMetrics[]> } | undefined
  return {
    async collect() {
      const snapshot = await sampler.snapshot()
      if (translated?.of !== snapshot) {
        const work = vocabulary.translating(snapshot.scopes, namings)
        translated = { of: snapshot, scopeMetrics: doInSlices(work) }
      }
      const scopeMetrics = await translated.scopeMetrics
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] }
    },
  }
}
