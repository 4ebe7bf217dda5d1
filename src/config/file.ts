/** The file's layer: every key is a setting, a section of settings, or the rules. */
import { isMap, isScalar, type Node } from 'yaml'
import { type Layers, notAllowed } from './layers.ts'
import { suggestion } from './problems.ts'
import { readProcessNames } from './process-names.ts'
import { SETTINGS } from './settings.ts'
import { YamlFile } from './yaml-file.ts'

/**
 * Sets what the file says; what is wrong with it is among the layers' problems.
 *
 * @throws ConfigError when the file can't be read or isn't YAML.
 */
export function readFile(layers: Layers, path: string): void {
  const file = new YamlFile(path)
  const { root } = file
  if (root === null || (isScalar(root) && root.value === null)) return
  if (!isMap(root)) {
    layers.problems.push(file.problem(root, 'the top of the file must be a map of settings'))
    return
  }
  for (const { key, keyNode, value } of file.entries(root)) {
    if (key === 'process_names') {
      layers.processNames = readProcessNames(file, value, layers.problems)
    } else {
      readNode(layers, file, key, keyNode, value)
    }
  }
}

function readNode(
  layers: Layers,
  file: YamlFile,
  path: string,
  keyNode: Node,
  node: Node | null,
): void {
  // Every object has a `constructor`, but it is no setting.
  const setting = Object.hasOwn(SETTINGS, path) ? SETTINGS[path] : undefined
  const isNull = node === null || (isScalar(node) && node.value === null)
  if (setting !== undefined) {
    // An empty value leaves the default, as an empty variable does.
    if (isNull) return
    const value = file.plain(node)
    if (!layers.setValue(path, value)) {
      layers.problems.push(file.problem(node, notAllowed(path, value)))
    }
  } else if (!SECTIONS.has(path)) {
    const message = `unknown setting ${JSON.stringify(path)}${suggestion(path, KNOWN)}`
    layers.problems.push(file.problem(keyNode, message))
  } else if (isMap(node)) {
    for (const entry of file.entries(node)) {
      readNode(layers, file, `${path}.${entry.key}`, entry.keyNode, entry.value)
    }
  } else if (!isNull) {
    layers.problems.push(file.problem(node, `${path} must be a map of settings`))
  }
}

const SECTIONS = new Set(
  Object.keys(SETTINGS).flatMap((path) => {
    const parts = path.split('.')
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
  }),
)
const KNOWN = [...Object.keys(SETTINGS), ...SECTIONS, 'process_names']
