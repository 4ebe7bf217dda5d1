/**
 * Prometheus names for OpenTelemetry metrics and attributes: the default translation strategy of the
 * OpenTelemetry specification ("Prometheus and OpenMetrics Compatibility"), as the Collector does it.
 */
import type { MetricKind } from '../definitions.ts'

/** UCUM units and the words that Prometheus names use for them. */
const UNITS: Readonly<Record<string, string>> = {
  d: 'days',
  h: 'hours',
  min: 'minutes',
  s: 'seconds',
  ms: 'milliseconds',
  us: 'microseconds',
  ns: 'nanoseconds',
  By: 'bytes',
  KiBy: 'kibibytes',
  MiBy: 'mebibytes',
  GiBy: 'gibibytes',
  TiBy: 'tebibytes',
  KBy: 'kilobytes',
  MBy: 'megabytes',
  GBy: 'gigabytes',
  TBy: 'terabytes',
  m: 'meters',
  V: 'volts',
  A: 'amperes',
  J: 'joules',
  W: 'watts',
  g: 'grams',
  Cel: 'celsius',
  Hz: 'hertz',
  '%': 'percent',
}

const PER_UNITS: Readonly<Record<string, string>> = {
  s: 'second',
  m: 'minute',
  h: 'hour',
  d: 'day',
  w: 'week',
  mo: 'month',
  y: 'year',
}

/** The family name of a metric, with its unit and type suffixes. */
export function prometheusName(name: string, unit: string, kind: MetricKind): string {
  let tokens = name.split(/[^a-zA-Z0-9:]+/).filter((token) => token !== '')
  for (const suffix of unitTokens(unit)) {
    if (!tokens.includes(suffix)) tokens.push(suffix)
  }
  if (kind === 'counter') tokens = [...tokens.filter((token) => token !== 'total'), 'total']
  if (kind === 'gauge' && unit === '1') {
    tokens = [...tokens.filter((token) => token !== 'ratio'), 'ratio']
  }
  const joined = tokens.join('_')
  return /^[0-9]/.test(joined) ? `_${joined}` : joined
}

/** The label of an attribute. */
export function labelName(key: string): string {
  const label = key.replace(/[^a-zA-Z0-9_]/g, '_')
  return /^[0-9]/.test(label) ? `key_${label}` : label
}

function unitTokens(unit: string): string[] {
  const [amount = '', per] = unit.replace(/\{[^}]*\}/g, '').split('/')
  const tokens = amount === '' || amount === '1' ? [] : [UNITS[amount] ?? amount]
  if (per !== undefined && per !== '') tokens.push('per', PER_UNITS[per] ?? per)
  return tokens.flatMap((token) => token.split(/[^a-zA-Z0-9]+/)).filter((token) => token !== '')
}
