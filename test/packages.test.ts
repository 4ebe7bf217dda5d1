import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))

test('each OpenTelemetry package is there once, so that their classes are the same', (t) => {
  for (const name of ['api', 'core', 'resources', 'sdk-metrics', 'otlp-transformer']) {
    const copies = globSync(`**/@opentelemetry/${name}/package.json`, { cwd: MODULES })
    t.deepEqual(copies, [`@opentelemetry/${name}/package.json`])
  }
})
