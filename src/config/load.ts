/** Puts the layers on each other: default < file < environment < flag. */
import convict from 'convict'
import { isMap, isScalar, type Node } from 'yaml'
import type { Config } from './config.ts'
import { readEnvironment } from './environment.ts'
import { ConfigError, type ConfigProblem, suggestion } from './problems.ts'
import { type ProcessNameItem, readProcessNames } from './process-names.ts'
import { SETTINGS, type Setting } from './settings.ts'
import { YamlFile } from './yaml-file.ts'

export interface ConfigSources {
  /** The configuration file, if there is one. */
  readonly file: string | undefined
  /** Settings that flags give, by path. */
  readonly flags: ReadonlyMap<string, FlagValue>
  readonly environment: NodeJS.ProcessEnv
}

export interface FlagValue {
  /** The flag as it was written. */
  readonly flag: string
  readonly text: string
}

export interface LoadedConfig {
  readonly config: Config
  /** What was set in vain, for the log. */
  readonly warnings: readonly string[]
}

/** @throws ConfigError with every problem of every layer. */
export function loadConfig({ file, flags, environment }: ConfigSources): LoadedConfig {
  const layers = new Layers()
  if (file !== undefined) readFile(layers, new YamlFile(file))
  const warnings = readEnvironment(layers, environment)
  for (const [path, { flag, text }] of flags) layers.setText(path, text, `flag ${flag}`)
  return { config: layers.finish(), warnings }
}

/** The configuration while it is being put together. */
export class Layers {
  processNames: ProcessNameItem[] | undefined
  readonly problems: ConfigProblem[] = []
  readonly #config = convict(convictSchema())

  /** Sets a value of a variable or flag. */
  setText(path: string, text: string, source: string): void {
    const { type } = SETTINGS[path]
    const value = type.parse(text)
    if (value === undefined) this.problems.push({ source, message: notAllowed(path, text, type) })
    else this.#config.set(path, value)
  }

  /** Sets a value of a file; false when it isn't allowed. */
  setValue(path: string, value: unknown): boolean {
    const checked = SETTINGS[path].type.check(value)
    if (checked === undefined) return false
    this.#config.set(path, checked)
    return true
  }

  /** @throws ConfigError when any layer has a problem. */
  finish(): Config {
    if (this.problems.length > 0) throw new ConfigError(this.problems)
    this.#config.validate({ allowed: 'strict' })
    const values = this.#config.getProperties() as unknown as Config
    return { ...values, process_names: this.processNames }
  }
}

/** Says what is wrong with a value and what is allowed. */
function notAllowed(path: string, value: unknown, type: Setting['type']): string {
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `${path} is ${shown} but must be ${type.allowed}`
}

function readFile(layers: Layers, file: YamlFile): void {
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
  const setting = SETTINGS[path]
  const isNull = node === null || (isScalar(node) && node.value === null)
  if (setting !== undefined) {
    // An empty value leaves the default, as an empty variable does.
    if (isNull) return
    const value = plainValue(file, node)
    if (!layers.setValue(path, value)) {
      layers.problems.push(file.problem(node, notAllowed(path, value, setting.type)))
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

function plainValue(file: YamlFile, node: Node): unknown {
  if (isScalar(node)) return node.value
  if (isMap(node)) {
    const entries = file.entries(node)
    return Object.fromEntries(
      entries.map(({ key, value }) => [key, value === null ? '' : plainValue(file, value)]),
    )
  }
  return node.toJSON()
}

const SECTIONS = new Set(
  Object.keys(SETTINGS).flatMap((path) => {
    const parts = path.split('.')
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('.'))
  }),
)
const KNOWN = [...Object.keys(SETTINGS), ...SECTIONS, 'process_names']

type ConvictSchema = { [key: string]: ConvictSchema | convict.SchemaObj<unknown> }

function convictSchema(): ConvictSchema {
  const schema: ConvictSchema = {}
  for (const [path, { doc, type, default: defaultValue }] of Object.entries(SETTINGS)) {
    const parts = path.split('.')
    const last = parts.pop() as string
    let section = schema
    for (const part of parts) {
      section[part] ??= {}
      section = section[part] as ConvictSchema
    }
    section[last] = {
      doc,
      default: defaultValue,
      format: (value: unknown) => {
        if (value !== undefined && type.check(value) === undefined) {
          throw new Error(`must be ${type.allowed}`)
        }
      },
    }
  }
  return schema
}
