/** Settings of the text that is served. */
import { BOOLEAN, listOf, oneOf } from '../../lib/settings/formats.ts'
import { setting } from '../../lib/settings/setting.ts'
import { NAMINGS } from '../definitions.ts'

const prometheus = {
  naming: setting({
    doc: 'Vocabularies to serve: those of the systems that the agent replaces, or OpenTelemetry.',
    format: listOf(oneOf(...NAMINGS)),
    default: ['classic'],
  }),
  target_info: setting({
    doc: 'Whether the Resource is served as target_info.',
    format: BOOLEAN,
    default: true,
  }),
  scope_labels: setting({
    doc: 'Whether every sample carries the name of its instrumentation scope.',
    format: BOOLEAN,
    default: false,
  }),
  created: setting({
    doc: 'Whether counters have a sample with the time of their beginning (_created), for clients that prefer OpenMetrics.',
    format: BOOLEAN,
    default: false,
  }),
}

/** The section `prometheus` of the schema, as far as it is about the text. */
export const PROMETHEUS_SETTINGS = { prometheus }
