/** The configuration while its layers are put on each other, with convict. */
import convict from 'convict'
import type { ProcessNameItem } from '../collectors/process-groups/classify/matcher.ts'
import type { Config, Settings } from './config.ts'
import { ConfigError, type ConfigProblem } from './problems.ts'
import { PROFILES, type Profile } from './profiles.ts'
import { SCHEMA, SETTINGS } from './settings.ts'

/** Collects the values of all layers, and the problems in them. */
export class Layers {
  processNames: ProcessNameItem[] | undefined
  readonly problems: ConfigProblem[] = []
  /** Without an environment and arguments: convict doesn't say which layer a wrong value is from. */
  readonly #config = convict<Settings>(SCHEMA, { env: {}, args: [] })
  /** Settings that a layer has set. */
  readonly #given = new Set<string>()

  /** Sets a value of a variable or flag. */
  setText(path: string, text: string, source: string): void {
    const value = SETTINGS[path].format.parse(text)
    if (value === undefined) this.problems.push({ source, message: notAllowed(path, text) })
    else this.#set(path, value)
  }

  /** Sets a value of a file; false when it isn't allowed. */
  setValue(path: string, value: unknown): boolean {
    const checked = SETTINGS[path].format.check(value)
    if (checked === undefined) return false
    this.#set(path, checked)
    return true
  }

  /** Says what a setting is after the layers so far: `… is used`. */
  inForce(path: string): string {
    const { format, sensitive, redact, unset = 'none' } = SETTINGS[path]
    const value = valueAt(this.#config.getProperties(), path)
    if (value === undefined) return `${unset} is used`
    if (redact !== undefined) return `${redact(value)} is used`
    if (sensitive) return 'what is configured otherwise is used'
    return `${format.show?.(value) ?? shown(value)} is used`
  }

  /**
   * @param profile the default profile.
   * @throws ConfigError when any layer has a problem.
   */
  finish(profile: Profile): Config {
    if (this.problems.length > 0) throw new ConfigError(this.problems)
    if (!this.#given.has('profile')) this.#config.set('profile', profile)
    const values = PROFILES[this.#config.getProperties().profile]
    for (const [path, value] of Object.entries(values)) {
      if (!this.#given.has(path)) this.#config.set(path, value)
    }
    this.#config.validate({ allowed: 'strict' })
    return { ...this.#config.getProperties(), process_names: this.processNames }
  }

  #set(path: string, value: unknown): void {
    this.#given.add(path)
    this.#config.set(path, value)
  }
}

/** Says what is wrong with a value and what is allowed. */
export function notAllowed(path: string, value: unknown): string {
  const { format, sensitive } = SETTINGS[path]
  if (sensitive) return `${path} must be ${format.allowed}`
  return `${path} is ${shown(value)} but must be ${format.allowed}`
}

/** As people write it, and not all of it when it is long. */
function shown(value: unknown): string {
  const isList = Array.isArray(value) && value.every((item) => typeof item !== 'object')
  const text = isList ? value.join(',') : (JSON.stringify(value) ?? String(value))
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`
}

/** Characters of a wrong value that are shown. */
const MAX_SHOWN = 200

function valueAt(values: object, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((section, key) => new Map(Object.entries(section ?? {})).get(key), values)
}
