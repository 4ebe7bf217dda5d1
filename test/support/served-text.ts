/** The Prometheus text of a collector's metrics. */
import type { Meter } from '@opentelemetry/api'
import { emptyResource } from '@opentelemetry/resources'
import { now } from '../../src/telemetry/clock.ts'
import type { Naming } from '../../src/telemetry/definitions.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'

/** @returns what collects and gives the text. */
export function servedText(
  name: string,
  register: (meter: Meter) => void,
  namings: readonly Naming[] = ['classic'],
): () => Promise<string> {
  const meter = new ObservableMeter({ name }, now())
  register(meter)
  const sampler = new Sampler({ meters: [meter], maxAge: 0, onRun: () => {} })
  const translation = new NameTranslation()
  const serializer = new PrometheusSerializer({ target_info: false, scope_labels: false })
  return async () => {
    const { scopes } = await sampler.snapshot()
    return serializer.serialize({
      resource: emptyResource(),
      scopeMetrics: translation.translate(scopes, namings),
    })
  }
}
