/** `process_names`: the rules that name process groups, in the form that process-exporter's files have. */
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml'
import type { ProcessNameItem } from '../collectors/process-groups/classify/matcher.ts'
import { type ConfigProblem, suggestion } from './problems.ts'
import { readFlag, readLabels, readLimit } from './rule-extras.ts'
import { readSelector, SELECTORS, type SelectorsDraft } from './rule-selectors.ts'
import { type Entry, isNull, scalarText, type YamlFile } from './yaml-file.ts'

/** A rule while it is read. */
type Draft = { -readonly [K in keyof ProcessNameItem]: ProcessNameItem[K] }

const KEYS = ['name', ...SELECTORS, 'not', 'ignore', 'labels', 'limit']

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
