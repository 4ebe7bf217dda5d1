/** Which fields a template asks of the value that it is executed for. */
import type { Node, Pipeline, Term } from './tree.ts'

/**
 * The first fields behind `.` where it is the value given, and behind `$`. Inside `with` and `range` the dot is another
 * value, and templates that are called have their own: what they ask for is not known before they are executed.
 */
export function fieldsOf(nodes: readonly Node[]): Set<string> {
  const fields = new Set<string>()
  addNodes(nodes, true, fields)
  return fields
}

/** @param isRoot whether the dot is the value that the template is executed for. */
function addNodes(nodes: readonly Node[], isRoot: boolean, fields: Set<string>): void {
  for (const node of nodes) {
    if (node.type === 'text') continue
    if (node.pipeline !== undefined) addPipeline(node.pipeline, isRoot, fields)
    if (node.type === 'action' || node.type === 'template') continue
    addNodes(node.body, isRoot && node.type === 'if', fields)
    addNodes(node.otherwise, isRoot, fields)
  }
}

function addPipeline({ commands }: Pipeline, isRoot: boolean, fields: Set<string>): void {
  for (const term of commands.flat()) addTerm(term, isRoot, fields)
}

function addTerm({ operand, fields: [first] }: Term, isRoot: boolean, fields: Set<string>): void {
  if (operand.type === 'pipeline') addPipeline(operand.pipeline, isRoot, fields)
  const isGiven =
    operand.type === 'dot' ? isRoot : operand.type === 'variable' && operand.name === '$'
  if (isGiven && first !== undefined) fields.add(first)
}
