import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url))

const PACKAGES = [
  'api',
  'configuration',
  'core',
  'exporter-metrics-otlp-grpc',
  'exporter-metrics-otlp-proto',
  'exporter-prometheus',
  'otlp-exporter-base',
  'otlp-grpc-exporter-base',
  'otlp-transformer',
  'resources',
  'sdk-metrics',
]

test('each OpenTelemetry package is there once, so that their classes are the same', (t) => {
  for (const name of PACKAGES) {
    const copies = globSync(`**/@opentelemetry/${name}/package.json`, { cwd: MODULES })
    t.deepEqual(copies, [`@opentelemetry/${name}/package.json`])
  }
})

test('the README names the version of Node.js that the package needs', (t) => {
  const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  const { engines, devDependencies } = JSON.parse(read('package.json'))
  const least = engines.node.replace('>=', '')
  t.true(read('README.md').includes(`the npm package needs ${least} or newer`), least)
  t.true(read('deploy/host/README.md').includes(`version ${least} or newer`), least)
  // From a checkout the scripts run with the version that npm ci brings, whatever started npm.
  t.regex(devDependencies.node, /^\d+\.\d+\.\d+$/)
})
