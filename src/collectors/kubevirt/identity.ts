/** The identity of the virtual machine that a virt-launcher pod runs. */
import { posix } from 'node:path'
import type { Pod } from '../../workloads/names.ts'

/** What is known of a virtual machine; each field may be unknown. */
export interface VmIdentity {
  readonly name: string | undefined
  readonly namespace: string | undefined
  /** UID of the VirtualMachineInstance. */
  readonly uid: string | undefined
}

/** The identity of a virtual machine of which nothing is known. */
export const NOBODY: VmIdentity = { name: undefined, namespace: undefined, uid: undefined }

/** Labels of pods that identify their virtual machine. */
export const KUBEVIRT_LABELS = {
  kind: 'kubevirt.io',
  createdBy: 'kubevirt.io/created-by',
  id: 'vmi.kubevirt.io/id',
  name: 'vm.kubevirt.io/name',
} as const
/** Annotation of a pod that names the virtual machine. */
export const DOMAIN_ANNOTATION = 'kubevirt.io/domain'

const LAUNCHER = 'virt-launcher'
const LAUNCHERS: ReadonlySet<string> = new Set([LAUNCHER, 'virt-launcher-monitor'])
const EMULATOR = /^qemu-(?:kvm$|system-)/
/** `virt-launcher-<vmi>-<5 characters>`. */
const POD_NAME = /^virt-launcher-(.+)-[a-z0-9]{5}$/

/** The identity in the command line of a launcher or an emulator; undefined for other processes. */
export function identityOfProcess(argv: readonly string[]): VmIdentity | undefined {
  const program = posix.basename(argv[0] ?? '')
  if (LAUNCHERS.has(program)) {
    return {
      name: option(argv, 'name'),
      namespace: option(argv, 'namespace'),
      uid: option(argv, 'uid'),
    }
  }
  return EMULATOR.test(program) ? guestOf(argv) : undefined
}

/** Whether the pod is a virt-launcher by its labels or its name. */
export function isLauncherPod(pod: Pod | undefined): boolean {
  return pod?.labels.get(KUBEVIRT_LABELS.kind) === LAUNCHER || POD_NAME.test(pod?.name ?? '')
}

/**
 * The identity of a virtual machine from the pod's names and from its processes.
 *
 * @param said the identity in the command lines of its processes.
 */
export function identityOf(pod: Pod | undefined, said: VmIdentity | undefined): VmIdentity {
  const label = (key: keyof typeof KUBEVIRT_LABELS) => pod?.labels.get(KUBEVIRT_LABELS[key])
  return {
    name:
      pod?.annotations.get(DOMAIN_ANNOTATION) ??
      said?.name ??
      label('id') ??
      label('name') ??
      POD_NAME.exec(pod?.name ?? '')?.[1] ??
      pod?.name,
    namespace: pod?.namespace ?? said?.namespace,
    uid: label('createdBy') ?? said?.uid,
  }
}

/** The fields of both; where both have one, that of the first. */
export function merge(one: VmIdentity | undefined, other: VmIdentity | undefined): VmIdentity {
  return {
    name: one?.name ?? other?.name,
    namespace: one?.namespace ?? other?.namespace,
    uid: one?.uid ?? other?.uid,
  }
}

/** `--name VALUE` or `--name=VALUE`. */
function option(argv: readonly string[], name: string): string | undefined {
  const flag = `--${name}`
  const at = argv.indexOf(flag)
  const text =
    at < 0 ? argv.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1) : argv[at + 1]
  return text === '' ? undefined : text
}

/** libvirt's `-name guest=<namespace>_<name>,…`; Kubernetes' names hold no underscore. */
function guestOf(argv: readonly string[]): VmIdentity | undefined {
  const text = argv[argv.indexOf('-name') + 1] ?? ''
  const guest = /(?:^|,)guest=((?:[^,]|,,)*)/.exec(text)?.[1]?.replaceAll(',,', ',')
  if (guest === undefined || guest === '') return undefined
  const at = guest.indexOf('_')
  const [namespace, name] = at <= 0 ? [undefined, guest] : [guest.slice(0, at), guest.slice(at + 1)]
  return { namespace, name, uid: undefined }
}
