/** Procfs and the kernel's task iterator give the same values; procfs replaces an iterator that fails. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { BpfTasks } from '../../../../src/collectors/process-groups/track/bpf-tasks.ts'
import { FallbackTasks } from '../../../../src/collectors/process-groups/track/fallback-tasks.ts'
import type {
  TaskPass,
  TaskReader,
  TaskSource,
} from '../../../../src/collectors/process-groups/track/task-source.ts'
import { loadTaskIterator, type TaskIterator } from '../../../../src/kernel/bpf/task-iterator.ts'
import { PROCESS, TaskRecords, WORD } from '../../../../src/kernel/bpf/task-records.ts'
import { Procfs } from '../../../../src/kernel/procfs/procfs.ts'
import { readSystemConstants } from '../../../../src/kernel/system-constants.ts'
import { TimeSlice } from '../../../../src/telemetry/time-slice.ts'
import { processGroups } from '../../../support/process-groups.ts'
import { skip } from '../../../support/skip.ts'

/**
 * A child with three threads that forks, faults and holds descriptors. It then does what lines say: its main thread those
 * of standard input, another thread those of descriptor 3.
 */
const CHILD = `
import os, threading, time
more = []
def obey(lines):
    for line in lines:
        if 'burn' in line: sum(range(3000000))
        if 'open' in line: more.append([open('/dev/null') for _ in range(7)])
        if 'rename' in line: open('/proc/thread-self/comm', 'w').write('renamed')
        if 'start' in line: threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        print('done', flush=True)
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
if os.path.exists('/proc/self/fd/3'): threading.Thread(target=obey, args=(open(3),), daemon=True).start()
for _ in range(5):
    if os.fork() == 0:
        sum(range(300000)); os._exit(0)
    os.wait()
files = [open('/dev/null') for _ in range(20)]
print('ready', flush=True)
obey(open(0))
time.sleep(600)
`

/** @returns a word of its command line. */
async function startChild(t: ExecutionContext): Promise<string> {
  return (await startObedientChild(t)).word
}

/** @returns also what lets a thread of it do something: the main thread (0), or another (3). */
async function startObedientChild(t: ExecutionContext) {
  const word = `child-${process.pid}-${children++}`
  const child: ChildProcess = spawn('/usr/bin/python3', ['-c', CHILD, word], {
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const answer = async () => {
    await new Promise((resolve) => child.stdout?.once('data', resolve))
    await untilAsleep(child.pid as number)
  }
  await answer()
  const act = async (thread: 0 | 3, what: string) => {
    const input = child.stdio[thread] as Writable
    input.write(`${what}\n`)
    await answer()
  }
  return { word, act }
}

/** Until all threads of a process sleep and none of them wakes. */
async function untilAsleep(pid: number): Promise<void> {
  const look = () =>
    readdirSync(`/proc/${pid}/task`).map((tid) => {
      const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1')
      return { isAsleep: /^State:\tS/m.test(status), switches: status.match(/_switches:\t\d+/g) }
    })
  for (let before = look(); ; ) {
    await delay(50)
    const now = look()
    if (now.every(({ isAsleep }) => isAsleep) && isDeepStrictEqual(before, now)) return
    before = now
  }
}

let children = 0

function rulesFor(word: string) {
  return [{ name: 'child', cmdline: [`${word}$`] }]
}

const system = readSystemConstants()

/** A collector that reads by the iterator, and why it does not any more. */
function groupsBy(iterator: TaskIterator, word: string) {
  const failures: Error[] = []
  const procfs = new Procfs()
  const slice = new TimeSlice()
  const groups = processGroups('/proc', {
    rules: rulesFor(word),
    procfs,
    slice,
    children: false,
    taskSource: (tasks, options) =>
      new FallbackTasks(
        async () => new BpfTasks({ iterator, procfs, slice, threads: true }, options, system),
        tasks,
        { onFallback: (error) => failures.push(error) },
      ),
  })
  return { groups, failures, procfs }
}

async function load(t: ExecutionContext): Promise<TaskIterator | undefined> {
  try {
    const iterator = await loadTaskIterator({ threads: true, wchan: true })
    t.teardown(() => iterator.close())
    return iterator
  } catch (error) {
    skip(t, `no BPF here: ${(error as Error).message}`)
    return undefined
  }
}

/** Metrics of the child's group; not how long it runs, nor what other Python programs that come and go share with it. */
function ofChild(samples: ReadonlyMap<string, number>): [string, number][] {
  return [...samples].filter(
    ([key]) =>
      /\{([^}]*,)?child[,}]/.test(key) && !/uptime|proportional|uss|unique|shared/i.test(key),
  )
}

test.serial(
  'other collectors are given the processes of the iterator, without another listing',
  async (t) => {
    const iterator = await load(t)
    if (iterator === undefined) return
    // One is left out, so that it is seen whose list it is.
    const shown = replay(() =>
      filtered(passOf(iterator).bytes, (records) => records.word(WORD.tgid) !== process.ppid),
    )
    const { groups, procfs } = groupsBy(shown, await startChild(t))
    const before = performance.now()
    await groups.collect()
    const pids = procfs.pids(before)
    t.true(pids.includes(process.pid))
    t.false(pids.includes(process.ppid))
  },
)

test.serial('a group is the same by procfs and by the iterator', async (t) => {
  const iterator = await load(t)
  if (iterator === undefined) return
  const { word, act } = await startObedientChild(t)
  const { groups, failures } = groupsBy(iterator, word)
  const plain = processGroups('/proc', {
    rules: rulesFor(word),
    children: false,
    procfs: new Procfs(),
  })
  const compare = async (what: string) => {
    let [ours, theirs] = [await groups.collect(), await plain.collect()]
    // The kernel may take a page of it, or give it one, between both readings.
    for (let tries = 1; tries < 3 && !isDeepStrictEqual(ofChild(ours), ofChild(theirs)); tries++) {
      ours = await groups.collect()
      theirs = await plain.collect()
    }
    t.true(ofChild(theirs).length > 20)
    t.deepEqual(ofChild(ours), ofChild(theirs), what)
    t.is(ours.get('procgroup_source_active{bpf}'), 1)
    t.is(theirs.get('procgroup_source_active{procfs}'), 1)
  }
  await compare('at first')
  // A process that does nothing, one of whose threads does something, and all of whose threads do.
  for (const [thread, what] of [
    [3, 'burn'],
    [3, 'rename'],
    [0, 'open'],
    [3, 'open, start'],
    [0, 'burn, rename'],
  ] as const) {
    await compare(`before ${what}`)
    await act(thread, what)
    await compare(`after ${what}`)
  }
  // What was compared is not only zeros.
  const values = ofChild(await groups.collect())
  for (const name of ['procgroup_cpu_run_delay_seconds_total', 'cpu_seconds_total']) {
    const shown = values.filter(([key]) => key.startsWith(name))
    t.true(
      shown.some(([, value]) => value > 0),
      name,
    )
  }
  t.deepEqual(failures, [])
})

/** All records of one pass. */
function passOf(iterator: TaskIterator): { bytes: Buffer; own: number } {
  const records = new TaskRecords()
  const pass = iterator.begin()
  let own = -1
  for (let start = 0; pass.read(records); start = records.length) {
    records.scan(start, (offset) => {
      if (records.word(WORD.pid) === process.pid) own = offset
    })
  }
  pass.close()
  const { length } = records
  records.length = 0
  return { bytes: Buffer.from(records.room(length)), own }
}

/** An iterator whose passes are these bytes. */
function replay(pass: () => Buffer): TaskIterator {
  return {
    begin() {
      let bytes = pass()
      return {
        read(records) {
          records.room(bytes.length).set(bytes)
          records.length += bytes.length
          const isMore = bytes.length > 0
          bytes = bytes.subarray(bytes.length)
          return isMore
        },
        close() {},
      }
    },
    close() {},
  }
}

type Damage = (bytes: Buffer, own: number) => Buffer

const DAMAGES: Readonly<Record<string, { readonly damage: Damage; readonly says: RegExp }>> = {
  'a record without an end': {
    damage: (bytes) => bytes.subarray(0, bytes.length - 100),
    says: /damaged/,
  },
  'a record of another version': {
    damage: (bytes, own) => {
      bytes.writeUInt16LE(9, own + 4)
      return bytes
    },
    says: /another version/,
  },
  'a kernel that counts resident memory in another way': {
    damage: (bytes, own) => {
      bytes.writeBigInt64LE(1n, own + PROCESS.rssAnon)
      bytes.writeBigInt64LE(1n, own + PROCESS.rssFile)
      return bytes
    },
    says: /resident memory of the agent/,
  },
  'CPU times that are not the agent’s': {
    damage: (bytes, own) => {
      bytes.writeBigUInt64LE(10n ** 15n, own + PROCESS.runtime)
      return bytes
    },
    says: /CPU time of the agent/,
  },
  'a pinned iterator without threads': {
    damage: (bytes) => filtered(bytes, ({ isLeader }) => isLeader),
    says: /gives no threads/,
  },
  'another PID namespace': {
    damage: (bytes, own) =>
      Buffer.concat([bytes.subarray(0, own), bytes.subarray(own + bytes.readUInt32LE(own))]),
    says: /PID namespace/,
  },
}

/** The records for which something holds. */
function filtered(bytes: Buffer, isKept: (records: TaskRecords) => boolean): Buffer {
  const records = new TaskRecords()
  records.room(bytes.length).set(bytes)
  records.length = bytes.length
  const kept: Buffer[] = []
  records.scan(0, (offset) => {
    if (isKept(records)) kept.push(bytes.subarray(offset, offset + records.word(WORD.size)))
  })
  return Buffer.concat(kept)
}

for (const [what, { damage, says }] of Object.entries(DAMAGES)) {
  test.serial(`procfs takes over in the same collection: ${what}`, async (t) => {
    const iterator = await load(t)
    if (iterator === undefined) return
    let isDamaged = false
    const damaged = replay(() => {
      const { bytes, own } = passOf(iterator)
      return isDamaged ? damage(bytes, own) : bytes
    })
    await holdFallback(t, damaged, () => (isDamaged = true), says)
  })
}

test.serial(
  'procfs takes over in the same collection: a pinned iterator that is removed',
  async (t) => {
    const iterator = await load(t)
    if (iterator === undefined) return
    let isRemoved = false
    const pinned = replay(() => {
      if (isRemoved) throw Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
      return passOf(iterator).bytes
    })
    await holdFallback(t, pinned, () => (isRemoved = true), /ENOENT/)
  },
)

/** After `breakIt` the same collection comes from procfs, says so once, and no counter of the child's group falls. */
async function holdFallback(
  t: ExecutionContext,
  iterator: TaskIterator,
  breakIt: () => void,
  says: RegExp,
): Promise<void> {
  const word = await startChild(t)
  const { groups, failures } = groupsBy(iterator, word)
  const before = await groups.collect()
  t.is(before.get('procgroup_source_active{bpf}'), 1)
  t.is(before.get('num_procs{child}'), 1)
  breakIt()
  for (let round = 0; round < 2; round++) {
    const after = await groups.collect()
    t.is(after.get('procgroup_source_active{procfs}'), 1)
    t.false(after.has('procgroup_source_active{bpf}'))
    t.is(after.get('namedprocess_scrape_errors{}'), 0)
    for (const [key, value] of ofChild(before)) {
      if (/_total/.test(key)) t.true((after.get(key) ?? -1) >= value, key)
      else t.is(after.get(key), value, key)
    }
  }
  t.is(failures.length, 1)
  t.regex(failures[0].message, says)
}

test.serial(
  'where the program can not be loaded procfs is read from the first collection on',
  async (t) => {
    const failures: string[] = []
    const groups = processGroups('/proc', {
      procfs: new Procfs(),
      taskSource: (tasks) =>
        new FallbackTasks(
          () => Promise.reject(Object.assign(new Error('bpf(2)'), { code: 'EPERM' })),
          tasks,
          { onFallback: ({ message }) => failures.push(message) },
        ),
    })
    for (let round = 0; round < 3; round++) {
      const samples = await groups.collect()
      t.is(samples.get('procgroup_source_active{procfs}'), 1)
      t.true((samples.get('num_procs{MainThread}') ?? 0) >= 1)
    }
    t.deepEqual(failures, ['bpf(2)'])
  },
)

/** A source of no processes that does what it is told. */
class Switchable implements TaskSource {
  readonly name: string
  isBroken = false
  passes = 0

  constructor(name: string) {
    this.name = name
  }

  begin(): Promise<TaskPass> {
    if (this.isBroken) return Promise.reject(new Error('broken'))
    this.passes++
    return Promise.resolve({ number: 1, pids: [], reader: {} as TaskReader })
  }

  end(): void {}
  close(): void {}
}

test('a source that works again is used again, after a while that grows', async (t) => {
  const [wanted, fallback] = [new Switchable('bpf'), new Switchable('procfs')]
  let now = 0
  let opened = 0
  const said: string[] = []
  const tasks = new FallbackTasks(
    () => {
      opened++
      return Promise.resolve(wanted)
    },
    fallback,
    {
      onFallback: ({ message }) => said.push(message),
      onReturn: () => said.push('returned'),
      retryAfter: 100,
      now: () => now,
    },
  )
  const namesUntil = async (end: number): Promise<Record<string, number>> => {
    const first: Record<string, number> = {}
    for (; now < end; now += 10) {
      await tasks.begin()
      tasks.end()
      first[tasks.name] ??= now
    }
    return first
  }
  t.deepEqual(await namesUntil(50), { bpf: 0 })
  wanted.isBroken = true
  t.deepEqual(await namesUntil(160), { procfs: 50 })
  t.is(opened, 2)
  wanted.isBroken = false
  // The second failure was at 150; the third attempt is 200 later.
  t.deepEqual(await namesUntil(400), { procfs: 160, bpf: 350 })
  t.is(opened, 3)
  t.deepEqual(said, ['broken', 'returned'])
})
