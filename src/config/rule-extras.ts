/** What a rule may say besides selectors and a name: `ignore`, `labels`, `limit`. */
import { isMap, isScalar, type Node } from 'yaml'
import type { Limit } from '../collectors/process-groups/classify/assignment.ts'
import { type ConfigProblem, suggestion } from './problems.ts'
import { scalarText, type YamlFile } from './yaml-file.ts'

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

/** Reads a value that is true or false; anything else is a problem. */
export function readFlag(
  file: YamlFile,
  key: string,
  value: Node,
  problems: ConfigProblem[],
): boolean {
  if (isScalar(value) && typeof value.value === 'boolean') return value.value
  problems.push(file.problem(value, `${key} must be true or false`))
  return false
}

/** Reads the labels of a rule: names and templates. What is wrong is added to the problems. */
export function readLabels(
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
export function readLimit(file: YamlFile, value: Node, problems: ConfigProblem[]): Limit {
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
