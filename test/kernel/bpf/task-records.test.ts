/** Records of the task iterator: what is in them, and what is damaged. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test from 'ava'
import {
  loadTaskIterator,
  pinnedTaskIterator,
  pinTaskIterator,
  type TaskIterator,
} from '../../../src/kernel/bpf/task-iterator.ts'
import {
  BpfRecordError,
  PROCESS,
  TASK,
  TaskRecords,
  WORD,
} from '../../../src/kernel/bpf/task-records.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../../src/kernel/procfs/stat.ts'
import { skip } from '../../support/skip.ts'

const HEADER = readFileSync(
  new URL('../../../src/kernel/bpf/programs/records.h', import.meta.url),
  'utf8',
)

test('offsets are those of records.h', (t) => {
  const offsets = new Map(
    [...HEADER.matchAll(/ (\w+)(?:\[\d+\])?;\s*\/\*\s*(\d+)/g)].map(([, name, offset]) => [
      Number(offset),
      name,
    ]),
  )
  const names = { ...Object.fromEntries(Object.values(TASK).map((o) => [o, o])) }
  for (const offset of [...Object.values(names), ...Object.values(PROCESS), ...Object.values(WORD)])
    t.true(offsets.has(offset as number), `${offset}`)
  t.is(offsets.get(TASK.runDelay), 'run_delay')
  t.is(offsets.get(PROCESS.cstime), 'cstime')
  t.is(offsets.get(PROCESS.openFilesLimit), 'nofile')
  t.is(offsets.get(WORD.descriptors), 'fds')
})

const HAS_NAME = 2
const NAME_AT = 160

function task(change: (bytes: Buffer) => void = () => {}): TaskRecords {
  const bytes = Buffer.alloc(200)
  bytes.writeUInt32LE(200, 0)
  bytes.writeUInt16LE(2, 4)
  bytes.writeUInt16LE(HAS_NAME, 6)
  bytes.writeUInt32LE(7, WORD.tgid)
  bytes.writeUInt32LE(8, WORD.pid)
  bytes.writeBigUInt64LE(0xffffffff81000000n, TASK.wchan)
  bytes.write('worker', 144)
  bytes.write('do_wait [module]', NAME_AT)
  bytes.writeBigUInt64LE(2n ** 53n + 1n, TASK.readBytes)
  change(bytes)
  const records = new TaskRecords(64)
  add(records, bytes)
  return records
}

function add(records: TaskRecords, bytes: Buffer): void {
  records.room(bytes.length).set(bytes)
  records.length += bytes.length
}

test('names and large numbers are exact', (t) => {
  const records = task()
  const seen: number[] = []
  records.scan(0, (offset) => seen.push(offset))
  t.deepEqual(seen, [0])
  t.is(records.comm(), 'worker')
  t.is(records.comm('work'), 'worker')
  t.is(records.wchan(), 'do_wait')
  t.is(records.u64(TASK.readBytes), 2n ** 53n + 1n)
  t.false(records.isLeader)
})

test('the name of a kernel function is that of a record before with its address', (t) => {
  const records = task()
  records.scan(0, () => {})
  records.clear()
  const next = Buffer.alloc(NAME_AT)
  next.writeUInt32LE(NAME_AT, 0)
  next.writeUInt16LE(2, 4)
  next.writeUInt32LE(7, WORD.tgid)
  next.writeUInt32LE(9, WORD.pid)
  next.writeBigUInt64LE(0xffffffff81000000n, TASK.wchan)
  add(records, next)
  next.writeBigUInt64LE(0n, TASK.wchan)
  add(records, next)
  const names: string[] = []
  records.scan(0, () => names.push(records.wchan()))
  t.deepEqual(names, ['do_wait', ''])
})

for (const [what, change] of Object.entries({
  'of another version': (bytes: Buffer) => bytes.writeUInt16LE(1, 4),
  'that is longer than what was read': (bytes: Buffer) => bytes.writeUInt32LE(408, 0),
  'of no size': (bytes: Buffer) => bytes.writeUInt32LE(0, 0),
  'of no process': (bytes: Buffer) => bytes.writeUInt32LE(0, WORD.tgid),
  'of a leader that says it is none': (bytes: Buffer) => bytes.writeUInt32LE(7, WORD.pid),
})) {
  test(`a record ${what} is refused`, (t) => {
    t.throws(() => task(change).scan(0, () => {}), { instanceOf: BpfRecordError })
  })
}

test('the kernel lists every process, this one as procfs has it', async (t) => {
  let iterator: TaskIterator
  try {
    iterator = await loadTaskIterator({ threads: true, wchan: true })
  } catch (error) {
    skip(t, `no BPF here: ${(error as Error).message}`)
    return
  }
  t.teardown(() => iterator.close())
  const [procfs, stat] = [new Procfs(), emptyStat()]
  procfs.stat(procfs.directory(process.pid), stat)
  for (let pass = 0; pass < 2; pass++) {
    const records = new TaskRecords(1024)
    const leaders = new Set<number>()
    let threads = 0
    const reading = iterator.begin()
    for (let start = 0; reading.read(records); start = records.length) {
      records.scan(start, () => {
        if (records.word(WORD.tgid) === process.pid) threads++
        if (!records.isLeader) return
        leaders.add(records.word(WORD.pid))
        if (records.word(WORD.pid) !== process.pid) return
        t.is(records.word(WORD.ppid), process.ppid)
        t.is(Math.floor(records.number(TASK.start) / 1e7), stat.starttime)
        t.is(records.number(PROCESS.startStack), stat.stack)
      })
    }
    reading.close()
    t.true(leaders.has(process.pid) && leaders.has(process.ppid))
    t.true(threads > 1)
  }
})

test('a task that wakes and sleeps elsewhere is shown to sleep there', async (t) => {
  let iterator: TaskIterator
  try {
    iterator = await loadTaskIterator({ threads: true, wchan: true })
  } catch (error) {
    skip(t, `no BPF here: ${(error as Error).message}`)
    return
  }
  t.teardown(() => iterator.close())
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const pid = child.pid as number
  const byProcfs = () => readFileSync(`/proc/${pid}/wchan`, 'latin1')
  const records = new TaskRecords()
  const byBpf = () => {
    records.clear()
    const pass = iterator.begin()
    while (pass.read(records));
    pass.close()
    let wchan: string | undefined
    records.scan(0, () => {
      if (records.word(WORD.pid) === pid) wchan = records.wchan()
    })
    return wchan
  }
  const sleepsAsProcfsSays = async (isExpected: (wchan: string) => boolean): Promise<string> => {
    while (!isExpected(byProcfs())) await delay(5)
    const wchan = byProcfs()
    // The second answer comes without looking at its stack.
    t.is(byBpf(), wchan)
    t.is(byBpf(), wchan)
    return wchan
  }
  const reading = await sleepsAsProcfsSays((wchan) => /pipe_read|unix_stream/.test(wchan))
  process.kill(pid, 'SIGSTOP')
  await sleepsAsProcfsSays((wchan) => wchan !== reading && wchan !== '0')
  process.kill(pid, 'SIGCONT')
  await sleepsAsProcfsSays((wchan) => wchan === reading)
})

test('a pinned iterator is read like any file, until it is removed', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'bpffs-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'tasks')
  const mounted = spawnSync('mount', ['-t', 'bpf', 'bpf', directory])
  if (mounted.status === 0) t.teardown(() => void spawnSync('umount', [directory]))
  try {
    await pinTaskIterator(path, { threads: false, wchan: false })
  } catch (error) {
    skip(t, `nothing can be pinned in a bpffs here: ${(error as Error).message}`)
    return
  }
  const [iterator, records] = [pinnedTaskIterator(path), new TaskRecords()]
  const pass = iterator.begin()
  t.true(pass.read(records))
  records.scan(0, () => t.true(records.isLeader))
  pass.close()
  rmSync(path)
  t.throws(() => iterator.begin(), { code: 'ENOENT' })
})
