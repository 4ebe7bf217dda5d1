import test from 'ava'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'

test('owners of processes are told by their lines, in whatever order processes are asked for', (t) => {
  const workloads = new Workloads(new NameResolver({ sources: [] }), undefined)
  const container = (digit: string) => [`0::/docker/${digit.repeat(64)}`]
  const [one, other, host] = [container('1'), container('2'), ['0::/']]
  const owners = [one, one, other, one, host, host, other].map(
    (lines) => workloads.ownerOfProcess(lines).containerId?.[0],
  )
  t.deepEqual(owners, ['1', '1', '2', '1', undefined, undefined, '2'])
})
