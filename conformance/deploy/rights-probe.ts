/** A process of another user, whose metrics show which rights an agent has. */
import { chmodSync, copyFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Sample } from '../../test/support/exposition.ts'
import type { Scope } from '../support/children.ts'

export const PROBE = 'rights-probe'
const PROBE_UID = 12_345
const PREFIX = 'namedprocess_namegroup_'
/** A pod that there must be. */
export const NAMED_POD = { name: 'web-1', namespace: 'shop' } as const
export const NAMES = 'names of pods'

/** What the manifest's rights are there for. */
export const BY_RIGHTS: readonly string[] = [
  'read_bytes_total',
  'open_filedesc',
  'memory_bytes proportionalResident',
  NAMES,
  'usage of cgroups',
]

/** Starts the process, outside of all containers. */
export function startProbe(scope: Scope): void {
  const program = join(scope.directory(), PROBE)
  copyFileSync('/bin/sleep', program)
  chmodSync(dirname(program), 0o755)
  scope.spawn(program, ['100000'], { uid: PROBE_UID, cwd: '/' })
}

/** Classic metrics of the probe, and what else there is. */
export function metricsSeen(samples: readonly Sample[]): ReadonlySet<string> {
  const seen = new Set<string>()
  for (const { name, labels } of samples) {
    if (name.startsWith(PREFIX) && labels.groupname === PROBE) {
      const { memtype } = labels
      seen.add(`${name.slice(PREFIX.length)}${memtype === undefined ? '' : ` ${memtype}`}`)
    }
    const { pod_name: pod, namespace } = labels
    if (pod === NAMED_POD.name && namespace === NAMED_POD.namespace) seen.add(NAMES)
    if (name.startsWith('container_memory')) seen.add('usage of cgroups')
    if (name.includes('psi')) seen.add('pressure')
  }
  return seen
}
