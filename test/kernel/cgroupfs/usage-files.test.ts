/** The numbers that are read every second, from files as kernels write them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ByteScanner, KernelFormatError } from '../../../src/kernel/byte-scanner.ts'
import {
  parseBlkioBytes,
  parseCpuacctUsage,
  parseCpuUsage,
  parseIoBytes,
  parseMemoryUsage,
  parsePressureTotals,
  type UsageParser,
} from '../../../src/kernel/cgroupfs/usage-files.ts'
import { KeptFile, KeptFiles } from '../../../src/kernel/kept-files.ts'

function parse(parser: UsageParser, text: string): [number, number] {
  const bytes = Buffer.from(`${text}9`)
  const into = new Float64Array(3)
  parser({ bytes, length: text.length }, new ByteScanner(), into, 1)
  if (into[0] !== 0) throw new Error('another element was written')
  return [into[1], into[2]]
}

test('CPU time and memory of both versions', (t) => {
  t.is(parse(parseCpuUsage, 'usage_usec 5000001\nuser_usec 3000000\n')[0], 5.000001)
  t.is(parse(parseCpuUsage, 'nr_periods 3\nusage_usec 7\n')[0], 7e-6)
  t.is(parse(parseCpuacctUsage, '5000000000\n')[0], 5)
  t.is(parse(parseMemoryUsage, '6500\n')[0], 6500)
  for (const text of ['', 'usage_usec', 'usage_usec 5', 'user_usec 3\n']) {
    t.throws(() => parse(parseCpuUsage, text), { instanceOf: KernelFormatError }, text)
  }
})

test('storage bytes are of all devices together; a file without a device is no bytes', (t) => {
  const stat =
    '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=5 dios=6\n' +
    '7:1 7:0 253:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=7 dios=8\n'
  t.deepEqual(parse(parseIoBytes, stat), [110, 220])
  t.deepEqual(parse(parseIoBytes, ''), [0, 0])
  const device = (name: string, read: number, write: number) =>
    `${name} Read ${read}\n${name} Write ${write}\n${name} Sync 9\n${name} Async 9\n${name} Discard 9\n${name} Total 9\n`
  const blkio = `${device('8:0', 1, 2)}${device('253:0', 30, 40)}Total 73\n`
  t.deepEqual(parse(parseBlkioBytes, blkio), [31, 42])
  t.deepEqual(parse(parseBlkioBytes, 'Total 0\n'), [0, 0])
  t.deepEqual(parse(parseBlkioBytes, ''), [0, 0])
  t.throws(() => parse(parseIoBytes, '8:0 rbytes=1'), { instanceOf: KernelFormatError })
})

test('pressure: totals in seconds, of the lines that there are', (t) => {
  const line = (type: string, total: number) =>
    `${type} avg10=1.25 avg60=0.00 avg300=0.00 total=${total}\n`
  t.deepEqual(parse(parsePressureTotals, line('some', 1_500_000) + line('full', 3)), [1.5, 3e-6])
  t.deepEqual(parse(parsePressureTotals, line('some', 7)), [7e-6, Number.NaN])
  t.deepEqual(parse(parsePressureTotals, line('full', 7)), [Number.NaN, 7e-6])
  t.throws(() => parse(parsePressureTotals, 'some avg10=1.25 avg60=0.00\n'), {
    instanceOf: KernelFormatError,
  })
})

test('files stay open up to a limit, are read from the beginning, and grow', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'kept-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const files = ['a', 'b'].map((name) => new KeptFile(join(directory, name)))
  const [a, b] = files as [KeptFile, KeptFile]
  for (const { path } of files) writeFileSync(path, 'old\n')
  const reader = new KeptFiles(1)
  const read = (file: KeptFile) => {
    reader.read(file)
    return reader.bytes.toString('latin1', 0, reader.length)
  }
  t.is(read(a), 'old\n')
  t.is(read(b), 'old\n')
  t.true(a.descriptor >= 0)
  t.is(b.descriptor, -1)
  const large = 'x'.repeat(50_000)
  writeFileSync(a.path, large)
  t.is(read(a), large)
  reader.close(a)
  t.is(a.descriptor, -1)
  t.is(read(b), 'old\n')
  t.true(b.descriptor >= 0)
  reader.closeUnused()
  t.true(b.descriptor >= 0)
  reader.closeUnused()
  t.is(b.descriptor, -1)
  t.is(read(a), large)
  t.true(a.descriptor >= 0)
  reader.close(a)
  t.throws(() => reader.read(new KeptFile(join(directory, 'none'))), { code: 'ENOENT' })
  // What fails is closed.
  const unreadable = new KeptFile(directory)
  t.throws(() => reader.read(unreadable), { code: 'EISDIR' })
  t.is(unreadable.descriptor, -1)
})
