/** Reads that block; the files are FIFOs without a writer. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { BlockingFiles, lateReads } from '../../src/kernel/blocking-files.ts'

/** Two of the four threads that the pool has at least. */
const PLACES = 2
const BLOCKED = { code: 'blocked' }

function setUp(t: ExecutionContext, fifos: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'blocking-'))
  const path = (name: string) => join(root, name)
  execFileSync('mkfifo', fifos.map(path))
  writeFileSync(path('file'), 'text')
  const log: string[] = []
  const files = new BlockingFiles({
    timeLimit: 500,
    places: PLACES,
    onBlocked: (blocked) => log.push(blocked),
  })
  const read = (owner: string, name: string, leaves = 0) =>
    files.read(owner, {
      path: path(name),
      limit: 100,
      leaves,
      parse: ({ bytes, length }) => bytes.toString('latin1', 0, length),
    })
  /** Lets the reads of a FIFO end. */
  const answer = (name: string, content: string) => {
    const descriptor = openSync(path(name), 'w')
    writeSync(descriptor, content)
    closeSync(descriptor)
  }
  t.teardown(async () => {
    for (; lateReads() > 0; await delay(5)) for (const name of fifos) end(path(name))
    rmSync(root, { recursive: true })
  })
  return { read, answer, log, path }
}

/** Ends the reads of a FIFO, if there are any. */
function end(fifo: string): void {
  try {
    closeSync(openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
  }
}

test.serial('who blocks is left aside and named once, others are read', async (t) => {
  const { read, answer, log, path } = setUp(t, ['fifo'])
  await t.throwsAsync(read('one', 'fifo'), BLOCKED)
  t.is(lateReads(), 1)
  t.is(await read('other', 'file'), 'text')
  await t.throwsAsync(read('one', 'file'), BLOCKED)
  t.deepEqual(log, [path('fifo')])
  answer('fifo', 'late')
  while (lateReads() > 0) await delay(5)
  // The kernel has answered, but it is not asked again at once.
  await t.throwsAsync(read('one', 'file'), BLOCKED)
  t.deepEqual(log, [path('fifo')])
})

test.serial('a process that has ended is left aside no longer', async (t) => {
  const { read, answer } = setUp(t, ['fifo'])
  await t.throwsAsync(read('one', 'fifo'), BLOCKED)
  answer('fifo', '')
  while (lateReads() > 0) await delay(5)
  t.is(await read('one', 'file'), 'text')
})

test.serial('no more reads block than there are places, and none waits for them', async (t) => {
  const { read, answer, log } = setUp(t, ['1', '2', '3'])
  const reads = ['1', '2', '3'].map((name) => t.throwsAsync(read(name, name), BLOCKED))
  await Promise.all(reads)
  t.is(lateReads(), PLACES)
  t.is(log.length, PLACES)
  await t.throwsAsync(read('other', 'file'), BLOCKED)
  answer('1', '')
  while (lateReads() === PLACES) await delay(5)
  t.is(await read('other', 'file'), 'text')
  answer('2', '')
})

test.serial('a place is left to others where that is asked for', async (t) => {
  const { read, answer } = setUp(t, ['fifo'])
  await t.throwsAsync(read('one', 'fifo', 1), BLOCKED)
  await t.throwsAsync(read('two', 'file', 1), BLOCKED)
  t.is(await read('two', 'file'), 'text')
  answer('fifo', '')
})

test.serial('an answer in pieces, and one of nothing', async (t) => {
  const { read, answer } = setUp(t, ['fifo', 'empty'])
  const reading = read('one', 'fifo')
  answer('fifo', 'x'.repeat(200))
  t.is(await reading, 'x'.repeat(100))
  const nothing = read('one', 'empty')
  answer('empty', '')
  t.is(await nothing, '')
  await t.throwsAsync(read('one', 'absent'), { code: 'ENOENT' })
})
