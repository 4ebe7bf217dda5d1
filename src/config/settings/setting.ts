/** What a setting is. */
import type { SettingType } from '../types.ts'

export interface Setting<T = unknown> {
  readonly doc: string
  readonly type: SettingType<T>
  readonly default: NoInfer<T> | undefined
  /** What is used without a value, for a setting that has no default of its own. */
  readonly unset?: string
  /** Further variables, after the setting's own; the first that is set counts. */
  readonly variables?: readonly string[]
  /** Further flags, as other programs call them. */
  readonly flags?: readonly string[]
  /** For values that OpenTelemetry's specification has and the agent has not, in small letters: what is used instead. */
  readonly substitutes?: ReadonlyMap<string, string>
  /** Whether values are secret: no message shows them. */
  readonly isSecret?: boolean
  /** A valid value of a secret setting without what is secret in it. */
  readonly redact?: (value: NoInfer<T>) => string
}

/** Settings by their path in a file; `a.b` is the key `b` of the section `a`. */
export type SettingTable = Readonly<Record<string, Setting>>

/** Keeps the value type of a row, for the compiler only. */
export function setting<T>(row: Setting<T>): Setting {
  return row as Setting
}

export const SECOND = 1000
export const HOUR = 3600 * SECOND
export const KIB = 1024
export const MIB = 1024 * KIB
