import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problems.ts'

function load(t: ExecutionContext, text: string, environment: NodeJS.ProcessEnv = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'declarative-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'otel.yaml')
  writeFileSync(path, text)
  const all = { ...environment, OTEL_CONFIG_FILE: path }
  const { config, warnings } = loadConfig({ file: undefined, flags: new Map(), environment: all })
  return { config, warnings: warnings.map((line) => line.replaceAll(path, 'otel.yaml')) }
}

for (const version of ['1.0', '1.1']) {
  test(`readers, Resource, log level and the agent's own settings, schema ${version}`, (t) => {
    const { config, warnings } = load(
      t,
      `
file_format: "${version}"
log_level: debug
resource:
  attributes: [{name: service.name, value: mine}, {name: team, value: a}]
  attributes_list: "team=b,deployment.environment.name=test"
meter_provider:
  readers:
    - pull: {exporter: {prometheus/development: {host: 0.0.0.0, port: 9999, scope_info_enabled: true}}}
    - periodic:
        interval: 5000
        timeout: 4000
        exporter:
          otlp_http:
            endpoint: http://collector:4318/v1/metrics
            headers: [{name: api-key, value: x}]
            headers_list: "api-key=y,other=z"
            compression: gzip
            timeout: 3000
            temporality_preference: delta
            tls: {ca_file: /ca.pem, key_file: /key.pem, cert_file: /cert.pem}
distribution:
  otel-interrogator:
    process_groups: {threads: false}
    otlp.resources: single
    process_names: [{comm: bash}]
`.replace('    otlp.resources: single\n', '    otlp: {resources: single}\n'),
    )
    t.deepEqual(warnings, [])
    t.deepEqual(config.exporters, ['prometheus', 'otlp'])
    t.like(config.prometheus, { host: '0.0.0.0', port: 9999, scope_labels: true })
    t.like(config.otlp, {
      protocol: 'http/protobuf',
      metrics_endpoint: 'http://collector:4318/v1/metrics',
      interval: 5000,
      export_timeout: 4000,
      timeout: 3000,
      compression: 'gzip',
      temporality: 'delta',
      certificate: '/ca.pem',
      client_key: '/key.pem',
      client_certificate: '/cert.pem',
      resources: 'single',
    })
    t.deepEqual(Object.fromEntries(config.otlp.headers), { 'api-key': 'x', other: 'z' })
    t.deepEqual(Object.fromEntries(config.resource.attributes), {
      'service.name': 'mine',
      team: 'a',
      'deployment.environment.name': 'test',
    })
    t.is(config.log.level, 'debug')
    t.is(config.process_groups.threads, false)
    t.is(config.process_names?.length, 1)
  })
}

test('gRPC', (t) => {
  const { config, warnings } = load(
    t,
    `
file_format: "1.0"
meter_provider:
  readers: [{periodic: {exporter: {otlp_grpc: {endpoint: "collector:4317", tls: {insecure: true}, temporality_preference: low_memory}}}}]
`,
  )
  t.deepEqual(warnings, [])
  t.deepEqual(config.exporters, ['otlp'])
  t.like(config.otlp, {
    protocol: 'grpc',
    metrics_endpoint: 'collector:4317',
    insecure: true,
    temporality: 'lowmemory',
  })
})

test('what can not be honoured is listed in one warning', (t) => {
  const { config, warnings } = load(
    t,
    `
file_format: "1.0"
tracer_provider: {processors: [{simple: {exporter: {console: {}}}}]}
meter_provider:
  views: [{selector: {instrument_name: x}, stream: {}}]
  readers:
    - periodic: {exporter: {console: {}}}
    - periodic: {exporter: {otlp_http: {encoding: json}}}
    - periodic: {exporter: {otlp_grpc: {}}}
    - pull: {exporter: {prometheus/development: {resource_constant_labels: {included: [a]}}}}
`,
  )
  t.deepEqual(config.exporters, ['otlp', 'prometheus'])
  t.is(config.otlp.protocol, 'http/protobuf')
  t.is(warnings.length, 1)
  for (const what of [
    'tracer_provider',
    'meter_provider.views',
    'readers[0].periodic.exporter.console',
    'encoding: json (protobuf is used)',
    'readers[2].periodic',
    'resource_constant_labels',
  ]) {
    t.true(warnings[0].includes(what), `${what} is not in: ${warnings[0]}`)
  }
})

test("OpenTelemetry's variables do not count beside it, the agent's own do, and the file may ask for any", (t) => {
  const text = `
file_format: "1.0"
meter_provider:
  readers: [{periodic: {exporter: {otlp_grpc: {endpoint: "http://file:4317"}}}}]
`
  const { config } = load(t, text, {
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://variable:4317',
    OTEL_EXPORTER_OTLP_HEADERS: 'a=b',
    OTEL_LOG_LEVEL: 'DEBUG',
    OTEL_SDK_DISABLED: 'true',
    OTEL_INTERROGATOR_OTLP_INTERVAL: '7s',
    NODE_NAME: 'a-node',
  })
  t.like(config.otlp, { metrics_endpoint: 'http://file:4317', interval: 7000 })
  t.is(config.otlp.headers.size, 0)
  t.is(config.log.level, 'info')
  t.is(config.node.name, 'a-node')
  t.deepEqual(config.exporters, ['otlp'])
  t.deepEqual(load(t, 'file_format: "1.0"\ndisabled: true\n').config.exporters, ['none'])
})

test('what is wrong is said with its place', (t) => {
  const fails = (text: string, message: RegExp) =>
    t.throws(() => load(t, text), { instanceOf: ConfigError, message })
  fails('file_format: "2.0"\n', /Unsupported file_format/)
  fails('file_format: "1.0"\nlog_level: loud\n', /log_level/)
  fails('file_format: "1.0"\nunknown_thing: [\n', /otel\.yaml/)
  fails(
    'file_format: "1.0"\nmeter_provider: {readers: [{periodic: {interval: 1, exporter: {otlp_grpc: {}}}}]}\n',
    /meter_provider\.readers\[0\]\.periodic\.interval: otlp\.interval is 1 but must be a duration/,
  )
  fails(
    'file_format: "1.0"\ndistribution: {otel-interrogator: {process_group: {}}}\n',
    /distribution\.otel-interrogator\).*unknown setting "process_group"; did you mean/,
  )
  t.throws(
    () =>
      loadConfig({
        file: undefined,
        flags: new Map(),
        environment: { OTEL_CONFIG_FILE: '/nowhere.yaml' },
      }),
    { instanceOf: ConfigError, message: /\/nowhere\.yaml: .*ENOENT/ },
  )
})
