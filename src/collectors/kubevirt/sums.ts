/** Sums over the processes of one name of a virtual machine. */
import type { Attributes, HrTime } from '@opentelemetry/api'
import { emptyStatm, type Statm } from '../../kernel/procfs/statm.ts'
import { Entity } from '../../telemetry/entity.ts'
import type { VirtualMachine } from './virtual-machine.ts'
import type { Ticks, VmProcess } from './vm-process.ts'

/** What all processes of one name use, for one virtual machine. CPU time is in clock ticks, memory in pages. */
export interface Sum {
  readonly entity: Entity
  readonly used: Ticks
  readonly memory: Statm
  processes: number
  pass: number
}

/** Sums of the processes of virtual machines, by machine and process name. */
export class Sums {
  readonly #strict: boolean
  readonly #startOf: (ticks: number) => HrTime
  readonly #sums = new Map<string, Sum>()
  #pass = 0

  /**
   * @param strict whether machines of the same name are added up, as in kubevirt-metrics-collector.
   * @param startOf the time of so many clock ticks after boot.
   */
  constructor(strict: boolean, startOf: (ticks: number) => HrTime) {
    this.#strict = strict
    this.#startOf = startOf
  }

  /** Adds up the machines; sums of other machines are removed. */
  add(vms: readonly VirtualMachine[]): void {
    this.#pass++
    for (const vm of vms) {
      for (const process of vm.processes.values()) {
        const sum = this.#sum(vm, process)
        sum.processes++
        addTicks(sum.used, process.used)
        sum.memory.size += process.memory.size
        sum.memory.resident += process.memory.resident
        sum.memory.shared += process.memory.shared
        sum.memory.data += process.memory.data
      }
    }
    for (const vm of vms) {
      for (const [name, used] of vm.retired) {
        const sum = this.#sums.get(this.#key(vm, name))
        if (sum?.pass === this.#pass) addTicks(sum.used, used)
        // Where no such process is left, the series has ended; a later one of that name starts again.
        else vm.retired.delete(name)
      }
    }
    for (const [key, sum] of this.#sums) if (sum.pass !== this.#pass) this.#sums.delete(key)
  }

  values(): Iterable<Sum> {
    return this.#sums.values()
  }

  #sum(vm: VirtualMachine, process: VmProcess): Sum {
    const { name = String(process.pid) } = vm.identity
    const key =
      vm.identity.name === undefined ? `${name} ${process.name}` : this.#key(vm, process.name)
    let sum = this.#sums.get(key)
    if (sum === undefined) {
      const start = this.#startOf(process.start)
      sum = {
        entity: new Entity(this.#attributes(vm, name, process.name), start, this.#workload(vm)),
        used: { user: 0, system: 0 },
        memory: emptyStatm(),
        processes: 0,
        pass: 0,
      }
      this.#sums.set(key, sum)
    }
    if (sum.pass === this.#pass) return sum
    clear(sum, this.#pass)
    // Names may have become known.
    sum.entity.rename(this.#attributes(vm, name, process.name), this.#workload(vm))
    return sum
  }

  #key({ key, identity }: VirtualMachine, process: string): string {
    return JSON.stringify(this.#strict ? [identity.name, process] : [key, process])
  }

  #attributes({ identity }: VirtualMachine, name: string, process: string): Attributes {
    const attributes = { 'vm.name': name, 'process.executable.name': process }
    return this.#strict || identity.uid === undefined
      ? attributes
      : { ...attributes, 'vm.uid': identity.uid }
  }

  /** What identifies the pod of the machine, as far as it is known; nothing in strict mode. */
  #workload({ owner, identity, pod }: VirtualMachine): Attributes | undefined {
    if (this.#strict) return undefined
    return {
      ...(identity.namespace !== undefined && { 'k8s.namespace.name': identity.namespace }),
      ...(pod !== undefined && { 'k8s.pod.name': pod }),
      ...(owner.podUid !== undefined && { 'k8s.pod.uid': owner.podUid }),
    }
  }
}

function addTicks(sum: Ticks, { user, system }: Ticks): void {
  sum.user += user
  sum.system += system
}

function clear(sum: Sum, pass: number): void {
  sum.pass = pass
  sum.processes = 0
  addTicks(sum.used, { user: -sum.used.user, system: -sum.used.system })
  Object.assign(sum.memory, emptyStatm())
}
