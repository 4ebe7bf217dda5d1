/** Limits of a server in tests: the defaults, except for those that a test is about. */
import { loadConfig } from '../../src/config/load.ts'
import type { WebLimits } from '../../src/web/server.ts'

const DEFAULTS: WebLimits = loadConfig({ file: undefined, flags: new Map(), environment: {} })
  .config.web

export function limitsWith(changed: Partial<WebLimits> = {}): WebLimits {
  return { ...DEFAULTS, ...changed }
}
