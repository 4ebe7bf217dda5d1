import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Reloaded } from '../../../src/web/protection/reloaded.ts'

/** The text of a file, which must be a number, followed while it doesn't fall. */
function watch(t: ExecutionContext) {
  const directory = mkdtempSync(join(tmpdir(), 'reloaded-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'value')
  const reloads: (string | undefined)[] = []
  let reads = 0
  const start = () =>
    new Reloaded({
      read: (onFile) => {
        reads++
        onFile(path)
        const value = Number(readFileSync(path, 'utf8'))
        if (Number.isNaN(value)) throw new Error('no number')
        return value
      },
      refuse: (current, next) => (next < current ? 'it fell' : undefined),
      onReload: (failure) => reloads.push(failure),
    })
  return { directory, path, reloads, start, reads: () => reads }
}

test('a file that is not touched is not read again', (t) => {
  const { path, start, reads, reloads } = watch(t)
  writeFileSync(path, '1')
  const reloaded = start()
  for (let round = 0; round < 5; round++) t.is(reloaded.current(), 1)
  t.is(reads(), 1)
  t.deepEqual(reloads, [])
})

test('what is wrong, gone or refused is said once, and read again when it changes', (t) => {
  const { path, start, reads, reloads } = watch(t)
  writeFileSync(path, '1')
  const reloaded = start()
  const after = (text: string | undefined) => {
    if (text === undefined) rmSync(path)
    else writeFileSync(path, text)
    return [reloaded.current(), reloaded.current(), reloaded.current()]
  }
  t.deepEqual(after('x'), [1, 1, 1])
  t.deepEqual(after('0'), [1, 1, 1])
  t.deepEqual(after(undefined), [1, 1, 1])
  t.deepEqual(after('2'), [2, 2, 2])
  t.is(reads(), 5)
  t.like(reloads, { 0: 'no number', 1: 'it fell', 3: undefined, length: 4 })
  t.regex(reloads[2] ?? '', /ENOENT/)
})

test('a link to another directory is a change, as with a mounted Secret', (t) => {
  const { directory, path, start } = watch(t)
  for (const name of ['1', '2']) {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'value'), name)
  }
  symlinkSync('1', join(directory, 'data'))
  symlinkSync('data/value', path)
  const reloaded = start()
  t.is(reloaded.current(), 1)
  symlinkSync('2', join(directory, 'next'))
  renameSync(join(directory, 'next'), join(directory, 'data'))
  t.is(reloaded.current(), 2)
})

test('a wrong file at the start is an error', (t) => {
  const { path, start } = watch(t)
  writeFileSync(path, 'x')
  t.throws(start, { message: 'no number' })
})
