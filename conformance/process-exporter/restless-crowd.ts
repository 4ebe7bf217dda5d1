/** Five hundred real processes that work, wait, write, start and end at random. */

import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endChild, type Scope } from '../support/children.ts'

export const KINDS = ['idle', 'busy', 'write', 'threads'] as const
type Kind = (typeof KINDS)[number]

/** What a process has among its arguments, so that rules find it and nothing else. */
export const MARK = 'restless-crowd-'
const COUNTS: Readonly<Record<Kind, number>> = { idle: 440, busy: 40, write: 16, threads: 4 }
/** Without children: bash waits by reading from a pipe that nobody writes to. */
const PAUSE = 'read -rt 0.$((RANDOM % 9 + 1)) -u "$pipe"'
const SCRIPTS: Readonly<Record<'busy' | 'write', string>> = {
  busy: `for ((i = 0; i < 4000; i++)); do :; done; ${PAUSE}`,
  write: `printf '%8192s' x > "$0.$$"; ${PAUSE}`,
}
const THREADS = `const { Worker } = require('node:worker_threads')
for (let i = 0; i < 3; i++)
  new Worker('setInterval(() => { for (let i = 0; i < 1e6; i++); }, 200)', { eval: true })`

export class RestlessCrowd {
  starts = 0
  ends = 0
  readonly #scope: Scope
  readonly #directory: string
  readonly #members: { readonly kind: Kind; readonly child: ChildProcess }[] = []

  constructor(scope: Scope) {
    this.#scope = scope
    this.#directory = scope.directory()
    writeFileSync(join(this.#directory, 'threads.cjs'), THREADS)
  }

  start(): void {
    for (const kind of KINDS) {
      for (let count = 0; count < COUNTS[kind]; count++) this.#startOne(kind)
    }
  }

  /** One ends and another one of its kind starts. */
  async replaceOne(): Promise<void> {
    const [member] = this.#members.splice(Math.floor(Math.random() * this.#members.length), 1)
    await endChild(member.child)
    this.ends++
    this.#startOne(member.kind)
  }

  #startOne(kind: Kind): void {
    const [command, ...args] = this.#command(kind)
    this.#members.push({ kind, child: this.#scope.spawn(command, args) })
    this.starts++
  }

  #command(kind: Kind): [string, ...string[]] {
    const mark = join(this.#directory, MARK + kind)
    if (kind === 'threads') return [process.execPath, join(this.#directory, 'threads.cjs'), mark]
    if (kind === 'idle') return ['bash', '-c', 'exec {pipe}<> <(:); read -r -u "$pipe"', mark]
    return ['bash', '-c', `exec {pipe}<> <(:); while :; do ${SCRIPTS[kind]}; done`, mark]
  }
}
