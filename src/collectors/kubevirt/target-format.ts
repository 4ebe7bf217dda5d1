/** `kubevirt.targets`: which processes of virtual machines are measured. */
import { type Format, format } from '../../lib/settings/formats.ts'
import type { Target } from './targets.ts'

export const KUBEVIRT_TARGETS: Format<readonly Target[]> = format({
  allowed: 'a list such as [{"name": "qemu", "argv": ["/usr/*/qemu*"]}], in text as JSON',
  parse: (text) => {
    try {
      return targets(JSON.parse(text))
    } catch {
      return undefined
    }
  },
  check: targets,
  show: (list) => (list.length === 0 ? 'none' : JSON.stringify(list)),
})

function targets(value: unknown): Target[] | undefined {
  const entries: unknown[] = Array.isArray(value) ? value : [value]
  const list = entries.map(target)
  return list.includes(undefined) ? undefined : (list as Target[])
}

function target(value: unknown): Target | undefined {
  const { name = '', argv: given } = (value ?? {}) as { name?: unknown; argv?: unknown }
  const argv: unknown = typeof given === 'string' ? [given] : given
  const isText = (word: unknown) => typeof word === 'string'
  if (typeof name !== 'string' || !Array.isArray(argv)) return undefined
  return argv.length > 0 && argv.every(isText) ? { name, argv } : undefined
}
