/** The sampler's snapshot as a MetricProducer: what the SDK's readers collect from. */
import { emptyResource } from '@opentelemetry/resources'
import type { MetricProducer, ScopeMetrics } from '@opentelemetry/sdk-metrics'
import type { Naming } from './definitions.ts'
import type { NameTranslation } from './name-translation.ts'
import type { Sampler, Snapshot } from './sampler.ts'
import { doInSlices } from './time-slice.ts'

/**
 * Makes a producer of the sampler's snapshots for one reader of the SDK.
 *
 * @param namings the vocabularies that the reader wants.
 * @param sharedAge gives how old, in milliseconds, a snapshot may be that another reader caused and this reader has not
 *   had yet: so two readers that are not in step cause one collection, not two. 0 for as old as for all readers.
 *   A reader that gives it gets no snapshot twice.
 */
export function snapshotProducer(
  sampler: Sampler,
  translation: NameTranslation,
  namings: readonly Naming[],
  sharedAge?: () => number,
): MetricProducer {
  const resource = emptyResource()
  let translated: { of: Snapshot; scopeMetrics: Promise<ScopeMetrics[]> } | undefined
  const maxAge = () => {
    if (sharedAge === undefined) return undefined
    const isUnread = sampler.latest !== undefined && sampler.latest !== translated?.of
    return isUnread ? sharedAge() || undefined : 0
  }
  return {
    async collect() {
      const snapshot = await sampler.snapshot(maxAge())
      if (translated?.of !== snapshot) {
        const work = translation.translating(snapshot.scopes, namings)
        translated = { of: snapshot, scopeMetrics: doInSlices(work) }
      }
      const scopeMetrics = await translated.scopeMetrics
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] }
    },
  }
}
