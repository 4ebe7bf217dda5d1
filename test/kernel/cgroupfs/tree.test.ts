/** The walk over a real cgroup hierarchy. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CgroupTree } from '../../../src/kernel/cgroupfs/tree.ts'
import { CGROUP2, makeCgroup, noCgroups } from '../../support/cgroup2.ts'
import { skip } from '../../support/skip.ts'

const LIMITS = { depth: 10, count: 1000 }

function paths(tree: CgroupTree): string[] {
  return Array.from(tree.walk(), ({ path }) => path).sort()
}

test('cgroups that come, go and change places are found as they are', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  const make = (path: string) => mkdirSync(join(root, path))
  const remove = (path: string) => rmdirSync(join(root, path))
  const tree = new CgroupTree(root, LIMITS)
  t.deepEqual(paths(tree), [''])
  make('a')
  make('a/b')
  t.deepEqual(paths(tree), ['', '/a', '/a/b'])
  make('c')
  t.deepEqual(paths(tree), ['', '/a', '/a/b', '/c'])
  // The number of links stays the same.
  remove('a/b')
  remove('a')
  make('d')
  t.deepEqual(paths(tree), ['', '/c', '/d'])
  remove('c')
  make('c')
  make('c/e')
  t.deepEqual(paths(tree), ['', '/c', '/c/e', '/d'])
  for (const path of ['c/e', 'c', 'd']) remove(path)
  t.deepEqual(paths(tree), [''])
})

test('one that is made again is another one', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  const tree = new CgroupTree(root, LIMITS)
  const inode = () => {
    return tree.walk().find(({ path }) => path === '/a')?.inode
  }
  mkdirSync(join(root, 'a'))
  const first = inode()
  t.is(inode(), first)
  rmdirSync(join(root, 'a'))
  mkdirSync(join(root, 'a'))
  t.not(inode(), first)
  rmdirSync(join(root, 'a'))
})

test('one that vanishes during the walk costs only itself', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const root = join(CGROUP2 as string, makeCgroup(t))
  for (const name of ['a', 'b', 'c']) mkdirSync(join(root, name))
  const tree = new CgroupTree(root, LIMITS)
  paths(tree)
  const found: string[] = []
  for (const { path } of tree.walk()) {
    found.push(path)
    if (path === '') rmdirSync(join(root, 'b'))
  }
  t.deepEqual(found.sort(), ['', '/a', '/c'])
  for (const name of ['a', 'c']) rmdirSync(join(root, name))
})

test('what lies too deep, and what is too much, is counted', (t) => {
  const reason = noCgroups()
  if (reason !== undefined) return skip(t, reason)
  const path = makeCgroup(t, 'a', 'a/b', 'c', 'd')
  const root = join(CGROUP2 as string, path)
  const shallow = new CgroupTree(root, { depth: 1, count: 1000 })
  t.deepEqual(paths(shallow), ['', '/a', '/c', '/d'])
  t.is(shallow.omitted, 1)
  const few = new CgroupTree(root, { depth: 10, count: 3 })
  t.is(paths(few).length, 3)
  t.true(few.omitted > 0)
})

test('a root that is not there', (t) => {
  const tree = new CgroupTree('/nonexistent', LIMITS)
  t.throws(() => paths(tree), { code: 'ENOENT' })
})

test('one that may not be looked at costs only itself', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'tree-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const tree = new CgroupTree(root, LIMITS)
  for (const name of ['a', 'b']) mkdirSync(join(root, name))
  t.deepEqual(paths(tree), ['', '/a', '/b'])
  // Refused to root as well, and the number of links stays the same.
  rmdirSync(join(root, 'a'))
  symlinkSync('a', join(root, 'a'))
  mkdirSync(join(root, 'c'))
  t.deepEqual(paths(tree), ['', '/b', '/c'])
})
