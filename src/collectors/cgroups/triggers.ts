/** Counts stalls of selected containers that are too short to show in a scrape. */
import { closeSync } from 'node:fs'
import type { BatchObservableResult, HrTime, Meter } from '@opentelemetry/api'
import type { KnownCgroup } from '../../entities/known-cgroup.ts'
import { containerName } from '../../entities/workload-attributes.ts'
import { loadPoll, type PollForPriority } from '../../kernel/poll.ts'
import { armTrigger, type Threshold } from '../../kernel/psi-trigger.ts'
import { compilePathGlob } from '../../lib/globs/path-glob.ts'
import type { WholeMatch } from '../../lib/re2.ts'
import type { Entity } from '../../telemetry/entity.ts'
import { createInstruments } from '../../telemetry/instruments.ts'
import type { Workloads } from '../../workloads/workloads.ts'
import { EVENT_METRICS } from './definitions.ts'
import type { FileHealth } from './file-health.ts'

/** A pressure trigger: its threshold, and the containers that it is armed for. */
export interface TriggerOptions extends Threshold {
  readonly resource: 'cpu' | 'memory' | 'io'
  /** Patterns of names; undefined for every container. */
  readonly namespace?: string
  readonly pod?: string
  readonly container?: string
}

interface Armed {
  readonly descriptor: number
  readonly entity: Entity
  count: number
}

/** What `Triggers` needs. */
export interface TriggerParts {
  /** The mount of cgroup v2. */
  readonly root: string
  readonly workloads: Workloads
  readonly health: FileHealth
  readonly notify: (message: string) => void
}

/** How often the triggers are polled in a window: the kernel gives at most one event per window. */
const POLLS_PER_WINDOW = 4

/** Pressure triggers of containers: armed while a container exists, their events counted. */
export class Triggers {
  readonly #options: readonly TriggerOptions[]
  readonly #parts: TriggerParts
  /** By cgroup and number of the trigger; undefined where it can't be armed. */
  readonly #armed = new Map<KnownCgroup, (Armed | undefined)[]>()
  readonly #created: HrTime
  readonly #patterns = new Map<string, WholeMatch>()
  #poll: PollForPriority | undefined
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #hasNotified = false

  /** @param created since when events are counted. */
  constructor(options: readonly TriggerOptions[], parts: TriggerParts, created: HrTime) {
    this.#options = options
    this.#parts = parts
    this.#created = created
    if (options.length === 0) return
    loadPoll().then(
      (poll) => this.#start(poll),
      (error: Error) => this.#notify(`pressure.triggers need koffi: ${error.message}`),
    )
  }

  /** Arms the triggers of new containers, and closes those of removed containers. */
  sync(present: readonly KnownCgroup[]): void {
    if (this.#poll === undefined) return
    const containers = new Set(present.filter(({ selected }) => selected.level === 'container'))
    for (const [cgroup, armed] of this.#armed) {
      if (containers.has(cgroup)) continue
      for (const one of armed) if (one !== undefined) closeSync(one.descriptor)
      this.#armed.delete(cgroup)
    }
    for (const cgroup of containers) {
      const armed = this.#armed.get(cgroup) ?? []
      for (const [index, options] of this.#options.entries()) {
        if (!(index in armed) && this.#isWanted(cgroup, options))
          armed[index] = this.#arm(cgroup, options)
      }
      this.#armed.set(cgroup, armed)
    }
  }

  /** Disarms every trigger. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.sync([])
    this.#poll = undefined
  }

  /** Creates the instruments; returns what observes them. */
  register(meter: Meter) {
    const { measurements: m, observables } = createInstruments(meter, EVENT_METRICS)
    const observe = (result: BatchObservableResult) => {
      for (const armed of this.#armed.values()) {
        for (const one of armed)
          if (one !== undefined) m.events.observe(result, one.entity, one.count)
      }
    }
    return { observe, observables }
  }

  #start(poll: PollForPriority): void {
    if (this.#isClosed) return
    this.#poll = poll
    const shortest = Math.min(...this.#options.map(({ window }) => window))
    this.#timer = setInterval(() => this.#count(poll), shortest / POLLS_PER_WINDOW)
    this.#timer.unref()
  }

  #count(poll: PollForPriority): void {
    const armed = [...this.#armed.values()].flat().filter((one) => one !== undefined)
    const fired = poll(armed.map(({ descriptor }) => descriptor))
    for (const [index, one] of armed.entries()) if (fired[index]) one.count++
  }

  #isWanted({ selected }: KnownCgroup, { namespace, pod, container }: TriggerOptions): boolean {
    const workload = this.#parts.workloads.name(selected.owner)
    const isNamed = (name: string | undefined, pattern: string | undefined) =>
      pattern === undefined || (name !== undefined && this.#pattern(pattern).test(name))
    return (
      isNamed(workload.pod?.namespace, namespace) &&
      isNamed(workload.pod?.name, pod) &&
      isNamed(containerName(workload.container), container)
    )
  }

  #pattern(pattern: string): WholeMatch {
    const compiled = this.#patterns.get(pattern) ?? compilePathGlob(pattern)
    this.#patterns.set(pattern, compiled)
    return compiled
  }

  #arm(cgroup: KnownCgroup, options: TriggerOptions): Armed | undefined {
    const file = `${options.resource}.pressure`
    try {
      const descriptor = armTrigger(`${this.#parts.root}${cgroup.path}/${file}`, options)
      return { descriptor, entity: this.#entity(cgroup, options), count: 0 }
    } catch (error) {
      this.#parts.health.add(`${file} trigger`, error)
      this.#notify(
        `a pressure trigger can't be armed: ${(error as Error).message}; a window that is no multiple of 2s ` +
          'needs CAP_SYS_RESOURCE, and the cgroup tree must be writable',
      )
      return undefined
    }
  }

  #entity({ entity }: KnownCgroup, { resource, type, stall, window }: TriggerOptions): Entity {
    const attributes = {
      'psi.resource': resource,
      'psi.type': type,
      'psi.stall': `${stall}ms`,
      'psi.window': `${window}ms`,
    }
    return entity.part(attributes, this.#created)
  }

  #notify(message: string): void {
    if (this.#hasNotified) return
    this.#hasNotified = true
    this.#parts.notify(message)
  }
}
