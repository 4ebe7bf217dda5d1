/** `process_names`: the rules that name process groups, in the form that process-exporter's files have. */
import { isMap, isScalar, isSeq, type Node } from 'yaml'
import { type ConfigProblem, suggestion } from './problems.ts'
import { type Entry, scalarText, type YamlFile } from './yaml-file.ts'

/** A rule as it stands in the file. A process belongs to the first rule all of whose selectors match. */
export interface ProcessNameItem {
  /** Template of the group's name; process-exporter's default is `{{.ExeBase}}`. */
  name?: string
  comm?: string[]
  exe?: string[]
  cmdline?: string[]
  /** PIDs of the parent. */
  ppid?: number[]
  /** Line in the file. */
  line: number
}

const TEXT_SELECTORS = ['comm', 'exe', 'cmdline'] as const
const SELECTORS = [...TEXT_SELECTORS, 'ppid'] as const
const KEYS = ['name', ...SELECTORS]

/** The rules in the file; an absent or empty list has none, so that nothing is tracked. */
export function readProcessNames(
  file: YamlFile,
  node: Node | null,
  problems: ConfigProblem[],
): ProcessNameItem[] {
  if (node === null || (isScalar(node) && node.value === null)) return []
  if (!isSeq(node)) {
    problems.push(file.problem(node, 'process_names must be a list of rules'))
    return []
  }
  return node.items.map((item) => readItem(file, file.resolve(item as Node), node, problems))
}

function readItem(
  file: YamlFile,
  node: Node | null,
  list: Node,
  problems: ConfigProblem[],
): ProcessNameItem {
  const place = node ?? list
  const item: ProcessNameItem = { line: file.line(place) }
  const isEmpty = node === null || (isScalar(node) && node.value === null)
  if (!isEmpty && !isMap(node)) {
    problems.push(file.problem(place, 'a rule must be a map with name, comm, exe, cmdline or ppid'))
    return item
  }
  if (isMap(node)) for (const entry of file.entries(node)) readKey(file, entry, item, problems)
  if (SELECTORS.every((selector) => item[selector] === undefined)) {
    problems.push(file.problem(place, `the rule matches nothing: it needs ${SELECTORS.join(', ')}`))
  }
  return item
}

function readKey(
  file: YamlFile,
  { key, keyNode, value }: Entry,
  item: ProcessNameItem,
  problems: ConfigProblem[],
): void {
  const selector = TEXT_SELECTORS.find((name) => name === key)
  const isNull = value === null || (isScalar(value) && value.value === null)
  if (key === 'ppid' && !isNull) {
    item.ppid = readPids(file, value, problems)
  } else if (selector === undefined && key !== 'name' && key !== 'ppid') {
    const message = `unknown key ${JSON.stringify(key)} in a rule${suggestion(key, KEYS)}`
    problems.push(file.problem(keyNode, message))
  } else if (isNull) {
    // As if the key were absent; the last of equal keys counts.
    delete item[key as keyof ProcessNameItem & (typeof KEYS)[number]]
  } else if (selector === undefined) {
    if (isScalar(value)) item.name = scalarText(value)
    else problems.push(file.problem(value, 'name must be a text'))
  } else if (isSeq(value)) {
    item[selector] = readWords(file, selector, value.items as (Node | null)[], problems)
  } else {
    problems.push(file.problem(value, `${selector} must be a list: ${selector}: [...]`))
  }
}

function readWords(
  file: YamlFile,
  selector: string,
  nodes: readonly (Node | null)[],
  problems: ConfigProblem[],
): string[] {
  return nodes.map((entry) => {
    const node = file.resolve(entry)
    if (node === null) return ''
    if (isScalar(node)) return scalarText(node)
    problems.push(file.problem(node, `an entry of ${selector} must be a text`))
    return ''
  })
}

/** One PID, as in the fork of process-exporter that has this selector, or several. */
function readPids(file: YamlFile, value: Node, problems: ConfigProblem[]): number[] {
  const nodes = isSeq(value) ? (value.items as Node[]) : [value]
  return nodes.map((entry) => {
    const node = file.resolve(entry)
    const pid = isScalar(node) ? node.value : undefined
    if (Number.isInteger(pid) && (pid as number) >= 0) return pid as number
    problems.push(file.problem(node ?? value, 'ppid must be a PID or a list of PIDs'))
    return 0
  })
}
