/** Attribute sets as Prometheus label text: `key="value",…`, without the braces. */
import type { Attributes, AttributeValue } from '@opentelemetry/api'
import { labelName } from './names.ts'

/**
 * The label text of an attribute set, sorted by label. Attributes whose names become the same label
 * share it, their values joined by `;`.
 */
export function labelText(attributes: Attributes): string {
  const labels = new Map<string, string>()
  for (const key of Object.keys(attributes).sort()) {
    const value = attributes[key]
    if (value === undefined) continue
    const label = labelName(key)
    const known = labels.get(label)
    const text = valueText(value)
    labels.set(label, known === undefined ? text : `${known};${text}`)
  }
  return [...labels].map(([label, value]) => `${label}="${escapeLabelValue(value)}"`).join(',')
}

function valueText(value: AttributeValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value
}
