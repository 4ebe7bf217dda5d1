/** The processes of a virt-launcher pod of KubeVirt 1.9, by PID. */
import type { Process } from './procfs-tree.ts'

export interface LauncherPod {
  readonly vm: string
  readonly namespace: string
  /** UID of the VirtualMachineInstance. */
  readonly uid: string
  readonly podUid: string
  readonly containerId: string
  /** PID of the first process; the others follow. */
  readonly first: number
}

/** Monitor, launcher, virtqemud, virtlogd and QEMU; each used as many ticks as its place says, in hundreds. */
export function launcherPod(pod: LauncherPod): Record<number, Process> {
  const { vm, namespace, uid, podUid, containerId, first } = pod
  const cgroups = [`/kubepods/burstable/pod${podUid}/${containerId}`]
  const own = ['--qemu-timeout', '280s', '--name', vm, '--uid', uid, '--namespace', namespace]
  const guest = ['-name', `guest=${namespace}_${vm},debug-threads=on`, '-machine', 'q35']
  const commands = [
    ['/usr/bin/virt-launcher-monitor', ...own],
    ['/usr/bin/virt-launcher', ...own],
    ['/usr/sbin/virtqemud', '-f', '/var/run/libvirt/virtqemud.conf'],
    ['/usr/sbin/virtlogd', '-f', '/etc/libvirt/virtlogd.conf'],
    ['/usr/libexec/qemu-kvm', ...guest],
  ]
  return Object.fromEntries(
    commands.map((argv, index) => [
      first + index,
      {
        argv,
        cgroups,
        comm: (argv[0].split('/').at(-1) as string).slice(0, 15),
        ppid: index === 0 ? 1 : first,
        utime: 100 * (index + 1),
        stime: 10 * (index + 1),
        starttime: 5000 + first + index,
        vsize: 4096 * 100,
        rss: 20,
        shared: 7,
        data: 50,
      },
    ]),
  )
}
