/** What clients may ask of a server in tests: what they may by default, but for what a test is about. */
import { webLimits } from '../../src/agent/server.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { WebLimits } from '../../src/web/server.ts'

const DEFAULTS = webLimits(
  loadConfig({ file: undefined, flags: new Map(), environment: {} }).config.web,
)

export function limitsWith(changed: Partial<WebLimits> = {}): WebLimits {
  return { ...DEFAULTS, ...changed }
}
