/** Process groups and their processes, as collectors other than that of process groups see them. */
import type { AttributeDefinition } from '../telemetry/definitions.ts'
import type { Entity } from '../telemetry/entity.ts'
import type { CgroupOwner } from '../workloads/cgroup-path.ts'
import { WORKLOAD_KEYS } from './workload-attributes.ts'

/** Attribute keys of every metric of a process group, with their classic labels. */
export const GROUP_KEYS = {
  ...WORKLOAD_KEYS,
  'procgroup.name': { description: 'Name of the process group', classic: 'groupname' },
} as const satisfies Record<string, AttributeDefinition>

/** A process group: its name, and the entity that its series belong to. */
export interface ProcessGroup {
  readonly name: string
  readonly entity: Entity
}

/** A process that belongs to a group. */
export interface Member {
  readonly pid: number
  /** PID of the parent that the process had when it was first read. */
  readonly ppid: number
  /** Start of the process in clock ticks after boot. */
  readonly start: number
  /** Directory of the process in procfs. */
  readonly directory: string
  readonly group: ProcessGroup
}

/** What was read of a process, whether it belongs to a group or not. */
export interface OwnedProcess {
  /** Start of the process in clock ticks after boot. */
  readonly start: number
  /** The container, pod or host that it belonged to when it was classified. */
  readonly owner: CgroupOwner
}

/** Where the members come from. */
export interface MemberSource {
  /** The processes that belong to groups. */
  members(): Iterable<Member>
  /** A process that the last collection has read; undefined for any other, and where its owner could not be read. */
  process(pid: number): OwnedProcess | undefined
}

/** The members that the last collection found. Empty before the first collection, and in strict mode. */
export class Members {
  #source: MemberSource = { members: () => [], process: () => undefined }

  /** Sets where the members come from; called once by the collector of process groups. */
  offer(source: MemberSource): void {
    this.#source = source
  }

  list(): Iterable<Member> {
    return this.#source.members()
  }

  /** What the last collection has read of a process, so that it need not be read again. */
  process(pid: number): OwnedProcess | undefined {
    return this.#source.process(pid)
  }
}
