/** Profiles: defaults for users of another program. */
import { basename } from 'node:path'

/**
 * The values of each profile, by setting. They take the place of defaults: what a file, a variable or a flag gives counts
 * more.
 */
export const PROFILES = {
  none: {},
  'process-exporter': {
    exporters: ['prometheus'],
    'prometheus.host': '',
    'prometheus.port': 9256,
    'prometheus.target_info': false,
    'process_groups.by_workload': false,
    'process_groups.builtin_rules': false,
    'process_groups.zero_rows': false,
    'workloads.sources': ['none'],
    'cgroups.enabled': false,
    'kubevirt.enabled': false,
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The name of a profile. */
export type Profile = keyof typeof PROFILES

/** The names of all profiles. */
export const PROFILE_NAMES = Object.keys(PROFILES) as Profile[]

/** The profile that a program of this name has by default: Debian has process-exporter under a name of its own. */
export function profileOfProgram(path = ''): Profile {
  const name = basename(path).replace(/\.js$/, '')
  return name === 'process-exporter' || name === 'prometheus-process-exporter'
    ? 'process-exporter'
    : 'none'
}
