/** The selectors of a rule: lists of words or of numbers, where a list of one may be written without brackets. */
import { isScalar, isSeq, type Node } from 'yaml'
import type { Selectors } from '../collectors/process-groups/classify/selectors.ts'
import type { ConfigProblem } from './problems.ts'
import { scalarText, type YamlFile } from './yaml-file.ts'

const WORDS = [
  'comm',
  'exe',
  'cmdline',
  'exe_path',
  'cgroup',
  'username',
  'parent',
  'scope',
  'namespace',
  'pod',
  'container',
] as const satisfies readonly (keyof Selectors)[]
const NUMBERS = ['ppid', 'uid'] as const satisfies readonly (keyof Selectors)[]

/** Conditions on a process while they are read. */
export type SelectorsDraft = { -readonly [K in keyof Selectors]: Selectors[K] }

/** Keys of the selectors of a rule. */
export const SELECTORS = [...WORDS, ...NUMBERS] as const

/**
 * Reads one selector into the draft. What is wrong is added to the problems.
 *
 * @param key one of SELECTORS.
 */
export function readSelector(
  file: YamlFile,
  key: string,
  value: Node,
  into: SelectorsDraft,
  problems: ConfigProblem[],
): void {
  const numbers = NUMBERS.find((name) => name === key)
  const words = WORDS.find((name) => name === key)
  if (numbers !== undefined) {
    into[numbers] = readNumbers(file, key, value, problems)
  } else if (words !== undefined && (isSeq(value) || isScalar(value))) {
    const nodes = isSeq(value) ? (value.items as (Node | null)[]) : [value]
    into[words] = readWords(file, key, nodes, problems)
  } else {
    problems.push(file.problem(value, `${key} must be a list: ${key}: [...]`))
  }
}

function readWords(
  file: YamlFile,
  key: string,
  nodes: readonly (Node | null)[],
  problems: ConfigProblem[],
): string[] {
  return nodes.map((entry) => {
    const node = file.resolve(entry)
    if (node === null) return ''
    if (isScalar(node)) return scalarText(node)
    problems.push(file.problem(node, `an entry of ${key} must be a text`))
    return ''
  })
}

/** One number, as in the fork of process-exporter that has `ppid`, or several. */
function readNumbers(
  file: YamlFile,
  key: string,
  value: Node,
  problems: ConfigProblem[],
): number[] {
  const nodes = isSeq(value) ? (value.items as Node[]) : [value]
  return nodes.map((entry) => {
    const node = file.resolve(entry)
    const number = isScalar(node) ? node.value : undefined
    if (Number.isInteger(number) && (number as number) >= 0) return number as number
    problems.push(file.problem(node ?? value, `${key} must be a number or a list of numbers`))
    return 0
  })
}
