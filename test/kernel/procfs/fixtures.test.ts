import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { emptyIo } from '../../../src/kernel/procfs/io.ts'
import { Procfs } from '../../../src/kernel/procfs/procfs.ts'
import { emptyProportionalMemory } from '../../../src/kernel/procfs/smaps.ts'
import { emptyStat, isKernelThread } from '../../../src/kernel/procfs/stat.ts'
import { emptyStatus } from '../../../src/kernel/procfs/status.ts'
import { cgroupPaths } from '../../../src/kernel/procfs/text.ts'

const FIXTURES = fileURLToPath(new URL('../../fixtures/procfs/linux-6.18', import.meta.url))
const procfs = new Procfs(FIXTURES)

function statOf(pid: number) {
  const stat = emptyStat()
  procfs.stat(procfs.directory(pid), stat)
  return { ...stat, comm: procfs.comm() }
}

test('boot time comes from stat', (t) => {
  t.is(procfs.bootTime(), 1795213549)
})

test('a kernel thread has no memory, no arguments and its flag', async (t) => {
  const stat = statOf(2)
  t.like(stat, { comm: 'kthreadd', ppid: 0, vsize: 0, rss: 0, threads: 1, starttime: 24 })
  t.true(isKernelThread(stat))
  t.deepEqual(await procfs.cmdline(procfs.directory(2)), [])
})

test('a process with four threads', async (t) => {
  const stat = statOf(1003)
  t.like(stat, {
    comm: 'python3',
    state: 'S'.charCodeAt(0),
    threads: 4,
    minflt: 1940,
    utime: 2,
    starttime: 326440,
    vsize: 243527680,
    rss: 3322,
  })
  t.false(isKernelThread(stat))
  t.deepEqual(procfs.tids(procfs.directory(1003)).sort(), [1003, 1013, 1023, 1033])
  const memory = emptyProportionalMemory()
  await procfs.proportionalMemory(procfs.directory(1003), memory)
  t.deepEqual(memory, {
    pss: 9564 * 1024,
    swapPss: 0,
    unique: 6916 * 1024,
    shared: 6584 * 1024,
  })
  t.is(procfs.wchan(procfs.directory(1003)), 'hrtimer_nanosleep')
  t.is(procfs.openDescriptors(procfs.directory(1003)), 3)
  t.is(procfs.openFilesLimit(procfs.directory(1003)), 20000)
})

test('a zombie', (t) => {
  t.like(statOf(1004), { comm: 'true', state: 'Z'.charCodeAt(0), vsize: 0 })
})

test('names hold parentheses, quotes, backslashes, newlines and broken UTF-8', async (t) => {
  t.is(statOf(1001).comm, 'bad\uFFFD')
  t.is(statOf(1002).comm, 'a) (b "\\\n')
  t.deepEqual(await procfs.cmdline(procfs.directory(1001)), ['/opt/odd/bad\uFFFD', '100'])
  t.deepEqual(await procfs.cmdline(procfs.directory(1002)), ['/opt/odd/a) (b "\\\n', '100'])
})

test('a known name is recognised without making it anew', (t) => {
  for (const pid of [2, 1001, 1002, 1003]) {
    const { comm } = statOf(pid)
    t.is(procfs.commOr(comm), comm)
    t.is(procfs.commOr(`${comm}x`), comm)
    t.is(procfs.commOr(''), comm)
  }
})

test('cgroup paths in the order of the file, and none at all when a line is broken', (t) => {
  t.deepEqual(cgroupPaths(procfs.cgroups(procfs.directory(2))), [
    '/user.slice/user-1000.slice',
    '/user.slice/user-1000.slice/session-2.scope',
    '/user.slice/user-1000.slice/session-2.scope',
  ])
  withCopy((root) => {
    writeFileSync(join(root, '1003/cgroup'), '0::/a:b\n12 broken\n')
    t.deepEqual(cgroupPaths(new Procfs(root).cgroups(`${root}/1003/`)), [])
    writeFileSync(join(root, '1003/cgroup'), '0::/a:b\n')
    t.deepEqual(cgroupPaths(new Procfs(root).cgroups(`${root}/1003/`)), ['/a:b'])
  })
})

test('lists of cgroups are the same object while the file says the same, and only then', (t) => {
  withCopy((root) => {
    const copy = new Procfs(root)
    const linesOf = (text: string) => {
      writeFileSync(join(root, '1003/cgroup'), text)
      return copy.cgroups(`${root}/1003/`)
    }
    const lines = linesOf('0::/a\n')
    t.is(linesOf('0::/a\n'), lines)
    for (const text of ['0::/b\n', '0::/b\n0::/c\n', '0::/b\n', '', '0::/a\n']) {
      t.is(
        linesOf(text)
          .map((line) => `${line}\n`)
          .join(''),
        text,
      )
    }
    t.deepEqual(lines, ['0::/a'])
  })
})

test('without smaps_rollup the mappings of smaps are added up', async (t) => {
  await withCopy(async (root) => {
    rmSync(join(root, '1003/smaps_rollup'))
    writeFileSync(
      join(root, '1003/smaps'),
      '00400000-00401000 r-xp 0 00:00 1 /Pss:\nPss:   3 kB\nShared_Clean:   4 kB\nPrivate_Dirty:  7 kB\nSwapPss:   2 kB\nVmFlags: rd ex\n' +
        '00500000-00501000 rw-p 0 00:00 1\nPss:  10 kB\nShared_Dirty:   1 kB\nPrivate_Hugetlb:  9 kB\nSwapPss:   1 kB\nVmFlags: rd wr\n',
    )
    const memory = emptyProportionalMemory()
    await new Procfs(root).proportionalMemory(`${root}/1003/`, memory)
    t.deepEqual(memory, {
      pss: 13 * 1024,
      swapPss: 3 * 1024,
      unique: 7 * 1024,
      shared: 5 * 1024,
    })
  })
})

test('a limit may be unlimited', (t) => {
  withCopy((root) => {
    const limits = readFileSync(join(root, '1003/limits'), 'utf8')
    writeFileSync(
      join(root, '1003/limits'),
      limits.replace(/(Max open files +)20000/, '$1unlimited'),
    )
    t.is(new Procfs(root).openFilesLimit(`${root}/1003/`), 2 ** 64)
  })
})

test('counters beyond 2^53 are exact, and those beyond 2^64 an error', (t) => {
  withCopy((root) => {
    const io = emptyIo()
    const write = (value: string) =>
      writeFileSync(join(root, '1003/io'), `read_bytes: ${value}\nwrite_bytes: 7\n`)
    write('18446744073709551615')
    new Procfs(root).io(`${root}/1003/`, io)
    t.deepEqual(io, { readBytes: 18446744073709551615n, writeBytes: 7 })
    write('9007199254740991')
    new Procfs(root).io(`${root}/1003/`, io)
    t.is(io.readBytes, Number.MAX_SAFE_INTEGER)
    write('18446744073709551616')
    t.throws(() => new Procfs(root).io(`${root}/1003/`, io), { name: 'KernelFormatError' })
  })
})

test('a status without some of its lines is an error, never what another one said', (t) => {
  const directory = '1003'
  const status = emptyStatus()
  withCopy((root) => {
    const whole = readFileSync(join(root, directory, 'status'), 'utf8')
    for (const key of ['Uid', 'voluntary_ctxt_switches', 'nonvoluntary_ctxt_switches']) {
      const copy = new Procfs(root)
      writeFileSync(
        join(root, directory, 'status'),
        whole.replace(new RegExp(`^${key}:.*\\n`, 'm'), ''),
      )
      t.throws(
        () => copy.status(`${root}/${directory}/`, status),
        { name: 'KernelFormatError' },
        key,
      )
    }
  })
})

test('a name beyond ASCII is not taken for another one of as many characters as it has bytes', (t) => {
  withCopy((root) => {
    const stat = readFileSync(join(root, '1003/stat'), 'utf8').replace('(python3)', '(é)')
    writeFileSync(join(root, '1003/stat'), stat)
    const copy = new Procfs(root)
    copy.stat(`${root}/1003/`, emptyStat())
    t.is(copy.commOr('Ã©'), 'é')
  })
})

test('of a command line no more is read than rules can look at in a moment', async (t) => {
  await withCopy(async (root) => {
    writeFileSync(join(root, '1003/cmdline'), `app\0${'x'.repeat(1024 * 1024)}\0`)
    const [program, argument] = await new Procfs(root).cmdline(`${root}/1003/`)
    t.is(program, 'app')
    t.is(argument.length, 256 * 1024 - 'app\0'.length)
  })
})

test('a number with something behind it is none', (t) => {
  const directory = '1003'
  withCopy((root) => {
    for (const wrong of ['1.5', '5k', '0x10', '1e9', '12\r']) {
      writeFileSync(join(root, directory, 'io'), `read_bytes: ${wrong}\nwrite_bytes: 7\n`)
      const read = () => new Procfs(root).io(`${root}/${directory}/`, emptyIo())
      t.throws(read, { name: 'KernelFormatError' }, wrong)
    }
  })
})

test('a file that is cut short anywhere is an error, never another value', async (t) => {
  const stat = emptyStat()
  const status = emptyStatus()
  const io = emptyIo()
  const memory = emptyProportionalMemory()
  await withCopy(async (root) => {
    const copy = new Procfs(root)
    const directory = `${root}/1003/`
    const readings: Record<string, () => unknown> = {
      stat: () => {
        copy.stat(directory, stat)
        return { ...stat, comm: copy.comm() }
      },
      status: () => {
        copy.status(directory, status)
        return { ...status }
      },
      io: () => {
        copy.io(directory, io)
        return { ...io }
      },
      limits: () => copy.openFilesLimit(directory),
      smaps_rollup: async () => {
        await copy.proportionalMemory(directory, memory)
        return { ...memory }
      },
    }
    for (const [file, read] of Object.entries(readings)) {
      const whole = readFileSync(join(directory, file))
      const expected = await read()
      let errors = 0
      for (let length = 1; length < whole.length; length++) {
        writeFileSync(join(directory, file), whole.subarray(0, length))
        let value: unknown
        try {
          value = await read()
        } catch (error) {
          t.is((error as Error).name, 'KernelFormatError', `${file} cut at ${length}`)
          errors++
          continue
        }
        t.deepEqual(value, expected, `${file} cut at ${length}`)
      }
      t.true(errors > 0, file)
      writeFileSync(join(directory, file), whole)
    }
  })
})

test('what is not there says so as the kernel does', (t) => {
  t.throws(() => statOf(4711), { code: 'ENOENT' })
  t.throws(() => new Procfs('/nowhere'), { code: 'ENOENT' })
})

async function withCopy(use: (root: string) => void | Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'procfs-'))
  try {
    cpSync(FIXTURES, root, { recursive: true })
    mkdirSync(join(root, '1003/fd'), { recursive: true })
    await use(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
