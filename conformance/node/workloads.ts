/** The pods of a node with systemd: one of each quality of service, and containers that run into their limits. */
import { readFileSync } from 'node:fs'
import { IMAGE } from '../containerd/image.ts'
import type { ContainerConfig, PodSpec, Runtime } from '../containerd/runtime.ts'
import { NAMED_POD } from '../deploy/rights-probe.ts'

const SLEEP = 'sleep 100000'
/** The parent that a kubelet asks for when systemd makes cgroups. */
export const BURSTABLE = 'kubepods-burstable-podSLICE.slice'

interface Workload {
  readonly pod: PodSpec
  readonly name: string
  readonly script: string
  readonly resources: ContainerConfig['linux'] & object
}

export interface RunningWorkload {
  readonly id: string
  readonly name: string
  readonly podName: string
  readonly podNamespace: string
  readonly podUid: string
  /** Its cgroup, below the root. */
  readonly path: string
}

/** Its limit of CPUs, which it runs into. */
export const BUSY = { name: 'busy', cpus: 0.2 } as const
/** Its limit of memory in bytes, at which one of its processes is killed. */
export const HUNGRY = { name: 'hungry', bytes: 32 * 2 ** 20 } as const

const WORKLOADS: readonly Workload[] = [
  {
    pod: { ...NAMED_POD, cgroupParent: BURSTABLE },
    name: BUSY.name,
    script: `${SLEEP} & while :; do :; done`,
    resources: { resources: { cpu_period: 100_000, cpu_quota: BUSY.cpus * 100_000 } },
  },
  {
    pod: { name: 'db-1', namespace: 'shop', cgroupParent: 'kubepods-besteffort-podSLICE.slice' },
    name: HUNGRY.name,
    script: `dd if=/dev/zero of=/dev/null bs=${2 * HUNGRY.bytes} count=1; ${SLEEP} & wait`,
    resources: { resources: { memory_limit_in_bytes: HUNGRY.bytes } },
  },
  {
    pod: { name: 'dns-1', namespace: 'kube-system', cgroupParent: 'kubepods-podSLICE.slice' },
    name: 'quiet',
    script: SLEEP,
    resources: {},
  },
]

export async function podsOfNode(runtime: Runtime): Promise<RunningWorkload[]> {
  const running: RunningWorkload[] = []
  for (const { pod: spec, name, script, resources } of WORKLOADS) {
    const pod = await runtime.runPod(spec)
    const { id, pid } = await runtime.runConfigured(pod, name, {
      image: { image: IMAGE },
      command: ['/bin/sh', '-c', script],
      linux: resources,
    })
    const { name: podName, namespace: podNamespace, uid: podUid } = pod
    running.push({ id, name, podName, podNamespace, podUid, path: cgroupOf(pid) })
  }
  return running
}

/** As the node sees it. */
export function cgroupOf(pid: number): string {
  return /^0::(.+)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? ''
}
