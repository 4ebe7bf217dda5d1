import test from 'ava'
import { FileHealth } from '../../../src/collectors/cgroups/file-health.ts'

const failure = (code: string) => Object.assign(new Error(code), { code })

test('what the kernel does not have is missing, what can not be read is an error', (t) => {
  const health = new FileHealth([0, 0])
  // With psi=0 older kernels have the files, and refuse to read them.
  for (const code of ['ENOENT', 'EOPNOTSUPP', 'ENODEV']) t.true(health.add('f', failure(code)))
  for (const code of ['EACCES', 'EFORMAT', 'EIO']) t.false(health.add('f', failure(code)))
})

test('a file that no cgroup has differs from one that some have', (t) => {
  const health = new FileHealth([0, 0])
  health.addMissing('cpu.pressure')
  health.addMissing('cpu.pressure')
  health.addMissing('io.stat')
  t.deepEqual(health.absent(2), ['cpu.pressure'])
  t.deepEqual(health.absent(0), [])
  health.beginPass()
  t.deepEqual(health.absent(1), [])
})
