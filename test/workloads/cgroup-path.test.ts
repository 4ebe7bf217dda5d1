/** Cgroup paths as systems in the field make them. */
import test from 'ava'
import { type CgroupOwner, cgroupOwner } from '../../src/workloads/cgroup-path.ts'

const ID = '4f1c2b3a'.repeat(8)
const OTHER = '9e8d7c6b'.repeat(8)
const UID = '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const SLICE_UID = UID.replaceAll('-', '_')
const OUTER = '77777777-6d0a-4a57-9c1e-0f3b5d7a9c11'
const HASH = '0a1b2c3d4e5f60718293a4b5c6d7e8f9'
const TASK = 'c8a6b1f2d3e4f5061728394a5b6c7d8e'
const GARDEN_ID = '1f2e3d4c-5b6a-7988-a0b1-c2d3e4f50617'

const SYSTEMD = '/kubepods.slice/kubepods-burstable.slice'
const BURSTABLE = `${SYSTEMD}/kubepods-burstable-pod${SLICE_UID}.slice`
const BEST_EFFORT = `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${SLICE_UID}.slice`
const GUARANTEED = `/kubepods.slice/kubepods-pod${SLICE_UID}.slice`
const KIND = `/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${SLICE_UID}.slice`
const USER = '/user.slice/user-1000.slice/user@1000.service'

/** What is asserted; the directories are asserted apart. */
type Expected = Partial<Omit<CgroupOwner, 'podPath' | 'containerPath'>>
type Qos = NonNullable<CgroupOwner['qosClass']>

const pod = (qosClass: Qos, rest: Expected = {}): Expected => ({
  scope: 'pod',
  podUid: UID,
  qosClass,
  ...rest,
})
const container = (runtime?: string, containerId = ID): Expected => ({
  scope: 'container',
  containerId,
  ...(runtime !== undefined && { runtime }),
})
const inPod = (qosClass: Qos, runtime?: string, rest: Expected = {}): Expected =>
  pod(qosClass, { ...container(runtime), scope: 'pod', ...rest })
const host = (unit?: string, uid?: number): Expected => ({
  scope: 'host',
  ...(unit !== undefined && { unit }),
  ...(uid !== undefined && { uid }),
})
const monitor = (unit?: string): Expected => ({ ...host(unit), isMonitor: true })

const PATHS: [from: string, path: string, expected: Expected][] = [
  [
    'kubelet, systemd, containerd: burstable',
    `${BURSTABLE}/cri-containerd-${ID}.scope`,
    inPod('burstable', 'containerd'),
  ],
  [
    'kubelet, systemd, containerd: best effort',
    `${BEST_EFFORT}/cri-containerd-${ID}.scope`,
    inPod('besteffort', 'containerd'),
  ],
  [
    'kubelet, systemd, containerd: guaranteed',
    `${GUARANTEED}/cri-containerd-${ID}.scope`,
    inPod('guaranteed', 'containerd'),
  ],
  ['kubelet, systemd: the pod itself', BURSTABLE, pod('burstable')],
  ['kubelet, systemd: a guaranteed pod itself', GUARANTEED, pod('guaranteed')],
  [
    'kubelet, cgroupfs, containerd: burstable',
    `/kubepods/burstable/pod${UID}/${ID}`,
    inPod('burstable'),
  ],
  [
    'kubelet, cgroupfs, containerd: best effort',
    `/kubepods/besteffort/pod${UID}/${ID}`,
    inPod('besteffort'),
  ],
  ['kubelet, cgroupfs, containerd: guaranteed', `/kubepods/pod${UID}/${ID}`, inPod('guaranteed')],
  ['kubelet, cgroupfs: the pod itself', `/kubepods/burstable/pod${UID}`, pod('burstable')],
  ['kubelet, cgroupfs: a guaranteed pod itself', `/kubepods/pod${UID}`, pod('guaranteed')],
  ['CRI-O, systemd: burstable', `${BURSTABLE}/crio-${ID}.scope`, inPod('burstable', 'cri-o')],
  ['CRI-O, systemd: best effort', `${BEST_EFFORT}/crio-${ID}.scope`, inPod('besteffort', 'cri-o')],
  ['CRI-O, systemd: guaranteed', `${GUARANTEED}/crio-${ID}.scope`, inPod('guaranteed', 'cri-o')],
  [
    "CRI-O with crun: the container's child",
    `${BURSTABLE}/crio-${ID}.scope/container`,
    inPod('burstable', 'cri-o'),
  ],
  ['CRI-O: a sandbox without .scope', `${BURSTABLE}/crio-${ID}`, inPod('burstable', 'cri-o')],
  [
    'CRI-O: the monitor in the pod',
    `${BURSTABLE}/crio-conmon-${ID}.scope`,
    pod('burstable', { isMonitor: true }),
  ],
  ['CRI-O, cgroupfs', `/kubepods/burstable/pod${UID}/crio-${ID}`, inPod('burstable', 'cri-o')],
  [
    'CRI-O, cgroupfs: the monitor',
    `/kubepods/burstable/pod${UID}/crio-conmon-${ID}`,
    pod('burstable', { isMonitor: true }),
  ],
  [
    'CRI-O: the monitor in system.slice',
    `/system.slice/crio-conmon-${ID}.scope`,
    monitor(`crio-conmon-${ID}.scope`),
  ],
  [
    'dockershim and cri-dockerd, systemd',
    `${BURSTABLE}/docker-${ID}.scope`,
    inPod('burstable', 'docker'),
  ],
  [
    'dockershim and cri-dockerd, systemd: best effort',
    `${BEST_EFFORT}/docker-${ID}.scope`,
    inPod('besteffort', 'docker'),
  ],
  [
    'dockershim and cri-dockerd, systemd: guaranteed',
    `${GUARANTEED}/docker-${ID}.scope`,
    inPod('guaranteed', 'docker'),
  ],
  [
    'kubelet systemd, containerd not: one directory at the root',
    `/kubepods-burstable-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    inPod('burstable', 'containerd'),
  ],
  [
    'kubelet systemd, containerd not: below its service',
    `/system.slice/containerd.service/kubepods-besteffort-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    inPod('besteffort', 'containerd'),
  ],
  [
    'kubelet systemd, containerd not: guaranteed',
    `/kubepods-pod${SLICE_UID}.slice:cri-containerd:${ID}`,
    inPod('guaranteed', 'containerd'),
  ],
  [
    'kubelet systemd, CRI-O not',
    `/kubepods-burstable-pod${SLICE_UID}.slice:crio:${ID}`,
    inPod('burstable', 'cri-o'),
  ],
  [
    'static pod: hash as uid, systemd',
    `${SYSTEMD}/kubepods-burstable-pod${HASH}.slice/cri-containerd-${ID}.scope`,
    inPod('burstable', 'containerd', { podUid: HASH }),
  ],
  [
    'static pod: hash as uid, cgroupfs',
    `/kubepods/burstable/pod${HASH}/${ID}`,
    inPod('burstable', undefined, { podUid: HASH }),
  ],
  [
    'k3s, rootless',
    `${USER}/user.slice/k3s-rootless.scope/evac/kubepods/besteffort/pod${UID}/${ID}`,
    inPod('besteffort'),
  ],
  ['kind, on the node', `${KIND}/cri-containerd-${ID}.scope`, inPod('besteffort', 'containerd')],
  [
    'kind, on the machine: cgroup v2',
    `/system.slice/docker-${OTHER}.scope${KIND}/cri-containerd-${ID}.scope`,
    inPod('besteffort', 'containerd'),
  ],
  [
    'kind, on the machine: cgroup v1',
    `/docker/${OTHER}${KIND}/cri-containerd-${ID}.scope`,
    inPod('besteffort', 'containerd'),
  ],
  [
    'kind: a service of the node',
    `/docker/${ID}/system.slice/containerd.service`,
    container('docker'),
  ],
  ['kubelet with --cgroup-root', `/pods/kubepods/burstable/pod${UID}/${ID}`, inPod('burstable')],
  [
    'kubelet with --cgroup-root, systemd',
    `/my.slice/my-kubepods.slice/my-kubepods-burstable.slice/my-kubepods-burstable-pod${SLICE_UID}.slice/crio-${ID}.scope`,
    inPod('burstable', 'cri-o'),
  ],
  [
    'a node in a pod: the inner pod',
    `/kubepods/burstable/pod${OUTER}/${OTHER}/kubepods/besteffort/pod${UID}/${ID}`,
    inPod('besteffort'),
  ],
  [
    'Docker in a pod: the container of the pod',
    `/kubepods/burstable/pod${UID}/${ID}/docker/${OTHER}`,
    inPod('burstable'),
  ],
  [
    'systemd in a pod',
    `${BURSTABLE}/cri-containerd-${ID}.scope/system.slice/nginx.service`,
    inPod('burstable', 'containerd'),
  ],
  [
    "KubeVirt's housekeeping cgroup",
    `${BURSTABLE}/cri-containerd-${ID}.scope/housekeeping`,
    inPod('burstable', 'containerd'),
  ],
  [
    'libvirt in a KubeVirt pod',
    `${BURSTABLE}/crio-${ID}.scope/container/machine.slice/machine-qemu.scope/libvirt/emulator`,
    inPod('burstable', 'cri-o'),
  ],
  ['Docker, systemd', `/system.slice/docker-${ID}.scope`, container('docker')],
  ['Docker, cgroupfs', `/docker/${ID}`, container('docker')],
  ['Docker with a cgroup parent', `/custom/${ID}`, container()],
  ['Docker, rootless', `${USER}/user.slice/docker-${ID}.scope`, container('docker')],
  ['Docker in Docker: the outer container', `/docker/${ID}/docker/${OTHER}`, container('docker')],
  ['Docker: systemd inside', `/system.slice/docker-${ID}.scope/init.scope`, container('docker')],
  ['Podman', `/machine.slice/libpod-${ID}.scope`, container('podman')],
  ['Podman with crun', `/machine.slice/libpod-${ID}.scope/container`, container('podman')],
  ['Podman, cgroupfs', `/libpod_parent/libpod-${ID}`, container('podman')],
  ['Podman, rootless', `${USER}/user.slice/libpod-${ID}.scope/container`, container('podman')],
  [
    'Podman: a container in a pod',
    `/machine.slice/machine-libpod_pod_${OTHER}.slice/libpod-${ID}.scope`,
    container('podman'),
  ],
  ['Podman, cgroupfs: a container in a pod', `/libpod_parent/${ID}`, container('podman')],
  [
    'Podman: the monitor',
    `/machine.slice/libpod-conmon-${ID}.scope`,
    monitor(`libpod-conmon-${ID}.scope`),
  ],
  ['nerdctl, systemd', `/system.slice/nerdctl-${ID}.scope`, container('containerd')],
  ['nerdctl, cgroupfs', `/default/${ID}`, container()],
  ['LXC', '/lxc.payload.web/system.slice/nginx.service', container('lxc', 'web')],
  ['LXC: the monitor', '/lxc.monitor.web', monitor()],
  ['LXC, old', '/lxc/web', container('lxc', 'web')],
  ['Amazon ECS', `/ecs/${TASK}/${TASK}-1234567890`, container('docker', `${TASK}-1234567890`)],
  ['Cloud Foundry', `/garden/${GARDEN_ID}`, container('garden', GARDEN_ID)],
  ['systemd: a service', '/system.slice/sshd.service', host('sshd.service')],
  [
    'systemd: a service of an instance',
    '/system.slice/system-getty.slice/getty@tty1.service',
    host('getty@tty1.service'),
  ],
  ['systemd: the runtime itself', '/system.slice/containerd.service', host('containerd.service')],
  [
    'systemd: the kubelet in a slice of its own',
    '/kubelet.slice/kubelet.service',
    host('kubelet.service'),
  ],
  [
    'systemd: a session',
    '/user.slice/user-1000.slice/session-2.scope',
    host('session-2.scope', 1000),
  ],
  ["systemd: a user's own manager", `${USER}/app.slice/vim.scope`, host('user@1000.service', 1000)],
  ['systemd: PID 1', '/init.scope', host('init.scope')],
  ['systemd: a QoS slice', '/kubepods.slice/kubepods-burstable.slice', host()],
  ['kubelet, cgroupfs: a QoS class', '/kubepods/burstable', host()],
  ['Talos: a system service', '/podruntime/kubelet', host()],
  ['no systemd', '/', host()],
  ['a name that only looks like a pod', `/pod${UID}x/${ID}`, container()],
  [
    'a cgroup namespace: another pod',
    `/../../../kubepods-burstable.slice/kubepods-burstable-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    inPod('burstable', 'containerd'),
  ],
  [
    'a cgroup namespace: a container of the own pod',
    `/../cri-containerd-${ID}.scope`,
    container('containerd'),
  ],
  ['a cgroup namespace: PID 1', '/../../../../init.scope', host('init.scope')],
]

for (const [from, path, expected] of PATHS) {
  test(from, (t) => {
    const { podPath, containerPath, ...owner } = cgroupOwner(path)
    t.deepEqual(owner, { isMonitor: false, ...expected } as typeof owner)
    for (const directory of [podPath, containerPath]) {
      t.true(directory === undefined || `${path}/`.startsWith(`${directory}/`))
    }
    t.is(containerPath === undefined, owner.containerId === undefined)
    if (containerPath !== undefined) t.is(cgroupOwner(containerPath).containerId, owner.containerId)
    if (podPath !== undefined) t.is(cgroupOwner(podPath).podUid, owner.podUid)
  })
}

test('no path is too odd', (t) => {
  const parts = [
    '',
    'pod',
    UID,
    ID,
    `pod${UID}`,
    '.scope',
    ':',
    'lxc',
    'crio-',
    'kubepods',
    '..',
    '\uFFFD',
    `-${ID}`,
  ]
  let state = 1
  const pick = () => {
    state = (state * 48_271) % 2_147_483_647
    return parts[state % parts.length]
  }
  for (let round = 0; round < 5000; round++) {
    const owner = cgroupOwner(`/${pick()}${pick()}/${pick()}${pick()}/${pick()}`)
    t.is(owner.scope === 'pod', owner.podUid !== undefined)
  }
})
