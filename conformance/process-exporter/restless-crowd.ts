/** Five hundred real processes that work, wait, read, write, start and end at random, and what the kernel says of them. */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { run, type Scope } from '../support/children.ts'
import { residentMemory } from '../support/memory.ts'
import { generator } from '../support/random.ts'
import { Bounds, type Range } from './bounds.ts'
import { isStopped, KERNEL_VALUES, readKernelValues, withItsEnd } from './kernel-values.ts'

const COUNTS = { idle: 440, busy: 32, write: 16, read: 8, threads: 4, brief: 0 }
export type Kind = keyof typeof COUNTS
export const KINDS = Object.keys(COUNTS) as Kind[]

/** How long until the next one is replaced, and how long a brief one lives: at most, in ms. */
const PACE = 400
const BRIEF_LIFE = 3000
const FILES = 8
const FILE_SIZE = 256 * 1024

/** bash waits without a child by reading from a pipe without a writer. */
const WAIT = 'read -r -u "$pipe"'
const PAUSE = 'read -rt 0.$((RANDOM % 9 + 1)) -u "$pipe"'
const BURN = 'for ((i = 0; i < 4000; i++)); do :; done'
const STEPS: Readonly<Record<Exclude<Kind, 'idle' | 'threads'>, string>> = {
  busy: BURN,
  brief: BURN,
  write: `printf '%8192s' x > "$0/written.$$"`,
  read: `mapfile lines < "$0/data.$((RANDOM % ${FILES}))"`,
}
const THREADS = `const { Worker } = require('node:worker_threads')
for (let i = 0; i < 3; i++)
  new Worker('setInterval(() => { for (let i = 0; i < 1e6; i++); }, 200)', { eval: true })`

interface Member {
  readonly kind: Kind
  readonly child: ChildProcess
  readonly pid: number
  readonly bounds: Bounds
  /** What it had when it was stopped for its end; who has it may be gone already, or not yet. */
  last?: readonly number[]
  hasEnded: boolean
}

export class RestlessCrowd {
  starts = 0
  ends = 0
  /** How many have started and ended between two scrapes. */
  unseen = 0
  /** Matches the command line of this crowd's processes and of no other's, which may be about: `kind` is theirs. */
  readonly pattern: string
  readonly #scope: Scope
  readonly #random: () => number
  readonly #directory: string
  /** Members that are not chosen to exit yet. */
  readonly #members: Member[] = []
  /** Those that a program may see. */
  readonly #visible = new Set<Member>()
  /** What those that have gone leave to their groups. */
  readonly #left = new Map(KINDS.map((kind) => [kind, noRanges()]))

  constructor(scope: Scope, seed: number) {
    this.#scope = scope
    this.#random = generator(seed)
    this.#directory = scope.directory()
    this.pattern = `${this.#directory}/(?P<kind>\\w+)$`
  }

  async start(): Promise<void> {
    writeFileSync(join(this.#directory, 'threads.cjs'), THREADS)
    for (let file = 0; file < FILES; file++)
      writeFileSync(this.#data(file), 'x'.repeat(FILE_SIZE), { flush: true })
    await run('mkfifo', [join(this.#directory, 'pipe')])
    for (const kind of KINDS) {
      for (let count = 0; count < COUNTS[kind]; count++) this.#members.push(this.#startOne(kind))
    }
  }

  /** Processes start and end, whatever else goes on, until the signal says to stop. */
  async churn(signal: AbortSignal): Promise<void> {
    const briefs: Promise<void>[] = []
    while (!signal.aborted) {
      await delay(PACE * this.#random())
      // Without this the page cache would serve all readers from memory.
      await run('dd', [`if=${this.#data(this.#below(FILES))}`, 'iflag=nocache', 'count=0'])
      if (this.#random() < 0.3) {
        const brief = this.#liveBriefly(BRIEF_LIFE * this.#random())
        // Its failure is told in the end, when all are waited for.
        brief.catch(() => {})
        briefs.push(brief)
      } else await this.#replaceOne()
    }
    await Promise.all(briefs)
  }

  /** Stops everybody, so that what two programs read can't differ by the moment. */
  async freeze(): Promise<void> {
    // A stopped process would not obey SIGTERM.
    this.#scope.onEnd(() => this.#signalAll('SIGCONT'))
    this.#signalAll('SIGSTOP')
    for (const { pid } of this.#members) await stopped(pid)
  }

  beginScrape(): void {
    for (const member of this.#visible) {
      if (member.hasEnded) this.#forget(member)
      else member.bounds.beginScrape(member.last ? undefined : valuesOf(member))
    }
  }

  endScrape(): void {
    for (const member of this.#visible) {
      const { last, bounds } = member
      if (last === undefined) bounds.endScrape(valuesOf(member), true)
      else bounds.endScrape(withItsEnd(last), false)
    }
  }

  /** Resident memory of its processes, in bytes, as the kernel has it to the page: `stat` is behind by what CPUs have not added yet. */
  resident(kind: Kind): number {
    return this.#members
      .filter((member) => member.kind === kind)
      .reduce((sum, { pid }) => sum + residentMemory(pid).now * 1024, 0)
  }

  /** The bounds of the sums over the group in the last scrape, in the order of `KERNEL_VALUES`. */
  bounds(kind: Kind): Range[] {
    const sums = this.#rangesLeft(kind).map((range) => ({ ...range }))
    for (const member of this.#visible) if (member.kind === kind) member.bounds.addTo(sums)
    return sums
  }

  /** One ends, and another one of its kind starts. */
  async #replaceOne(): Promise<void> {
    const [member] = this.#members.splice(this.#below(this.#members.length), 1)
    await this.#end(member)
    this.#members.push(this.#startOne(member.kind))
  }

  async #liveBriefly(life: number): Promise<void> {
    const member = this.#startOne('brief')
    await delay(life)
    await this.#end(member)
  }

  #startOne(kind: Kind): Member {
    const [command, ...args] = this.#command(kind)
    const child = this.#scope.spawn(command, args)
    const bounds = new Bounds()
    const member = { kind, child, pid: child.pid as number, bounds, hasEnded: false }
    child.once('exit', () => {
      member.hasEnded = true
    })
    this.#visible.add(member)
    this.starts++
    return member
  }

  /** Ends a process so that it is known what it had in the end. */
  async #end(member: Member): Promise<void> {
    member.child.kill('SIGSTOP')
    await stopped(member.pid)
    member.last = valuesOf(member)
    const exit = once(member.child, 'exit')
    member.child.kill('SIGKILL')
    await exit
    this.ends++
  }

  #forget(member: Member): void {
    member.bounds.endScrape(undefined, false)
    if (member.bounds.isUnseen) this.unseen++
    member.bounds.addTo(this.#rangesLeft(member.kind))
    this.#visible.delete(member)
  }

  #rangesLeft(kind: Kind): Range[] {
    return this.#left.get(kind) as Range[]
  }

  #command(kind: Kind): [string, ...string[]] {
    const mark = join(this.#directory, kind)
    if (kind === 'threads') return [process.execPath, join(this.#directory, 'threads.cjs'), mark]
    const work = kind === 'idle' ? WAIT : `while :; do ${STEPS[kind]}; ${PAUSE}; done`
    const script = `RANDOM=${this.#below(32768)}; exec {pipe}<> "$0/pipe"; ${work}`
    return ['bash', '-c', script, this.#directory, mark]
  }

  #data(file: number): string {
    return join(this.#directory, `data.${file}`)
  }

  #below(limit: number): number {
    return Math.floor(limit * this.#random())
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const { child } of this.#members) child.kill(signal)
  }
}

function valuesOf({ pid, kind }: Member): number[] {
  const values = readKernelValues(pid)
  if (values === undefined) throw new Error(`a process of the crowd (${kind}) ended by itself`)
  return values
}

async function stopped(pid: number): Promise<void> {
  while (!isStopped(pid)) await delay(1)
}

function noRanges(): Range[] {
  return KERNEL_VALUES.map(() => ({ least: 0, most: 0 }))
}
