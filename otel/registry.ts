/** Prints the agent's own metrics as a registry in the form of OpenTelemetry's semantic conventions. */
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { stringify } from 'yaml'
import { COLLECTORS } from '../src/collectors/registry.ts'
import type { MetricDefinition } from '../src/telemetry/definitions.ts'

if (import.meta.main) process.stdout.write(conventionRegistry())

/** Metrics and attributes that the semantic conventions have already are left to them. */
export function conventionRegistry(): string {
  const known = new Set<unknown>(Object.values(conventions))
  const tables = COLLECTORS.flatMap(({ tables }) => tables())
  const attributes = new Map<string, { brief: string; examples: Set<string> }>()
  const metrics = new Map<string, object>()
  for (const table of tables) {
    for (const [key, { description }] of Object.entries(table.keys)) {
      if (!attributes.has(key)) attributes.set(key, { brief: description, examples: new Set() })
    }
    for (const { otel, kind, description } of Object.values<MetricDefinition>(table.metrics)) {
      for (const [key, value] of Object.entries(otel.attributes ?? {})) {
        const brief = attributes.get(key) ?? {
          brief: `Tells measurements of a metric apart`,
          examples: new Set(),
        }
        brief.examples.add(String(value))
        attributes.set(key, brief)
      }
      if (known.has(otel.name) || metrics.has(otel.name)) continue
      const keys = [...Object.keys(table.keys), ...Object.keys(otel.attributes ?? {})]
      metrics.set(otel.name, {
        id: `metric.${otel.name}`,
        type: 'metric',
        metric_name: otel.name,
        brief: description,
        instrument: kind,
        unit: otel.unit,
        stability: 'development',
        ...(keys.length > 0 && { attributes: keys.map((ref) => ({ ref })) }),
      })
    }
  }
  const own = [...attributes]
    .filter(([key]) => !known.has(key))
    .map(([id, { brief, examples }]) => ({
      id,
      type: 'string',
      brief,
      stability: 'development',
      ...(examples.size > 0 && { examples: [...examples] }),
    }))
  const group = {
    id: 'registry.otel_interrogator',
    type: 'attribute_group',
    display_name: 'otel-interrogator',
    brief: "The agent's own attributes",
    attributes: own,
  }
  return `# Made by \`npm run docs\`.\n${stringify({ groups: [group, ...metrics.values()] }, { lineWidth: 0 })}`
}
