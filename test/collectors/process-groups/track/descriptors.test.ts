/** Descriptors on the real procfs: those of processes, and those that the collector caches. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { Procfs } from '../../../../src/kernel/procfs/procfs.ts'
import { processGroups } from '../../../support/process-groups.ts'

/** Opens 70 files, and then a FIFO without a writer: the thread waits in open(2) with a reserved descriptor. */
const SCRIPT =
  'i=10; while [ $i -lt $1 ]; do eval "exec $i</dev/null"; i=$((i+1)); done; exec 9<"$0"'

function start(t: ExecutionContext, program: string, words: readonly string[]): ChildProcess {
  const child = spawn(program, words, { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

for (const strict of [false, true]) {
  for (const count of [0, 70]) {
    test(`${count} files and one that is reserved, ${strict ? 'strict' : 'as usual'}`, async (t) => {
      const directory = mkdtempSync(join(tmpdir(), 'fifo-'))
      t.teardown(() => rmSync(directory, { recursive: true }))
      const fifo = join(directory, 'fifo')
      execFileSync('mkfifo', [fifo])
      const { pid } = start(t, '/bin/bash', ['-c', SCRIPT, fifo, String(10 + count)])
      const descriptors = `/proc/${pid}/fd`
      const open = () => readdirSync(descriptors).length
      while (open() < 3 + count) await delay(5)
      if (statSync(descriptors).size === 0) return t.log('skipped: the kernel is older than 6.2')
      while (statSync(descriptors).size === open()) await delay(5)

      const procfs = new Procfs('/proc', { only: pid as number })
      const groups = processGroups('/proc', { procfs, strict, refresh: 60_000 })
      for (let collection = 0; collection < 2; collection++) {
        const samples = await groups.collect()
        t.is(samples.get('open_filedesc{bash}'), open())
      }
    })
  }

  test.serial(
    `files of processes that have ended are closed, ${strict ? 'strict' : 'as usual'}`,
    async (t) => {
      const children = [1, 2, 3].map(() => start(t, 'sleep', ['1000']))
      const procfs = new Procfs('/proc', { openFiles: 10_000 })
      t.teardown(() => procfs.close())
      const groups = processGroups('/proc', { procfs, strict, smaps: false, threads: false })
      const cached = () => children.filter(({ pid }) => cachedFiles().includes(`/proc/${pid}/stat`))
      await groups.collect()
      t.is(cached().length, 3)
      for (const child of children) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
      await groups.collect()
      await groups.collect()
      t.is(cached().length, 0)
    },
  )
}

/** Paths of the files that this process has open. */
function cachedFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return []
    }
  })
}
