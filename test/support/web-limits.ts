/** What clients may ask of a server in tests: what they may by default, but for what a test is about. */
import { loadConfig } from '../../src/config/load.ts'
import type { WebLimits } from '../../src/web/server.ts'

const DEFAULTS: WebLimits = loadConfig({ file: undefined, flags: new Map(), environment: {} })
  .config.web

export function limitsWith(changed: Partial<WebLimits> = {}): WebLimits {
  return { ...DEFAULTS, ...changed }
}
