/** A crowd of idle processes for measurements, in groups that both agents name by the same rules. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../src/kernel/procfs/stat.ts'
import type { Scope } from '../support/children.ts'

export interface Crowd {
  /** The rules, as both agents read them. */
  readonly rules: string
  readonly pids: readonly number[]
}

const GROUPS = 20
const SLEEP = '/bin/sleep'
/** Python, for it has threads and is everywhere. */
const PYTHON = '/usr/bin/python3'
const THREADS = `
import sys, threading, time
for _ in range(int(sys.argv[1]) - 1): threading.Thread(target=time.sleep, args=(86400,), daemon=True).start()
time.sleep(86400)
`

/** Starts processes, with `threads` threads each, and waits until all of them are there. */
export async function startCrowd(scope: Scope, processes: number, threads: number): Promise<Crowd> {
  const directory = scope.directory()
  const names = Array.from(
    { length: GROUPS },
    (_, index) => `crowd-${String(index).padStart(2, '0')}`,
  )
  if (threads === 1) for (const name of names) copyFileSync(SLEEP, join(directory, name))
  const leader = scope.spawn('/bin/bash', [
    '-c',
    SCRIPT,
    'bash',
    String(processes),
    String(threads),
    directory,
    THREADS,
  ])
  scope.onEnd(() => {
    for (const pid of childrenOf(leader.pid as number)) process.kill(pid, 'SIGKILL')
  })
  let pids: number[] = []
  while (pids.length < processes) {
    await delay(100)
    pids = childrenOf(leader.pid as number)
  }
  // Those started last have not become the program yet that they will be.
  await delay(1000)
  const rules = names.map((name) => `  - name: ${name}\n    exe: [${name}]\n`).join('')
  return { rules: `process_names:\n${rules}`, pids }
}

const SCRIPT = `
for ((i = 0; i < $1; i++)); do
  name=$(printf 'crowd-%02d' $((i % ${GROUPS})))
  if [ "$2" = 1 ]; then "$3/$name" 86400 & else (exec -a "$name" ${PYTHON} -c "$4" "$2") & fi
done
wait
`

function childrenOf(parent: number): number[] {
  const procfs = new Procfs()
  return procfs.pids().filter((pid) => parentOf(procfs, pid) === parent)
}

function parentOf(procfs: Procfs, pid: number): number | undefined {
  const stat = emptyStat()
  try {
    procfs.stat(procfs.directory(pid), stat)
    return stat.ppid
  } catch {
    return undefined
  }
}
