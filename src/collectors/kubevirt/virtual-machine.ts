/** A virtual machine, known by its processes. */
import type { CgroupOwner } from '../../workloads/cgroup-path.ts'
import { NOBODY, type VmIdentity } from './identity.ts'
import type { Ticks, VmProcess } from './vm-process.ts'

/** A pod, or another owner of processes, that may run a virtual machine. */
export class VirtualMachine {
  readonly key: string
  readonly owner: CgroupOwner
  /** As far as it is known now. */
  identity = NOBODY
  /** The pod's name, once it is known. */
  pod: string | undefined
  /** Its identity in the command lines of its processes. */
  said: VmIdentity | undefined
  /** Whether it runs a virtual machine, so that its processes are measured. */
  isLauncher = false
  /** All its processes. */
  readonly members = new Set<number>()
  /** Those that are measured. */
  readonly processes = new Map<number, VmProcess>()
  /** CPU time of processes that have exited or have another name now, by process name. */
  readonly retired = new Map<string, Ticks>()

  constructor(key: string, owner: CgroupOwner) {
    this.key = key
    this.owner = owner
  }

  retire(name: string, { user, system }: Ticks): void {
    const retired = this.retired.get(name) ?? { user: 0, system: 0 }
    retired.user += user
    retired.system += system
    this.retired.set(name, retired)
  }
}
