/** Cost of workload ownership: the same tree with names for all containers, and with none. */
import { cgroupOwner } from '../../src/workloads/cgroup-path.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { TestSource, testContainer, testPod } from '../../test/support/name-source.ts'
import { processGroups } from '../../test/support/process-groups.ts'
import { ProcfsTree } from '../../test/support/procfs-tree.ts'

const CONTAINERS = 500
const PROCESSES = 5000
const ROUNDS = 9

/** All processes belong to the host: nothing is to be looked up. */
class Nobody extends Workloads {
  override ownerOfProcess() {
    return cgroupOwner('/')
  }
}

export async function measureWorkloads(print: (line: string) => void): Promise<void> {
  const tree = new ProcfsTree()
  try {
    const source = new TestSource()
    const ids = Array.from({ length: CONTAINERS }, (_, index) =>
      index.toString(16).padStart(64, '0'),
    )
    source.containers = ids.map((id, index) => testContainer(id, 'main', testPod(`pod-${index}`)))
    for (let pid = 1; pid <= PROCESSES; pid++) {
      const pod = source.containers[pid % CONTAINERS]
      const path = `/kubepods/burstable/pod${pod.pod?.uid}/${pod.id}`
      tree.set(pid, { comm: `app${pid % 20}`, ppid: 0, cgroups: [path], openFiles: 0 })
    }
    const resolver = new NameResolver({ sources: [source] })
    await resolver.refresh()
    const subjects = {
      resolved: processGroups(tree.root, { workloads: new Workloads(resolver, undefined) }),
      plain: processGroups(tree.root, { workloads: new Nobody(resolver, undefined) }),
    }
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS + 2; round++) {
      const resolved = await cpu(() => subjects.resolved.sampler.snapshot())
      const plain = await cpu(() => subjects.plain.sampler.snapshot())
      // The first collections classify all processes.
      if (round >= 2) ratios.push(resolved / plain)
    }
    ratios.sort((a, b) => a - b)
    print(`whose ${PROCESSES} processes in ${CONTAINERS} containers are`)
    print(
      `  ratio with to without: ${ratios[Math.floor(ratios.length / 2)].toFixed(3)} ` +
        `(${ratios[0].toFixed(3)} to ${ratios.at(-1)?.toFixed(3)})`,
    )
  } finally {
    tree.dispose()
  }
}

/** Microseconds of this process's CPU. */
async function cpu(collect: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await collect()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
