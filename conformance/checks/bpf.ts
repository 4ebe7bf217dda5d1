import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadTaskIterator, type TaskIterator } from '../../src/kernel/bpf/task-iterator.ts'
import { Comparison } from '../bpf/comparison.ts'
import { compareInGuest, type Guest, makeGuest } from '../bpf/guests.ts'
import { type Check, type CheckContext, require } from '../check.ts'
import { Scope } from '../support/children.ts'
import { MissingPeer } from '../support/packages.ts'

const READINGS = 2000
const PROCESSES = 24
const ARCHITECTURES = ['amd64', 'arm64'] as const

/**
 * Processes that burn CPU in user and kernel mode, fault, open files, write, start and join threads, start and wait for
 * children, and execute themselves again.
 */
const BUSY = `
import os, sys, threading, time, random, mmap
number = int(sys.argv[1]); script = sys.argv[0]
random.seed(number + os.getpid() * 100 + int(time.time()))
path = script + '.' + str(number)
def work(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(2000 * (1 + number % 3)): pass
        for _ in range(300 * (number % 5)): os.getppid()
        memory = mmap.mmap(-1, 1 << 18)
        for page in range(0, 1 << (12 + number % 6), 4096): memory[page] = 1
        with open(path, 'w') as file:
            file.write('x' * 5000)
            copies = [os.dup(file.fileno()) for _ in range(random.randrange(20))]
            time.sleep(random.random() * 0.02)
            for copy in copies: os.close(copy)
        if number % 6 == 1:
            if os.fork() == 0: sum(range(100000)); os._exit(0)
            os.wait()
def rounds():
    for _ in range(4):
        threads = [threading.Thread(target=work, args=(random.random(),)) for _ in range(number % 4)]
        for thread in threads: thread.start()
        work(0.5)
        for thread in threads: thread.join()
rounds()
os.execv(sys.executable, [sys.executable] + sys.argv)
`

export const check: Check = {
  title: 'what the BPF task iterator says of busy processes lies between two readings of procfs',

  async run(context) {
    const here = await compareHere(context)
    const guests: Guest[] = []
    for (const architecture of ARCHITECTURES) {
      guests.push(await makeGuest(context.scope, architecture))
    }
    // Both beside each other: what is compared is order, not time.
    const held = await Promise.all(guests.map((guest) => compareInGuest(context.scope, guest)))
    for (const line of held) context.print(line)
    return [here, ...held].join('; ')
  },
}

/** Compares on this machine, and ends the busy processes. */
async function compareHere({ print }: CheckContext): Promise<string> {
  await using scope = new Scope()
  let iterator: TaskIterator
  try {
    iterator = await loadTaskIterator({ threads: true, wchan: true })
  } catch (error) {
    throw new MissingPeer(`the kernel takes no BPF program here: ${(error as Error).message}`)
  }
  scope.onEnd(() => iterator.close())
  const pids = await startBusy(scope)
  const comparison = new Comparison()
  while (comparison.readings < READINGS) {
    comparison.round(iterator, pids)
    await delay(20)
  }
  for (const line of comparison.lines()) print(line)
  require(comparison.outside.length === 0, comparison.outside.slice(0, 5).join('; '))
  require(comparison.asleep > 0, 'no process has slept between two readings')
  const here = `${comparison.readings} readings, ${comparison.asleep} of processes that slept, ${comparison.torn} left out for threads that exited meanwhile; no counter out of bounds`
  print(here)
  return here
}

async function startBusy(scope: Scope): Promise<number[]> {
  const script = join(scope.directory(), 'busy.py')
  writeFileSync(script, BUSY)
  const children = Array.from({ length: PROCESSES }, (_, number) =>
    scope.spawn('/usr/bin/python3', [script, String(number)]),
  )
  await delay(500)
  return children.map(({ pid }) => pid as number)
}
