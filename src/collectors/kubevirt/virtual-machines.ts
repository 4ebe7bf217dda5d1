/**
 * Finds virtual machines by their processes, and follows those processes.
 *
 * A new process is inspected once: its owner and its command line. It is inspected again while it is young, because it may
 * not have executed its program yet, and from time to time, because PIDs are reused.
 */

import type { Members } from '../../entities/group-members.ts'
import { isGone } from '../../kernel/errors.ts'
import type { Procfs } from '../../kernel/procfs/procfs.ts'
import { emptyStat } from '../../kernel/procfs/stat.ts'
import { spreadAge } from '../../lib/spread-age.ts'
import type { TimeSlice } from '../../telemetry/time-slice.ts'
import type { CgroupOwner } from '../../workloads/cgroup-path.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { identityOf, identityOfProcess, isLauncherPod, merge } from './identity.ts'
import type { ArgvMatcher } from './targets.ts'
import { VirtualMachine } from './virtual-machine.ts'
import { VmProcess } from './vm-process.ts'

/** What `VirtualMachines` reads from. */
export interface VirtualMachinesParts {
  readonly procfs: Procfs
  readonly workloads: Workloads
  readonly members: Members
  readonly slice: TimeSlice
  readonly ticksPerSecond: number
  /** Selects processes of any owner; undefined for all processes of virt-launcher pods. */
  readonly isTarget: ArgvMatcher | undefined
}

interface Seen {
  readonly vm: VirtualMachine | undefined
  /** When it is inspected again, by performance.now(). */
  readonly due: number
  /** The last pass that listed it. */
  pass: number
}

/** Milliseconds after which a process that is not measured is inspected again; for some it is less, down to the half. */
const INSPECT_AGAIN = 60 * 60 * 1000
/** Age in seconds up to which a process is young. */
const YOUNG_SECONDS = 5

/** The virtual machines of the node, found by their processes and followed from one collection to the next. */
export class VirtualMachines {
  /** Processes that could not be read although they exist. */
  errors = 0
  readonly #parts: VirtualMachinesParts
  readonly #stat = emptyStat()
  readonly #seen = new Map<number, Seen>()
  readonly #vms = new Map<string, VirtualMachine>()
  #pass = 0
  /** When the processes were last listed, by performance.now(): a list made later by another collector is reused. */
  #listedAt = Number.POSITIVE_INFINITY
  #pids: readonly number[] = []
  /** When the first of them is inspected again. */
  #nextDue = 0
  #uptime = 0

  constructor(parts: VirtualMachinesParts) {
    this.#parts = parts
  }

  /**
   * Visits every process, unless none has come or gone, none is followed and none is due.
   *
   * @returns the virtual machines that have processes.
   * @throws NodeJS.ErrnoException when procfs can't be listed.
   */
  async collect(): Promise<VirtualMachine[]> {
    const { procfs, slice } = this.#parts
    this.#pass++
    this.#uptime = uptimeOf(procfs)
    slice.begin()
    const launchersBefore = new Set([...this.#vms.values()].filter((one) => one.isLauncher))
    const pids = procfs.pids(this.#listedAt)
    this.#listedAt = performance.now()
    if (!this.#isAsBefore(pids)) {
      this.#pids = pids
      this.#nextDue = Number.POSITIVE_INFINITY
      this.#forgetEnded(pids)
      for (const pid of pids) {
        if (slice.isOver()) await slice.next()
        const pending = this.#visit(pid)
        if (pending !== undefined) await pending
      }
    }
    for (const vm of this.#vms.values()) {
      this.#name(vm)
      const wasLauncher = launchersBefore.has(vm)
      // Its other processes were visited before the one that identifies it, in this collection or an earlier one.
      for (const pid of vm.members) {
        if (!vm.isLauncher || wasLauncher || vm.processes.has(pid)) continue
        await this.#inspect(pid)
      }
      if (vm.members.size === 0) this.#vms.delete(vm.key)
      // All of its series have ended.
      if (vm.processes.size === 0) vm.retired.clear()
    }
    return [...this.#vms.values()].filter(({ processes }) => processes.size > 0)
  }

  /** Whether a visit to each process would find nothing: the same ones are there, none is due, and none is followed. */
  #isAsBefore(pids: readonly number[]): boolean {
    if (this.#nextDue <= this.#listedAt || pids.length !== this.#pids.length) return false
    for (const vm of this.#vms.values()) if (vm.processes.size > 0) return false
    return pids.every((pid, index) => pid === this.#pids[index])
  }

  /** Forgets the processes that are not listed any more. */
  #forgetEnded(pids: readonly number[]): void {
    let known = 0
    for (const pid of pids) {
      const seen = this.#seen.get(pid)
      if (seen === undefined) continue
      seen.pass = this.#pass
      known++
    }
    // Usually none has ended.
    if (known === this.#seen.size) return
    for (const [pid, { pass }] of this.#seen) if (pass !== this.#pass) this.#forget(pid)
  }

  #visit(pid: number): Promise<void> | undefined {
    const seen = this.#seen.get(pid)
    const process = seen?.vm?.processes.get(pid)
    if (seen === undefined && this.#isKnownElsewhere(pid)) return undefined
    if (seen === undefined || (process === undefined && seen.due <= this.#listedAt)) {
      return this.#inspect(pid)
    }
    this.#nextDue = Math.min(this.#nextDue, seen.due)
    return process && this.#follow(seen.vm as VirtualMachine, process)
  }

  /** Whether the collector of process groups has just found that a new process belongs to none; then nothing is read again. */
  #isKnownElsewhere(pid: number): boolean {
    const read = this.#parts.members.process(pid)
    if (read === undefined || this.#isAsked(read.owner)) return false
    this.#see(pid, { vm: undefined, due: this.#due(pid, read.start), pass: this.#pass })
    return true
  }

  /** Whether the command line of a process decides. */
  #isAsked(owner: CgroupOwner): boolean {
    return owner.scope !== 'host' || this.#parts.isTarget !== undefined
  }

  /** When a process is inspected again: at once while it is young. Spread, so that not all old ones are in the same pass. */
  #due(pid: number, start: number): number {
    const isYoung = this.#uptime - start / this.#parts.ticksPerSecond < YOUNG_SECONDS
    return isYoung ? 0 : this.#listedAt + spreadAge(INSPECT_AGAIN, pid)
  }

  #see(pid: number, seen: Seen): void {
    this.#seen.set(pid, seen)
    this.#nextDue = Math.min(this.#nextDue, seen.due)
  }

  /** Inspects a process; one that could not be read is inspected again in the next pass. */
  async #inspect(pid: number): Promise<void> {
    if (await this.#attempt(() => this.#inspectNew(pid))) return
    this.#forget(pid)
    this.#nextDue = 0
  }

  /** Finds the owner of a process, and whether it belongs to a virtual machine. */
  async #inspectNew(pid: number): Promise<void> {
    const { procfs, workloads, isTarget } = this.#parts
    this.#forget(pid)
    const directory = procfs.directory(pid)
    if (procfs.isExecuting(directory)) await procfs.whenExecuted(directory)
    procfs.stat(directory, this.#stat)
    const comm = procfs.comm()
    const due = this.#due(pid, this.#stat.starttime)
    const owner = workloads.ownerOfProcess(procfs.cgroups(directory))
    const argv = this.#isAsked(owner) ? await procfs.cmdline(directory) : []
    const isWanted = isTarget === undefined ? owner.scope !== 'host' : isTarget(argv)
    const vm = isWanted ? this.#vm(pid, owner) : undefined
    this.#see(pid, { vm, due, pass: this.#pass })
    if (vm === undefined) return
    vm.members.add(pid)
    const said = identityOfProcess(argv)
    if (said !== undefined) {
      // The command line of a launcher has more than that of an emulator.
      const isLauncher = said.uid !== undefined
      vm.said = isLauncher ? merge(said, vm.said) : merge(vm.said, said)
    }
    vm.isLauncher ||= isTarget !== undefined || said !== undefined
    if (!vm.isLauncher) return
    const process = new VmProcess(pid, directory, this.#stat, argv, comm)
    process.update(procfs, this.#stat)
    vm.processes.set(pid, process)
  }

  /** A promise only where its command line is read. */
  #follow(vm: VirtualMachine, process: VmProcess): Promise<void> | undefined {
    const { procfs } = this.#parts
    try {
      if (procfs.isExecuting(process.directory)) return this.#inspect(process.pid)
      procfs.stat(process.directory, this.#stat)
      if (this.#stat.starttime !== process.start) return this.#inspect(process.pid)
      const comm = procfs.commOr(process.comm)
      if (process.isAnother(this.#stat, comm)) return this.#followProgram(vm, process, comm)
      process.update(procfs, this.#stat)
    } catch (error) {
      this.#countError(error)
    }
    return undefined
  }

  /** Follows a process that has executed another program. */
  async #followProgram(vm: VirtualMachine, process: VmProcess, comm: string): Promise<void> {
    const { procfs } = this.#parts
    await this.#attempt(async () => {
      const argv = await procfs.cmdline(process.directory)
      const { name, used } = process
      const before = { ...used }
      if (process.become(this.#stat, comm, argv)) vm.retire(name, before)
      process.update(procfs, this.#stat)
    })
  }

  #vm(pid: number, owner: CgroupOwner): VirtualMachine {
    const key = owner.podUid ?? owner.containerId ?? `process ${pid}`
    const known = this.#vms.get(key)
    if (known !== undefined) return known
    const vm = new VirtualMachine(key, owner)
    this.#vms.set(key, vm)
    return vm
  }

  #name(vm: VirtualMachine): void {
    const { pod } = this.#parts.workloads.name(vm.owner)
    vm.isLauncher ||= isLauncherPod(pod)
    vm.identity = identityOf(pod, vm.said)
    vm.pod = pod?.name
  }

  #forget(pid: number): void {
    const vm = this.#seen.get(pid)?.vm
    this.#seen.delete(pid)
    const process = vm?.processes.get(pid)
    vm?.members.delete(pid)
    vm?.processes.delete(pid)
    if (process !== undefined) vm?.retire(process.name, process.used)
  }

  /** Whether it succeeded. A process that has exited meanwhile is not an error. */
  async #attempt(read: () => Promise<void>): Promise<boolean> {
    try {
      await read()
      return true
    } catch (error) {
      this.#countError(error)
      return false
    }
  }

  #countError(error: unknown): void {
    if (!isGone(error)) this.errors++
  }
}

/** Seconds since boot; Infinity where it can't be read, so that no process is young. */
function uptimeOf(procfs: Procfs): number {
  try {
    return procfs.uptime()
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
