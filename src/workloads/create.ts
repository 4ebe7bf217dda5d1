/** Sources, resolver and workloads together, as the settings ask for them. */
import type { Procfs } from '../kernel/procfs/procfs.ts'
import { NameResolver, type NameResolverOptions } from './name-resolver.ts'
import { findOwnCgroup } from './own-cgroup.ts'
import { processCgroup } from './process-cgroup.ts'
import { createSources, type SourceContext, type SourceSettings } from './sources/sources.ts'
import { Workloads } from './workloads.ts'

/** What the sources of names and the search for the agent's own cgroup read. */
export interface WorkloadContext extends SourceContext {
  readonly procfs: Procfs
  /** A mount of the host's cgroup tree. */
  readonly cgroupRoot: string
  readonly onChange: NonNullable<NameResolverOptions['onChange']>
}

/**
 * Creates the sources of names, their resolver and the look-up of workloads.
 *
 * @throws SourceError
 */
export function createWorkloads(
  settings: SourceSettings,
  context: WorkloadContext,
): { resolver: NameResolver; workloads: Workloads } {
  const { procfs, cgroupRoot, onChange } = context
  const resolver = new NameResolver({ sources: createSources(settings, context), onChange })
  const ownPath = isNamespaced(procfs) ? findOwnCgroup(cgroupRoot) : undefined
  return { resolver, workloads: new Workloads(resolver, ownPath) }
}

/** Whether paths are relative to the agent's own cgroup: PID 1 of the host is above it then. */
function isNamespaced(procfs: Procfs): boolean {
  try {
    return processCgroup(procfs.cgroups(procfs.directory(1)))?.startsWith('/..') ?? false
  } catch {
    return false
  }
}
