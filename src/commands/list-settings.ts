/** The command `list-settings`: every setting, as Markdown. */
import { configurationReference } from '../config/help.ts'

/** The configuration reference as Markdown. */
export function listSettings(): string {
  return configurationReference()
}
