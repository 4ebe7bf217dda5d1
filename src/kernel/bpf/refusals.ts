/** What to do where the kernel takes no BPF program, or gives no records. */
import { existsSync, readFileSync } from 'node:fs'

const BTF = '/sys/kernel/btf/vmlinux'
const LOCKDOWN = '/sys/kernel/security/lockdown'

const HINTS: Readonly<Record<string, string>> = {
  EPERM:
    'it needs CAP_BPF and CAP_PERFMON, or root, and a seccomp profile that allows bpf(2); or an iterator that otel-interrogator pin-bpf has pinned',
  EACCES: 'the pinned iterator is not readable, or the kernel verifies the program in another way',
  ENOENT: 'the pinned iterator is gone, or the kernel lacks something that the program reads',
  ENOSYS: 'the kernel has no bpf(2), or a seccomp profile hides it',
  ENOTSUPP: 'the kernel lacks something that the program reads',
  EINVAL: 'the kernel is older than 5.19, or lacks something that the program reads',
  ERR_MODULE_NOT_FOUND: 'the optional package koffi is not installed',
}
/** Answers of a kernel that has bpf(2) but not what the program needs. */
const LACKING = new Set(['EINVAL', 'ENOENT', 'ENOTSUPP', 'EPERM'])

/**
 * Explains why the kernel refused a BPF program.
 *
 * @param btf and `lockdown` are the kernel's files.
 * @returns the error's message, with what causes it where that can be known.
 */
export function explainRefusal(
  error: NodeJS.ErrnoException,
  btf = BTF,
  lockdown = LOCKDOWN,
): string {
  const code = error.code ?? ''
  const hint = LACKING.has(code) ? (lacking(code, btf, lockdown) ?? HINTS[code]) : HINTS[code]
  return hint === undefined ? error.message : `${error.message} (${hint})`
}

function lacking(code: string, btf: string, lockdown: string): string | undefined {
  if (isConfidential(lockdown))
    return 'the kernel is in lockdown mode confidentiality, which forbids it'
  if (code !== 'EPERM' && !existsSync(btf)) return 'the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)'
  return undefined
}

function isConfidential(file: string): boolean {
  try {
    return readFileSync(file, 'latin1').includes('[confidentiality]')
  } catch {
    return false
  }
}
