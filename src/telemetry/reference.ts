/** The metrics reference, from the metric definitions. */
import type { MetricDefinition, MetricTable } from './definitions.ts'
import { prometheusName } from './prometheus/names.ts'

/** Gives a line of Prometheus text for a measurement, where there is one. */
export type ExampleOf = (definition: MetricDefinition) => string | undefined

/**
 * Metrics as Markdown, a section for each kind of series.
 *
 * @param exampleOf without it there are no examples.
 */
export function metricsReference(tables: readonly MetricTable[], exampleOf?: ExampleOf): string {
  const sections = tables.map((table) => section(table, exampleOf))
  return `${exampleOf === undefined ? INTRODUCTION : '# Metrics\n'}\n${sections.join('\n')}`
}

const INTRODUCTION = `# Metrics

Every measurement has a name in OpenTelemetry's vocabulary (\`otel\`), and where one of the systems that the
agent replaces has it, a name in theirs (\`classic\`); where cAdvisor has it, a name of cAdvisor's (\`cadvisor\`), under
which the kubelet serves it, too. \`prometheus.naming\` and \`otlp.naming\` choose. Without \`otel\` among them, a
measurement without any of the chosen names appears under its otel name. On \`/metrics\`, otel names look
as the Collector's Prometheus exporter writes them.

This page is made from the definitions by \`npm run docs\`.
`

function section({ scope, keys, metrics }: MetricTable, exampleOf?: ExampleOf): string {
  const attributes = Object.entries(keys).map(
    ([key, { description, classic, cadvisor }]) =>
      `- \`${key}\`: ${description}${label('classic', classic)}${label('cadvisor', cadvisor)}`,
  )
  const rows = (Object.values(metrics) as MetricDefinition[]).map((definition) =>
    row(definition, exampleOf),
  )
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
    `| otel | on /metrics | classic | cadvisor | kind | unit | meaning |${exampleOf === undefined ? '' : ' example |'}`,
    `|---|---|---|---|---|---|---|${exampleOf === undefined ? '' : '---|'}`,
    ...rows,
    '',
  ].join('\n')
}

/** The label that another system has for an attribute. */
function label(naming: string, name: string | false | undefined): string {
  if (name === undefined) return ''
  return name === false ? `, not in ${naming}` : `, ${naming} label \`${name}\``
}

function row(definition: MetricDefinition, exampleOf?: ExampleOf): string {
  const { otel, classic, cadvisor, kind, description } = definition
  const example = exampleOf?.(definition)
  const cells = [
    withAttributes(otel.name, otel.attributes),
    `\`${prometheusName(otel.name, otel.unit, kind)}\``,
    classic === undefined ? '' : withAttributes(classic.name, classic.attributes),
    cadvisor === undefined ? '' : withAttributes(cadvisor.name, cadvisor.attributes),
    kind,
    otel.unit === '' ? '' : `\`${otel.unit}\``,
    description,
    ...(exampleOf === undefined ? [] : [example === undefined ? '' : `\`${example}\``]),
  ]
  return `| ${cells.join(' | ')} |`
}

function withAttributes(name: string, attributes: object = {}): string {
  const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? `\`${name}\`` : `\`${name}\` \`${pairs.join(',')}\``
}
