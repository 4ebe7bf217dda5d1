import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { emptyStat } from '../../../src/kernel/procfs/stat.ts'
import { emptyStatus } from '../../../src/kernel/procfs/status.ts'
import { readSystemConstants } from '../../../src/kernel/system-constants.ts'

const procfs = new Procfs('/proc')
const self = procfs.directory(process.pid)

test('this process, on the real procfs', async (t) => {
  const stat = emptyStat()
  procfs.stat(self, stat)
  t.is(`${procfs.comm()}\n`, readFileSync(`${self}comm`, 'utf8'))
  t.is(stat.ppid, process.ppid)
  t.is(stat.threads, procfs.tids(self).length)
  t.true(stat.rss * readSystemConstants().pageSize > 1e6)
  const started = procfs.bootTime() + stat.starttime / readSystemConstants().ticksPerSecond
  t.true(Math.abs(started - (Date.now() / 1000 - process.uptime())) < 2)

  const status = emptyStatus()
  procfs.status(self, status)
  t.is(status.euid, process.geteuid?.() ?? -1)
  t.true(Number(status.voluntary) >= 0)

  t.deepEqual((await procfs.cmdline(self))[0], process.argv0)
  t.is(procfs.executable(self), process.execPath)
  t.true(procfs.pids().includes(process.pid))
})

test('descriptors are counted as the directory lists them', (t) => {
  const counted = procfs.openDescriptors(self)
  // Listing opens one more.
  t.is(counted, readdirSync(`${self}fd`).length - 1)
})

test("the machine's constants are those of getconf", (t) => {
  t.deepEqual(readSystemConstants(), { pageSize: 4096, ticksPerSecond: 100 })
  t.deepEqual(readSystemConstants('/nowhere'), { pageSize: 4096, ticksPerSecond: 100 })
})
