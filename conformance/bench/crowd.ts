/** Many idle processes for measurements, which both programs group by the same rules. */
import { copyFileSync, linkSync } from 'node:fs'
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

/** Starts processes, with `threads` threads each, in so many groups, and waits until all of them are there. */
export async function startCrowd(
  scope: Scope,
  processes: number,
  threads: number,
  groups = GROUPS,
): Promise<Crowd> {
  const directory = scope.directory()
  const names = groupNames(groups)
  if (threads === 1) {
    copyFileSync(SLEEP, join(directory, 'sleep'))
    for (const name of names) linkSync(join(directory, 'sleep'), join(directory, name))
  }
  const leader = scope.spawn('/bin/bash', [
    '-c',
    SCRIPT,
    'bash',
    String(processes),
    String(threads),
    directory,
    THREADS,
    String(groups),
  ])
  const pids = await untilStarted(scope, leader.pid as number, processes)
  const rules = names.map((name) => `  - name: ${name}\n    exe: [${name}]\n`).join('')
  return { rules: `process_names:\n${rules}`, pids }
}

function groupNames(groups = GROUPS): string[] {
  return Array.from({ length: groups }, (_, index) => `crowd-${String(index).padStart(2, '0')}`)
}

/** Waits until a program has so many children; they end with the scope. */
async function untilStarted(scope: Scope, leader: number, processes: number): Promise<number[]> {
  scope.onEnd(() => {
    for (const pid of childrenOf(leader)) process.kill(pid, 'SIGKILL')
  })
  let pids: number[] = []
  while (pids.length < processes) {
    await delay(100)
    pids = childrenOf(leader)
  }
  // Those started last have not become the program yet that they will be.
  await delay(1000)
  return pids
}

/** Starts processes that wake once a second, do nothing and sleep again. */
export async function startWakingCrowd(scope: Scope, processes: number): Promise<Crowd> {
  const leader = scope.spawn(PYTHON, ['-c', WAKING, String(processes)])
  const pids = await untilStarted(scope, leader.pid as number, processes)
  const rules = groupNames().map((name) => `  - name: ${name}\n    comm: [${name}]\n`)
  return { rules: `process_names:\n${rules.join('')}`, pids }
}

/** Forked, for programs of their own would take a hundred times the memory. */
const WAKING = `
import gc, os, sys, time
gc.freeze()
for number in range(int(sys.argv[1])):
    if os.fork() == 0:
        with open('/proc/self/comm', 'w') as comm: comm.write(f'crowd-{number % ${GROUPS}:02}')
        while True: time.sleep(1)
time.sleep(86400)
`

const SCRIPT = `
for ((i = 0; i < $1; i++)); do
  printf -v name 'crowd-%02d' $((i % $5))
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
