import test from 'ava'
import { hostPath, processCgroup } from '../../src/workloads/process-cgroup.ts'

const ID = '4f1c2b3a'.repeat(8)

const LINES: [what: string, lines: string[], path: string | undefined][] = [
  ['cgroup v2', ['0::/system.slice/a.service'], '/system.slice/a.service'],
  ['cgroup v2: the root', ['0::/'], '/'],
  ['a path with colons', [`0::/a.slice:cri-containerd:${ID}`], `/a.slice:cri-containerd:${ID}`],
  ['a removed cgroup', [`0::/docker/${ID} (deleted)`], `/docker/${ID}`],
  [
    'cgroup v1',
    ['12:pids:/docker/x', '5:cpu,cpuacct:/docker/x', `4:memory:/docker/${ID}`, '1:name=systemd:/'],
    `/docker/${ID}`,
  ],
  [
    'hybrid: v2 is only the unit',
    [`3:memory:/kubepods/podx/${ID}`, '0::/system.slice/containerd.service'],
    `/kubepods/podx/${ID}`,
  ],
  ['hybrid: v2 has nothing', ['3:memory:/', '1:name=systemd:/user.slice', '0::/'], '/user.slice'],
  [
    'hybrid: both are the container',
    [`3:memory:/docker/${ID}`, `0::/docker/${ID}/sub`],
    `/docker/${ID}/sub`,
  ],
  ['nothing', [], undefined],
  ['garbage', ['x', '1:2', '::'], undefined],
]

for (const [what, lines, path] of LINES) {
  test(what, (t) => t.is(processCgroup(lines), path))
}

test('paths in a cgroup namespace, as the host sees them', (t) => {
  const own = '/kubepods/burstable/pod1/agent'
  t.is(hostPath('/', own), own)
  t.is(hostPath('/child', own), `${own}/child`)
  t.is(hostPath('/../other', own), '/kubepods/burstable/pod1/other')
  t.is(hostPath('/../../../besteffort/pod2/x', own), '/kubepods/besteffort/pod2/x')
  t.is(hostPath('/../../../../init.scope', own), '/init.scope')
  t.is(hostPath('/../../../../../../init.scope', own), '/init.scope')
  t.is(hostPath('/../..', own), '/kubepods/burstable')
  t.is(hostPath('/../other', undefined), '/other')
  t.is(hostPath('/a/b', undefined), '/a/b')
  t.is(hostPath('/a/b', '/'), '/a/b')
})
