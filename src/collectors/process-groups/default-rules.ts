/** The rules without a configuration: every program is a group, and the kernel's threads are one. */
import type { ProcessNameItem } from './rules/matcher.ts'

/**
 * Programs are named by the file they execute, for the names that processes give themselves are cut at
 * 15 bytes and often changed. Kernel threads have no command line; all descend from `kthreadd`.
 */
export const DEFAULT_RULES: readonly ProcessNameItem[] = [
  { name: '{{.Program}}', cmdline: ['.+'], line: 0 },
  { name: 'kthreadd', comm: ['kthreadd'], line: 0 },
]
