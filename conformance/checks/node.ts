import { globSync } from 'node:fs'
import { join } from 'node:path'
import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { Containerd } from '../containerd/containerd.ts'
import { imageArchive } from '../deploy/image.ts'
import { agentsOf, objectsOf } from '../deploy/manifests.ts'
import { BY_RIGHTS, metricsSeen, NAMES } from '../deploy/rights-probe.ts'
import { compareWithFiles, filesOf, valueFor } from '../guest/file-comparison.ts'
import { boot, needEmulator, sections } from '../guest/guest.ts'
import { makeDiskLoader } from '../guest/image.ts'
import { kernelOf, unpackedGuest } from '../guest/kernel.ts'
import { debianRoot } from '../node/debian.ts'
import { makeNodeDisk } from '../node/disk.ts'
import { BUSY, HUNGRY, type RunningWorkload } from '../node/workloads.ts'

/** What a disk and containers need of the kernel, in the order in which they need each other. */
const MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci'],
  ...['virtio_blk', 'overlay'],
]
/** The agent in its forms; whether it may ask the runtime for names. */
const FORMS = {
  service: { what: 'the service of deploy/host', hasNames: false },
  root: { what: 'the service as root', hasNames: true },
  pod: { what: 'the pod of deploy/base', hasNames: true },
} as const

type Parts = ReadonlyMap<string, string>

export const check: Check = {
  title:
    'a whole node, emulated: systemd, containerd and cgroup v2 alone; the agent as a service and in a pod',

  async run({ scope, print }) {
    await needEmulator('amd64')
    const debian = await debianRoot(print)
    const unpacked = await unpackedGuest('amd64', [])
    const objects = await objectsOf('base')
    const containerd = await Containerd.start(scope)
    await containerd.importImages(await imageArchive(scope, agentsOf(objects)[0].image))
    await containerd.stop()
    const disk = await makeNodeDisk(scope, { debian, containerd: containerd.root, objects })
    const modules = MODULES.map(
      (name) => globSync(join(unpacked, `lib/modules/**/${name}.ko`))[0] as string,
    )
    const image = await makeDiskLoader(scope.directory(), modules)
    const kernel = kernelOf(unpacked)
    const begin = performance.now()
    // Messages of the kernel would stand in the middle of ours.
    const options = 'psi=1 loglevel=1 systemd.show_status=false systemd.getty_auto=no'
    const parts = sections(await boot(scope, 'amd64', { kernel, image, disk }, options))
    print(`the node ran for ${((performance.now() - begin) / 1000).toFixed(0)} s`)

    const workloads = JSON.parse(parts.get('workloads') ?? '[]') as RunningWorkload[]
    requireLayout(parts, workloads)
    print(`pods of three qualities of service, laid out by systemd: ${workloads[0].path}`)
    requireOwnUser(parts.get('service') ?? '')
    for (const [form, { what, hasNames }] of Object.entries(FORMS)) {
      const { held, limits } = compare(form, hasNames, parts, workloads)
      print(`${what}: ${held} values of containers and pods are those of the files; ${limits}`)
    }
    return `${workloads.length} pods, found by the agent in ${Object.keys(FORMS).length} forms`
  },
}

function requireLayout(parts: Parts, workloads: readonly RunningWorkload[]): void {
  const mounts = (parts.get('hierarchies') ?? '').trim()
  require(/^\S+ \/sys\/fs\/cgroup cgroup2 [^\n]*$/.test(mounts), `not cgroup v2 alone: ${mounts}`)
  const classes = ['burstable', 'besteffort', undefined]
  for (const [index, { id, podUid, path }] of workloads.entries()) {
    const slices = ['kubepods', classes[index]].filter((name) => name !== undefined)
    const above = slices.map((_, end) => `/${slices.slice(0, end + 1).join('-')}.slice`).join('')
    const pod = `${slices.join('-')}-pod${podUid.replaceAll('-', '_')}.slice`
    require(path === `${above}/${pod}/cri-containerd-${id}.scope`, `another layout: ${path}`)
  }
  const own = JSON.parse(parts.get('agent') ?? '{}') as { path?: string; isInNamespace?: boolean }
  require(own.path?.startsWith('/kubepods.slice/') === true, `the agent is in ${own.path}`)
  require(own.isInNamespace === true, 'the agent sees the paths of cgroups as the node does')
}

/** The unit's user is not root, and has the two capabilities and no other. */
function requireOwnUser(status: string): void {
  const [, uid] = /^Uid:\t(\d+)/m.exec(status) ?? []
  require(Number(uid) > 0, `the service runs as the user ${uid}`)
  const [, effective] = /^CapEff:\t(\w+)/m.exec(status) ?? []
  // CAP_DAC_READ_SEARCH is 2, CAP_SYS_PTRACE is 19.
  const wanted = (2 ** 2 + 2 ** 19).toString(16).padStart(16, '0')
  require(effective === wanted, `the service has the capabilities ${effective}`)
}

/** Returns the number of compared values, and the effects of the limits. */
function compare(
  form: string,
  hasNames: boolean,
  parts: Parts,
  workloads: readonly RunningWorkload[],
): { held: number; limits: string } {
  const samples = parseSamples(parts.get(`${form}_metrics`) ?? '')
  const before = filesOf(parts.get(`${form}_before`) ?? '')
  const after = filesOf(parts.get(`${form}_after`) ?? '')
  let held = 0
  for (const workload of workloads) {
    const { id, podUid } = workload
    const readings = { before, after, samples }
    const container = { prefix: 'container', label: 'container_id', value: id, cgroup: id } as const
    const pod = { prefix: 'k8s_pod', label: 'k8s_pod_uid', value: podUid, cgroup: podUid } as const
    held += compareWithFiles(container, readings).length + compareWithFiles(pod, readings).length
    const processes = (before.get(`${id} cgroup.procs`) ?? '').trim().split('\n').length
    const labels = labelsOf(workload, hasNames)
    for (const name of ['workload_process_count', 'container_cpu_time_seconds_total']) {
      const found = valueFor(samples, name, labels)
      require(found !== undefined, `${form}: no ${name} of ${JSON.stringify(labels)}`)
    }
    const counted = valueFor(samples, 'workload_process_count', labels)
    require(counted ===
      processes, `${form}: ${counted} processes in ${workload.name}, not ${processes}`)
  }
  const limits = requireLimits(form, samples, workloads)
  const wanted = BY_RIGHTS.filter((figure) => hasNames || figure !== NAMES)
  const missing = wanted.filter((figure) => !metricsSeen(samples).has(figure))
  require(missing.length === 0, `${form}: there is no ${missing.join(', ')}`)
  return { held, limits }
}

function labelsOf(workload: RunningWorkload, hasNames: boolean): Record<string, string> {
  const { id, name, podName, podNamespace, podUid } = workload
  const names = {
    k8s_container_name: name,
    k8s_pod_name: podName,
    k8s_namespace_name: podNamespace,
  }
  return { container_id: id, k8s_pod_uid: podUid, ...(hasNames && names) }
}

/** What the workloads are made to run into shows. */
function requireLimits(
  form: string,
  samples: readonly Sample[],
  workloads: readonly RunningWorkload[],
): string {
  const value = (name: string, metric: string, labels: Record<string, string> = {}) => {
    const container = workloads.find((workload) => workload.name === name)
    return valueFor(samples, metric, { ...labels, container_id: container?.id ?? '' }) ?? 0
  }
  const { name: busy, cpus } = BUSY
  require(value(busy, 'container_cpu_limit') === cpus, `${form}: another limit of CPU`)
  const throttled = value(busy, 'container_cpu_throttling_time_seconds_total')
  require(throttled > 0, `${form}: the busy container was not held back`)
  const stalled = value(busy, 'container_cpu_pressure_time_seconds_total', { psi_type: 'full' })
  require(stalled > 0, `${form}: the busy container has no pressure`)
  const { name: hungry, bytes } = HUNGRY
  require(value(hungry, 'container_memory_limit_bytes') ===
    bytes, `${form}: another limit of memory`)
  const kills = value(hungry, 'container_memory_oom_kills_total')
  require(kills >= 1, `${form}: nobody was killed for memory`)
  return `CPU held back ${throttled.toFixed(1)} s, pressure ${stalled.toFixed(1)} s, ${kills} OOM kill`
}
