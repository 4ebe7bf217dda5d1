/** Cached descriptors of files of real cgroups. */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { CachedDescriptorReader } from '../../src/kernel/cached-descriptors.ts'
import { CGROUP2, makeCgroup, noCgroups } from '../support/cgroup2.ts'
import { skip } from '../support/skip.ts'

const FILE = 'cgroup.stat'

/** How many files below a directory this process has open. */
function openBelow(directory: string): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(directory)
    } catch {
      return false
    }
  }).length
}

function text(reader: CachedDescriptorReader): string {
  return reader.bytes.toString('utf8', 0, reader.length)
}

test('a file that stays open says what is true now', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  const reader = new CachedDescriptorReader(10)
  const path = join(root, FILE)
  for (const child of ['a', 'b']) {
    reader.read(path)
    t.is(text(reader), readFileSync(path, 'utf8'))
    reader.readAll(path, 1000)
    t.is(text(reader), readFileSync(path, 'utf8'))
    mkdirSync(join(root, child))
  }
  t.is(openBelow(root), 1)
  for (const child of ['a', 'b']) rmdirSync(join(root, child))
})

test('a cgroup that has gone can not be read, and one made anew can', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  const child = join(root, 'a')
  const reader = new CachedDescriptorReader(10)
  const path = join(child, FILE)
  mkdirSync(child)
  reader.read(path)
  rmdirSync(child)
  t.throws(() => reader.read(path), { code: 'ENOENT' })
  mkdirSync(child)
  reader.read(path)
  t.regex(text(reader), /^nr_descendants 0$/m)
  rmdirSync(child)
})

test('no more stay open than allowed, and none that is not read any more', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  const reader = new CachedDescriptorReader(2)
  const files = ['cgroup.stat', 'cgroup.procs', 'cgroup.type'].map((file) => join(root, file))
  for (const file of files) reader.read(file)
  t.is(openBelow(root), 2)
  reader.closeUnused()
  t.is(openBelow(root), 2)
  reader.read(files[0])
  reader.closeUnused()
  t.is(openBelow(root), 1)
  reader.closeUnused()
  t.is(openBelow(root), 0)
})
