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
 * process-exporter ignores every key but `process_names`. In a file that has it and no setting of the agent, other keys
 * are therefore only warned of.
 *
 * @param text of the file; it is read when that is left out.
 * @returns the warnings.
 * @throws ConfigError when the file can't be read or isn't YAML.
 */
export function readFile(layers: Layers, path: string, text?: string): string[] {
  const file = new YamlFile(path, text)
  const { root } = file
  if (root === null || (isScalar(root) && root.value === null)) return []
  if (!isMap(root)) {
    layers.problems.push(file.problem(root, 'the top of the file must be a map of settings'))
    return []
  }
  const entries = file.entries(root)
  const isOfProcessExporter =
    entries.some(({ key }) => key === 'process_names') && !entries.some(({ key }) => isKnown(key))
  const warnings: string[] = []
  for (const { key, keyNode, value } of entries) {
    if (key === 'process_names') {
      layers.processNames = readProcessNames(file, value, layers.problems)
    } else if (isOfProcessExporter) {
      const { source } = file.problem(keyNode, '')
      warnings.push(`${source}: ${unknownSetting(key)}; it is ignored, as process-exporter does`)
    } else {
      readNode(layers, file, key, keyNode, value)
    }
  }
  return warnings
}

function isKnown(key: string): boolean {
  return Object.hasOwn(SETTINGS, key) || SECTIONS.has(key)
}

function unknownSetting(path: string): string {
  return `unknown setting ${JSON.stringify(path)}${suggestion(path, KNOWN)}`
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
    layers.problems.push(file.problem(keyNode, unknownSetting(path)))
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
