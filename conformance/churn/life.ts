/** Cgroups that are created, used and removed: of containers, and of services that are created again under the same path. */
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CGROUP2 } from '../support/cgroups.ts'
import type { Scope } from '../support/children.ts'
import type { Dice } from '../support/random.ts'
import type { Counter } from './oracle.ts'
import type { NamedContainer } from './runtime.ts'

/** Microseconds of CPU time, as the kernel has counted them when no process used any more. */
export interface Total {
  readonly user: number
  readonly system: number
}

export interface ChurnOptions {
  readonly scope: Scope
  readonly dice: Dice
  /** Below the mount of cgroup v2. */
  readonly root: string
  /** What the container runtime knows; containers come in late. */
  readonly known: Map<string, NamedContainer>
  /** Resolves when both receivers have what the counter has counted until now: a push may have several requests. */
  readonly received: (counter: Counter) => Promise<void>
}

/** What the kernel has counted for those that came to rest before they were removed, and for those that did not. */
export class Churn {
  /** By container id. */
  readonly containers = new Map<string, Total>()
  /** By path: of all lives together. */
  readonly services = new Map<string, Total>()
  readonly hasty = new Map<string, { total: Total; lives: number }>()
  lives = 0
  readonly #options: ChurnOptions

  constructor(options: ChurnOptions) {
    this.#options = options
  }

  /** Containers, one after the other. */
  async runContainers(signal: AbortSignal): Promise<void> {
    const { root, known, dice, received } = this.#options
    while (!signal.aborted) {
      const podUid = randomUUID()
      const pod = `${root}/pod${podUid}`
      mkdirSync(join(CGROUP2, pod))
      for (let count = dice.integer(1, 3); count > 0 && !signal.aborted; count--) {
        const id = randomBytes(32).toString('hex')
        const path = `${pod}/${id}`
        mkdirSync(join(CGROUP2, path))
        const named = delay(dice.integer(0, 3000)).then(() =>
          known.set(id, { id, name: `c-${count}`, podUid, podName: `pod-${podUid.slice(0, 5)}` }),
        )
        await this.#use(path)
        await named
        await this.#use(path)
        await received(cpuTimeOf('container', 'container.id', id))
        this.containers.set(id, this.#remove(path))
        known.delete(id)
      }
      rmdirSync(join(CGROUP2, pod))
    }
  }

  /** A service that starts again and again. */
  async runService(name: string, signal: AbortSignal): Promise<void> {
    const path = `${this.#options.root}/services/${name}`
    while (!signal.aborted) {
      mkdirSync(join(CGROUP2, path))
      for (let uses = this.#options.dice.integer(1, 3); uses > 0; uses--) await this.#use(path)
      await this.#options.received(cpuTimeOf('cgroup', 'cgroup.path', `/${path}`))
      this.services.set(`/${path}`, sum(this.services.get(`/${path}`), this.#remove(path)))
      await delay(this.#options.dice.integer(0, 500))
    }
  }

  /** One that is removed as soon as its processes have ended, and made anew at once. */
  async runHastyService(name: string, signal: AbortSignal): Promise<void> {
    const path = `${this.#options.root}/services/${name}`
    while (!signal.aborted) {
      mkdirSync(join(CGROUP2, path))
      await this.#use(path)
      const known = this.hasty.get(`/${path}`)
      const total = sum(known?.total, this.#remove(path))
      this.hasty.set(`/${path}`, { total, lives: (known?.lives ?? 0) + 1 })
      await delay(this.#options.dice.integer(0, 300))
    }
  }

  /** Lets a process in the cgroup use some CPU time, and waits for its end. */
  async #use(path: string): Promise<void> {
    const { scope, dice } = this.#options
    const steps = dice.integer(2_000, 120_000)
    const script = `read go; i=0; while [ $i -lt ${steps} ]; do i=$((i+1)); done`
    const child = scope.spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'] })
    const ended = once(child, 'exit')
    writeFileSync(join(CGROUP2, path, 'cgroup.procs'), String(child.pid))
    child.stdin?.end('go\n')
    await ended
    while (readFileSync(join(CGROUP2, path, 'cgroup.events'), 'utf8').includes('populated 1')) {
      await delay(5)
    }
  }

  #remove(path: string): Total {
    const directory = join(CGROUP2, path)
    const total = totalOf(directory)
    rmdirSync(directory)
    this.lives++
    return total
  }
}

function cpuTimeOf(level: string, key: string, value: string): Counter {
  return { metric: `${level}.cpu.time`, attributes: { [key]: value, 'cpu.mode': 'user' } }
}

/** Ends and removes what a churn that was broken off has left below its root. */
export async function clear(root: string): Promise<void> {
  const directory = join(CGROUP2, root)
  if (!existsSync(directory)) return
  writeFileSync(join(directory, 'cgroup.kill'), '1')
  while (readFileSync(join(directory, 'cgroup.events'), 'utf8').includes('populated 1')) {
    await delay(10)
  }
  const below = globSync('**/*/', { cwd: directory }).sort().reverse()
  for (const each of below)
    if (each.replace(/\/$/, '') !== 'services') rmdirSync(join(directory, each))
}

function totalOf(directory: string): Total {
  const text = readFileSync(join(directory, 'cpu.stat'), 'utf8')
  const field = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
  return { user: field('user_usec'), system: field('system_usec') }
}

function sum(one: Total | undefined, other: Total): Total {
  return { user: (one?.user ?? 0) + other.user, system: (one?.system ?? 0) + other.system }
}
