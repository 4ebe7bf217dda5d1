/** Settings as convict takes them, in sections; the type of their values is inferred from them. */
import type { Format } from './formats.ts'

/**
 * One setting: a property of a convict schema.
 *
 * convict itself knows one variable and one flag of a setting; here it may have several.
 */
export type Setting<T = unknown> = {
  /** Meaning, for `--help` and the reference. */
  readonly doc: string
  readonly format: Format<T>
  /** Undefined for a setting without a default. */
  readonly default: T
  /** What is used without a value, for a setting that has no default of its own. */
  readonly unset?: string
  /** Further variables, after the setting's own; the first that is set counts. */
  readonly variables?: readonly string[]
  /** Further flags, as other programs call them. */
  readonly flags?: readonly string[]
  /** For values that OpenTelemetry's specification has and the agent has not, in small letters: what is used instead. */
  readonly substitutes?: ReadonlyMap<string, string>
  /** Whether values are secret: no message shows them. */
  readonly sensitive?: boolean
  /** A valid value of a secret setting without what is secret in it. */
  redact?(value: NoInfer<T>): string
}

/** Settings and sections of settings, by their keys in a file. */
export interface Section {
  readonly [key: string]: Section | Setting
}

/** The values of a section's settings. */
export type Values<S> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : Values<S[K]>
}

type Row<T> = Omit<Setting<T>, 'default' | 'redact'> & { redact?(value: NoInfer<T>): string }

/** A setting; without a default its values may be undefined. */
export function setting<T>(row: Row<T> & { readonly default: NoInfer<T> }): Setting<T>
export function setting<T>(row: Row<T> & { readonly default: undefined }): Setting<T | undefined>
export function setting(row: Setting): Setting {
  return row
}

function isSetting(node: Section | Setting): node is Setting {
  return typeof node.format === 'function'
}

/** All settings below a section, by path: `a.b` is the key `b` of the section `a`. */
export function settingsByPath(section: Section, prefix = ''): Record<string, Setting> {
  const settings: Record<string, Setting> = {}
  for (const [key, node] of Object.entries(section)) {
    if (isSetting(node)) settings[prefix + key] = node
    else Object.assign(settings, settingsByPath(node, `${prefix}${key}.`))
  }
  return settings
}

type Intersection<U> = (U extends unknown ? (each: U) => void : never) extends (
  all: infer I,
) => void
  ? I
  : never

/** What sections are together: a section that several of them have has the settings of all. */
export type Merged<S extends readonly Section[]> = Intersection<S[number]>

/**
 * Puts sections together: settings of the same section in several of them are joined.
 *
 * @throws Error when two sections have the same setting.
 */
export function mergeSections<S extends readonly Section[]>(...sections: S): Merged<S> {
  return sections.reduce<Section>(merge, {}) as Merged<S>
}

function merge(first: Section, second: Section): Section {
  const merged: Record<string, Section | Setting> = { ...first }
  for (const [key, node] of Object.entries(second)) {
    const known = Object.hasOwn(merged, key) ? merged[key] : undefined
    if (known === undefined) merged[key] = node
    else if (isSetting(known) || isSetting(node)) throw new Error(`${key} is defined twice`)
    else merged[key] = merge(known, node)
  }
  return merged
}

/** Milliseconds in a second. */
export const SECOND = 1000
/** Milliseconds in an hour. */
export const HOUR = 3600 * SECOND
/** Bytes in a kibibyte. */
export const KIB = 1024
/** Bytes in a mebibyte. */
export const MIB = 1024 * KIB
