/** Memory that malloc keeps, in a process of its own. */
import { execFileSync } from 'node:child_process'
import test from 'ava'
import { limitMalloc } from '../../src/kernel/malloc.ts'
import { skip } from '../support/skip.ts'

/** Holes of 19 buffers between buffers that stay. */
const HOLES = `
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { limitMalloc } from '${new URL('../../src/kernel/malloc.ts', import.meta.url)}'

const malloc = await limitMalloc()
const privateBytes = () =>
  1024 * Number(/^Anonymous:\\s+(\\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1])
const kept = []
let dropped = []
for (let number = 0; number < 2000; number++) {
  const buffer = Buffer.alloc(32 * 1024, 1)
  if (number % 20 === 0) kept.push(buffer)
  else dropped.push(buffer)
}
dropped = []
gc()
await delay(100)
const before = privateBytes()
malloc.trim()
process.stdout.write(String(before - privateBytes()))
process.exit(kept.length === 100 ? 0 : 1)
`
const DROPPED_BYTES = 1900 * 32 * 1024

test('free pages between buffers that stay are returned', async (t) => {
  if ((await limitMalloc()) === undefined) {
    return skip(t, 'koffi is not installed, or the C library is not glibc')
  }
  const words = ['--expose-gc', '--input-type=module-typescript', '-e', HOLES]
  const returned = Number(execFileSync(process.execPath, words, { encoding: 'utf8' }))
  t.true(returned > DROPPED_BYTES / 2, `${returned} bytes of ${DROPPED_BYTES}`)
})
