/** The owner of each process (container, pod or host), and the division of groups by owner. */
import type { Attributes } from '@opentelemetry/api'
import { workloadAttributes } from '../../../entities/workload-attributes.ts'
import type { Procfs } from '../../../kernel/procfs/procfs.ts'
import { now } from '../../../telemetry/clock.ts'
import { type CgroupOwner, ownerKey } from '../../../workloads/cgroup-path.ts'
import type { Workload, Workloads } from '../../../workloads/workloads.ts'
import { type Assignment, ofOwner } from '../classify/assignment.ts'
import type { ReadErrors } from '../track/read-errors.ts'
import type { Group } from './group.ts'
import { WorkloadCounter, type WorkloadCounts } from './workload-counts.ts'

/** Finds the owner of each process, and divides groups by owner where that is wanted. */
export class WorkloadOwnership {
  readonly counter: WorkloadCounter
  readonly #procfs: Procfs
  readonly #workloads: Workloads
  readonly #errors: ReadErrors
  readonly #isDivided: boolean
  /** Version of the names that groups and counts have now. */
  #version = 0

  /** @param isDivided whether a group is divided among the containers and pods of its processes. */
  constructor(procfs: Procfs, workloads: Workloads, errors: ReadErrors, isDivided: boolean) {
    this.#procfs = procfs
    this.#workloads = workloads
    this.#errors = errors
    this.#isDivided = isDivided
    this.counter = new WorkloadCounter((owner) => this.#ownerAttributes(owner), now())
  }

  /** Increases whenever names change. */
  get version(): number {
    return this.#workloads.version
  }

  /** The counts of a process's owner; undefined when its cgroup can't be read. */
  countsOf(directory: string): WorkloadCounts | undefined {
    try {
      return this.counter.of(this.#workloads.ownerOfProcess(this.#procfs.cgroups(directory)))
    } catch (error) {
      this.#errors.count('cgroup', error)
      return undefined
    }
  }

  name(owner: CgroupOwner): Workload {
    return this.#workloads.name(owner)
  }

  /** The part of a group that belongs to the owner, where groups are divided by workload. */
  assignmentOf(assignment: Assignment, workloadCounts: WorkloadCounts | undefined): Assignment {
    if (!this.#isDivided || workloadCounts === undefined) return assignment.base ?? assignment
    return ofOwner(assignment, workloadCounts.owner)
  }

  attributes({ owner }: Assignment): Attributes | undefined {
    return owner === undefined ? undefined : this.#ownerAttributes(owner)
  }

  /** Requests the names of owners, and waits for those of new ones, for a short time. */
  async requestNames(): Promise<void> {
    // Names that are missing are requested again; the workloads limit how often.
    for (const { owner } of this.counter.values()) this.#workloads.name(owner)
    await this.#workloads.settle()
  }

  /** Removes groups whose owners have no processes, and updates the names of the others. */
  endPass(groups: Map<string, Group>): void {
    this.counter.endPass()
    for (const [key, { assignment }] of groups) {
      const { owner } = assignment
      if (owner !== undefined && !this.counter.has(ownerKey(owner))) groups.delete(key)
    }
    if (this.#version === this.#workloads.version) return
    this.#version = this.#workloads.version
    this.counter.rename()
    for (const group of groups.values()) {
      if (group.assignment.owner !== undefined) group.rename(this.attributes(group.assignment))
    }
  }

  #ownerAttributes(owner: CgroupOwner): Attributes {
    return workloadAttributes(this.#workloads.name(owner))
  }
}
