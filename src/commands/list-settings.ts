/** The command `list-settings`: every setting, as Markdown. */
import { configurationReference } from '../config/help.ts'

export function listSettings(): string {
  return configurationReference()
}
