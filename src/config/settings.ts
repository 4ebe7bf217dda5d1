/**
 * Every setting of the agent: meaning, default, allowed values, and the names it has in files, variables
 * and flags. Loading, `--help` and the configuration reference all come from this table.
 */
import { CGROUP_SETTINGS } from './settings/cgroups.ts'
import { GENERAL_SETTINGS } from './settings/general.ts'
import { IDENTITY_SETTINGS } from './settings/identity.ts'
import { KUBEVIRT_SETTINGS } from './settings/kubevirt.ts'
import { OTLP_SETTINGS } from './settings/otlp.ts'
import { PERF_SETTINGS } from './settings/perf.ts'
import { PROCESS_GROUP_SETTINGS } from './settings/process-groups.ts'
import { PROMETHEUS_SETTINGS } from './settings/prometheus.ts'
import { RECORDER_SETTINGS } from './settings/recorder.ts'
import type { SettingTable } from './settings/setting.ts'
import { WORKLOAD_SETTINGS } from './settings/workloads.ts'

export const SETTINGS: SettingTable = {
  ...GENERAL_SETTINGS,
  ...PROCESS_GROUP_SETTINGS,
  ...WORKLOAD_SETTINGS,
  ...CGROUP_SETTINGS,
  ...PERF_SETTINGS,
  ...KUBEVIRT_SETTINGS,
  ...RECORDER_SETTINGS,
  ...PROMETHEUS_SETTINGS,
  ...OTLP_SETTINGS,
  ...IDENTITY_SETTINGS,
}

/** The variable of a setting: `OTEL_INTERROGATOR_COLLECTION_MAX_AGE`. */
export function variableOf(path: string): string {
  return `OTEL_INTERROGATOR_${path.replaceAll('.', '_').toUpperCase()}`
}

/** The flag of a setting, without dashes: `collection.max-age`. */
export function flagOf(path: string): string {
  return path.replaceAll('_', '-')
}
