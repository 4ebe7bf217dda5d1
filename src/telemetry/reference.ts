/** The metrics reference, from the metric definitions. */
import type { MetricDefinition, MetricTable } from './definitions.ts'
import { prometheusName } from './prometheus/names.ts'

/** All metrics as Markdown, a section for each kind of series. */
export function metricsReference(tables: readonly MetricTable[]): string {
  const sections = tables.map((table) => section(table))
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

const INTRODUCTION = `# Metrics

Every measurement has a name in OpenTelemetry's vocabulary (\`otel\`), and where one of the systems that the
agent replaces has it, a name in theirs (\`classic\`). \`prometheus.naming\` and \`otlp.naming\` choose. With
\`classic\`, a measurement without a classic name appears under its otel name. On \`/metrics\`, otel names look
as the Collector's Prometheus exporter writes them.

This page is made from the definitions by \`npm run docs\`.
`

function section({ scope, keys, metrics }: MetricTable): string {
  const attributes = Object.entries(keys).map(([key, { description, classic }]) => {
    const label = classic === undefined ? '' : `, classic label \`${classic}\``
    return `- \`${key}\`: ${description}${label}`
  })
  const rows = (Object.values(metrics) as MetricDefinition[]).map(row)
  return [
    `## ${scope}: ${
      Object.keys(keys).length === 0
        ? 'one series for each row'
        : `by ${Object.keys(keys)
            .map((key) => `\`${key}\``)
            .join(', ')}`
    }`,
    '',
    ...attributes,
    ...(attributes.length > 0 ? [''] : []),
    '| otel | on /metrics | classic | kind | unit | meaning |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function row({ otel, classic, kind, description }: MetricDefinition): string {
  const cells = [
    withAttributes(otel.name, otel.attributes),
    `\`${prometheusName(otel.name, otel.unit, kind)}\``,
    classic === undefined ? '' : withAttributes(classic.name, classic.attributes),
    kind,
    otel.unit === '' ? '' : `\`${otel.unit}\``,
    description,
  ]
  return `| ${cells.join(' | ')} |`
}

function withAttributes(name: string, attributes: object = {}): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? `\`${name}\`` : `\`${name}\` \`${pairs.join(',')}\``
}
