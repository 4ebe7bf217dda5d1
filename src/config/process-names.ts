/** `process_names`: the rules that name process groups, in the form that process-exporter's files have. */
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import type { Limit } from '../collectors/process-groups/classify/assignment.ts'
import type { ProcessNameItem } from '../collectors/process-groups/classify/matcher.ts'
import { type ConfigProblem, suggestion } from './problems.ts'
import { readSelector, SELECTORS, type SelectorsDraft } from './rule-selectors.ts'
import { type Entry, isNull, scalarText, type YamlFile } from './yaml-file.ts'

/** A rule while it is read. */
type Draft = { -readonly [K in keyof ProcessNameItem]: ProcessNameItem[K] }

const KEYS = ['name', ...SELECTORS, 'not', 'ignore', 'labels', 'limit']

const BY = ['cpu', 'memory', 'io'] as const
const LIMIT_KEYS = ['top', 'by', 'other']
const LABEL = /^[a-zA-Z_][\w.]*$/
/** Labels that metrics of process groups have of their own. */
const TAKEN = new Set([
  'groupname',
  'threadname',
  'mode',
  'memtype',
  'state',
  'wchan',
  'ctxswitchtype',
  'iomode',
  'cpu.mode',
  'disk.io.direction',
])
/** Beginnings of the agent's own attribute names. */
const TAKEN_ROOT = /^(?:procgroup|process|system|k8s|container|otel)(?:[._]|$)/

/** The rules in the file; an absent or empty list has none, so that nothing is tracked. */
export function readProcessNames(
  file: YamlFile,
  node: Node | null,
  problems: ConfigProblem[],
): ProcessNameItem[] {
  if (isNull(node)) return []
  if (!isSeq(node)) {
    problems.push(file.problem(node as Node, 'process_names must be a list of rules'))
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
  const item: Draft = { line: file.line(place) }
  if (!isNull(node) && !isMap(node)) {
    problems.push(
      file.problem(place, 'a rule must be a map with name, comm, exe, cmdline or others'),
    )
    return item
  }
  const before = problems.length
  if (isMap(node)) for (const entry of file.entries(node)) readKey(file, entry, item, problems)
  // A rule with a wrong selector has one problem, not two.
  if (problems.length > before) return item
  if (item.not === undefined && SELECTORS.every((selector) => item[selector] === undefined)) {
    problems.push(file.problem(place, `the rule matches nothing: it needs ${SELECTORS.join(', ')}`))
  }
  return item
}

function readKey(
  file: YamlFile,
  { key, keyNode, value }: Entry,
  item: Draft,
  problems: ConfigProblem[],
): void {
  if (!KEYS.includes(key)) {
    const message = `unknown key ${JSON.stringify(key)} in a rule${suggestion(key, KEYS)}`
    problems.push(file.problem(keyNode, message))
  } else if (value === null || isNull(value)) {
    // As if the key were absent; the last of equal keys counts.
    delete item[key as Exclude<keyof ProcessNameItem, 'line'>]
  } else if (key === 'name') {
    if (isScalar(value)) item.name = scalarText(value)
    else problems.push(file.problem(value, 'name must be a text; quote a template: "{{.Comm}}"'))
  } else if (key === 'not') {
    if (isMap(value)) item.not = readNot(file, value, problems)
    else problems.push(file.problem(value, 'not must be a map of selectors: not: {comm: [...]}'))
  } else if (key === 'ignore') {
    item.ignore = readFlag(file, key, value, problems)
  } else if (key === 'labels') {
    item.labels = readLabels(file, value, problems)
  } else if (key === 'limit') {
    item.limit = readLimit(file, value, problems)
  } else {
    readSelector(file, key, value, item, problems)
  }
}

function readNot(file: YamlFile, map: YAMLMap, problems: ConfigProblem[]): SelectorsDraft {
  const selectors: SelectorsDraft = {}
  for (const { key, keyNode, value } of file.entries(map)) {
    if (!SELECTORS.some((selector) => selector === key)) {
      const hint = suggestion(key, SELECTORS)
      problems.push(file.problem(keyNode, `not takes selectors, not ${JSON.stringify(key)}${hint}`))
    } else if (value !== null && !isNull(value)) {
      readSelector(file, key, value, selectors, problems)
    }
  }
  return selectors
}

/** Reads a value that is true or false; anything else is a problem. */
function readFlag(file: YamlFile, key: string, value: Node, problems: ConfigProblem[]): boolean {
  if (isScalar(value) && typeof value.value === 'boolean') return value.value
  problems.push(file.problem(value, `${key} must be true or false`))
  return false
}

/** Reads the labels of a rule: names and templates. What is wrong is added to the problems. */
function readLabels(
  file: YamlFile,
  value: Node,
  problems: ConfigProblem[],
): Record<string, string> {
  const labels: Record<string, string> = {}
  if (!isMap(value)) {
    problems.push(file.problem(value, 'labels must be a map: labels: {user: "{{.Username}}"}'))
    return labels
  }
  for (const { key, keyNode, value: node } of file.entries(value)) {
    if (!LABEL.test(key)) {
      problems.push(file.problem(keyNode, `${JSON.stringify(key)} can't be the name of a label`))
    } else if (TAKEN.has(key) || TAKEN_ROOT.test(key)) {
      problems.push(file.problem(keyNode, `the label ${key} has a meaning already; choose another`))
    } else if (node !== null && !isScalar(node)) {
      problems.push(file.problem(node, `the label ${key} must be a text`))
    } else {
      labels[key] = node === null ? '' : scalarText(node)
    }
  }
  return labels
}

/** Reads the limit of a rule's groups (`top`, `by`, `other`). What is wrong is added to the problems. */
function readLimit(file: YamlFile, value: Node, problems: ConfigProblem[]): Limit {
  const limit: { -readonly [K in keyof Limit]: Limit[K] } = { top: 0, by: 'cpu', other: 'other' }
  const before = problems.length
  if (!isMap(value)) {
    problems.push(file.problem(value, 'limit must be a map: limit: {top: 20, by: cpu}'))
    return limit
  }
  for (const { key, keyNode, value: node } of file.entries(value)) {
    const place = node ?? keyNode
    const scalar = isScalar(node) ? node.value : undefined
    if (key === 'top' && Number.isInteger(scalar)) limit.top = scalar as number
    else if (key === 'top') problems.push(file.problem(place, 'top must be a whole number'))
    else if (key === 'by') limit.by = readBy(file, place, scalar, problems)
    else if (key === 'other' && typeof scalar === 'string') limit.other = scalar
    else if (key === 'other' && typeof scalar === 'boolean')
      limit.other = scalar ? 'other' : undefined
    else if (key === 'other')
      problems.push(file.problem(place, 'other must be true, false or a name'))
    else {
      const message = `unknown key ${JSON.stringify(key)} in limit${suggestion(key, LIMIT_KEYS)}`
      problems.push(file.problem(keyNode, message))
    }
  }
  if (limit.top < 1 && problems.length === before)
    problems.push(file.problem(value, 'limit needs top: how many groups to show'))
  return limit
}

function readBy(
  file: YamlFile,
  place: Node,
  value: unknown,
  problems: ConfigProblem[],
): Limit['by'] {
  const by = BY.find((name) => name === value)
  if (by === undefined) problems.push(file.problem(place, `by must be one of ${BY.join(', ')}`))
  return by ?? 'cpu'
}
