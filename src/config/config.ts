/** The configuration: all layers merged and checked. */

import type { ProcessNameItem } from '../collectors/process-groups/classify/matcher.ts'
import type { Values } from '../lib/settings/setting.ts'
import type { SCHEMA } from './settings.ts'

/** The values of all settings; keys are those of the file, durations milliseconds, sizes bytes. */
export type Settings = Values<typeof SCHEMA>

/** The whole configuration, inferred from the schema. */
export type Config = Settings & {
  /** The rules that name process groups; undefined for the built-in ones. */
  readonly process_names: readonly ProcessNameItem[] | undefined
}
