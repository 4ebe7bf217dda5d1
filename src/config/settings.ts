/**
 * Every setting of the agent: meaning, format, default, and the names it has in files, variables and flags. The schema is
 * convict's; loading, `--help`, the configuration reference and the type of the configuration all come from it. Each part
 * is declared beside what it configures.
 */
import { COLLECTORS } from '../collectors/registry.ts'
import { mergeSections, type Setting, settingsByPath } from '../lib/settings/setting.ts'
import { RECORDER_SETTINGS } from '../recorder/settings.ts'
import { OTLP_SETTINGS } from '../telemetry/otlp/settings.ts'
import { PROMETHEUS_SETTINGS } from '../telemetry/prometheus/settings.ts'
import { SERVER_SETTINGS } from '../web/settings.ts'
import { WORKLOAD_SETTINGS } from '../workloads/settings.ts'
import { GENERAL_SETTINGS } from './general-settings.ts'
import { IDENTITY_SETTINGS } from './identity-settings.ts'

/** The schema of all settings, in sections. */
export const SCHEMA = mergeSections(
  GENERAL_SETTINGS,
  ...COLLECTORS.map(({ settings }) => settings),
  WORKLOAD_SETTINGS,
  RECORDER_SETTINGS,
  SERVER_SETTINGS,
  PROMETHEUS_SETTINGS,
  OTLP_SETTINGS,
  IDENTITY_SETTINGS,
)

/** All settings by path: `a.b` is the key `b` of the section `a`. */
export const SETTINGS: Readonly<Record<string, Setting>> = settingsByPath(SCHEMA)

/** The variable of a setting: `OTEL_INTERROGATOR_COLLECTION_MAX_AGE`. */
export function variableOf(path: string): string {
  return `OTEL_INTERROGATOR_${path.replaceAll('.', '_').toUpperCase()}`
}

/** The flag of a setting, without dashes: `collection.max-age`. */
export function flagOf(path: string): string {
  return path.replaceAll('_', '-')
}
