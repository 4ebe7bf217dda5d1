import { readFileSync } from 'node:fs'
import test from 'ava'
import { ByteScanner } from '../../src/kernel/byte-scanner.ts'
import { FileReader } from '../../src/kernel/file-reader.ts'
import { emptyPressure, parsePressure } from '../../src/kernel/psi.ts'

/** What a file of that text says. */
function parse(text: string) {
  const reader = new FileReader()
  reader.bytes = Buffer.from(text)
  reader.length = reader.bytes.length
  const pressure = emptyPressure()
  parsePressure(reader, new ByteScanner(), pressure)
  return pressure
}

const NONE = { avg10: Number.NaN, avg60: Number.NaN, avg300: Number.NaN, total: Number.NaN }

test('both lines: percentages become parts, microseconds seconds', (t) => {
  const text =
    'some avg10=12.34 avg60=0.05 avg300=100.00 total=1234567\n' +
    'full avg10=0.00 avg60=0.00 avg300=0.01 total=18014398509481\n'
  t.deepEqual(parse(text), {
    some: { avg10: 0.1234, avg60: 0.0005, avg300: 1, total: 1.234567 },
    full: { avg10: 0, avg60: 0, avg300: 0.0001, total: 18014398.509481 },
  })
})

test('the CPU before Linux 5.13 has only some, interrupts have only full', (t) => {
  const line = 'avg10=0.00 avg60=0.00 avg300=0.00 total=5\n'
  const stall = { avg10: 0, avg60: 0, avg300: 0, total: 5e-6 }
  t.deepEqual(parse(`some ${line}`), { some: stall, full: NONE })
  t.deepEqual(parse(`full ${line}`), { some: NONE, full: stall })
})

test('a file that is cut short anywhere is an error, or says less, but never another value', (t) => {
  const text =
    'some avg10=12.34 avg60=0.05 avg300=100.00 total=1234567\n' +
    'full avg10=0.07 avg60=0.00 avg300=0.01 total=99\n'
  const whole = parse(text)
  for (let length = 0; length < text.length; length++) {
    try {
      const { some, full } = parse(text.slice(0, length))
      t.deepEqual(some, whole.some)
      t.deepEqual(full, NONE)
    } catch (error) {
      t.is((error as Error).name, 'KernelFormatError', `${length} bytes`)
    }
  }
})

for (const share of ['70. 81', '70.8', '70.811', '70', '.81']) {
  test(`${share} is no percentage of the kernel`, (t) => {
    const text = `some avg10=0.00 avg60=${share} avg300=0.00 total=5\n`
    t.throws(() => parse(text), { name: 'KernelFormatError' })
  })
}

test("this node's own pressure, where it has one", (t) => {
  let text: string
  try {
    text = readFileSync('/proc/pressure/cpu', 'utf8')
  } catch (error) {
    t.log(`skipped: ${(error as Error).message}`)
    t.pass()
    return
  }
  const total = Number(/^some .*total=(\d+)$/m.exec(text)?.[1])
  t.is(parse(text).some.total, total / 1e6)
})
