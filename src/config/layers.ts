/** The configuration while its layers are put on each other, on a convict schema made from the settings. */
import convict from 'convict'
import type { Config } from './config.ts'
import { ConfigError, type ConfigProblem } from './problems.ts'
import type { ProcessNameItem } from './process-names.ts'
import { PROFILES, type Profile } from './profiles.ts'
import { SETTINGS } from './settings.ts'

export class Layers {
  processNames: ProcessNameItem[] | undefined
  readonly problems: ConfigProblem[] = []
  readonly #config = convict(convictSchema())
  /** Settings that a layer has set. */
  readonly #given = new Set<string>()

  /** Sets a value of a variable or flag. */
  setText(path: string, text: string, source: string): void {
    const value = SETTINGS[path].type.parse(text)
    if (value === undefined) this.problems.push({ source, message: notAllowed(path, text) })
    else this.#set(path, value)
  }

  /** Sets a value of a file; false when it isn't allowed. */
  setValue(path: string, value: unknown): boolean {
    const checked = SETTINGS[path].type.check(value)
    if (checked === undefined) return false
    this.#set(path, checked)
    return true
  }

  /** Says what a setting is after the layers so far: `… is used`. */
  inForce(path: string): string {
    const { type, isSecret, redact, unset = 'none' } = SETTINGS[path]
    const value: unknown = this.#config.get(path)
    if (value === undefined) return `${unset} is used`
    if (redact !== undefined) return `${redact(value)} is used`
    if (isSecret) return 'what is configured otherwise is used'
    return `${type.show?.(value) ?? shown(value)} is used`
  }

  /**
   * @param profile the one that stands where none is set.
   * @throws ConfigError when any layer has a problem.
   */
  finish(profile: Profile): Config {
    if (this.problems.length > 0) throw new ConfigError(this.problems)
    if (!this.#given.has('profile')) this.#config.set('profile', profile)
    const { [this.#config.get('profile') as unknown as Profile]: values } = PROFILES
    for (const [path, value] of Object.entries(values)) {
      if (!this.#given.has(path)) this.#config.set(path, value)
    }
    this.#config.validate({ allowed: 'strict' })
    const properties = this.#config.getProperties() as unknown as Config
    return { ...properties, process_names: this.processNames }
  }

  #set(path: string, value: unknown): void {
    this.#given.add(path)
    this.#config.set(path, value)
  }
}

/** Says what is wrong with a value and what is allowed. */
export function notAllowed(path: string, value: unknown): string {
  const { type, isSecret } = SETTINGS[path]
  if (isSecret) return `${path} must be ${type.allowed}`
  return `${path} is ${shown(value)} but must be ${type.allowed}`
}

/** As people write it, and not all of it when it is long. */
function shown(value: unknown): string {
  const isList = Array.isArray(value) && value.every((item) => typeof item !== 'object')
  const text = isList ? value.join(',') : (JSON.stringify(value) ?? String(value))
  return text.length <= MOST_SHOWN ? text : `${text.slice(0, MOST_SHOWN)}…`
}

/** Characters of a wrong value that are shown. */
const MOST_SHOWN = 200

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
