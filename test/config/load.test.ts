import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { loadConfiguration } from '../../src/agent/configuration.ts'
import { createRules } from '../../src/collectors/process-groups/classify/rules.ts'
import { parseCommandLine } from '../../src/config/command-line.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problems.ts'

interface Given {
  file?: string
  flags?: string[]
  environment?: NodeJS.ProcessEnv
}

function load(t: ExecutionContext, { file, flags = [], environment = {} }: Given) {
  let path: string | undefined
  if (file !== undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'config-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    path = join(directory, 'agent.yaml')
    writeFileSync(path, file)
  }
  return loadConfig({ file: path, flags: parseCommandLine(flags).flags, environment })
}

/** The problems of a load, without the directory of the file. */
function problems(t: ExecutionContext, given: Given): string[] {
  const error = t.throws(() => load(t, given), { instanceOf: ConfigError })
  return error.message.replaceAll(/\S*\/(agent\.yaml)/g, '$1').split('\n')
}

test('nothing has to be configured', (t) => {
  const { config, warnings } = load(t, {})
  t.deepEqual(warnings, [])
  t.is(config.process_names, undefined)
  t.like(config, {
    procfs: { root: '/proc' },
    collection: { max_age: 1000 },
    process_groups: { enabled: true, children: true, threads: true, smaps: true },
    prometheus: { host: 'localhost', port: 9464, path: '/metrics' },
    otlp: { endpoint: undefined, protocol: 'grpc', interval: 60_000, max_request_size: 3_145_728 },
  })
  t.deepEqual(config.exporters, ['prometheus', 'otlp'])
})

test('a flag is over a variable, a variable over a file, a file over the default', (t) => {
  const file = 'prometheus:\n  port: 1\n'
  const environment = { OTEL_EXPORTER_PROMETHEUS_PORT: '2' }
  const flags = ['--prometheus.port=3']
  const port = (given: Given) => load(t, given).config.prometheus.port
  t.is(port({ file }), 1)
  t.is(port({ file, environment }), 2)
  t.is(port({ file, environment, flags }), 3)
  t.is(port({ environment: { ...environment, OTEL_INTERROGATOR_PROMETHEUS_PORT: '4' } }), 4)
  t.is(port({ environment: { OTEL_EXPORTER_PROMETHEUS_PORT: '' } }), 9464)
})

test('a file is complained of with line, column and the place', (t) => {
  t.deepEqual(
    problems(t, { file: 'prometheus:\n  prot: 9\n  port: 70000\n  naming: [otel, clasic]\n' }),
    [
      'agent.yaml:2:3: unknown setting "prometheus.prot"; did you mean "prometheus.port"?',
      '      prot: 9',
      '      ^',
      'agent.yaml:3:9: prometheus.port is 70000 but must be an integer from 0 to 65535',
      '      port: 70000',
      '            ^',
      'agent.yaml:4:11: prometheus.naming is otel,clasic but must be a list of: otel, classic, cadvisor',
      '      naming: [otel, clasic]',
      '              ^',
    ],
  )
})

test('whatever is wrong in a file is said', (t) => {
  const first = (file: string) => problems(t, { file })[0]
  t.is(
    first('proces_names: []\n'),
    'agent.yaml:1:1: unknown setting "proces_names"; did you mean "process_names"?',
  )
  t.is(first('constructor: 1\n'), 'agent.yaml:1:1: unknown setting "constructor"')
  t.regex(first('prometheus: {toString: 1}\n'), /unknown setting "prometheus.toString"/)
  t.regex(first('- a\n'), /agent\.yaml:1:1: the top of the file must be a map/)
  t.regex(first('collection: 5\n'), /collection must be a map/)
  t.regex(first('collection: {max_age: soon}\n'), /max_age is "soon" but must be a duration/)
  t.regex(first('a: [1\n'), /agent\.yaml:\d+:\d+: /)
  t.regex(first('process_names:\n\t- a\n'), /agent\.yaml:2:1/)
  const missing = t.throws(() =>
    loadConfig({ file: '/nowhere.yaml', flags: new Map(), environment: {} }),
  )
  t.regex(missing.message, /^\/nowhere\.yaml: can't be read: ENOENT/)
})

test('aliases stand for what they name, but not for themselves', (t) => {
  const first = (file: string) => problems(t, { file })[0]
  const list = 'classic: {psi_prefix: &p cgroup_monitor}\ncgroups: {include: [*p, b]}\n'
  t.deepEqual(load(t, { file: list }).config.cgroups.include, ['cgroup_monitor', 'b'])
  const itself = /^agent\.yaml:\d+:\d+: \*p is a part of itself$/
  t.regex(first('prometheus: &p\n  <<: *p\n'), itself)
  t.regex(first('otlp: {headers: &p {a: *p}}\n'), itself)
  t.regex(first('otlp: &p {headers: {a: [{b: *p}]}}\n'), itself)
  t.regex(first('process_names: &p [{comm: [a]}, *p]\n'), itself)
  const doubled = Array.from(
    { length: 30 },
    (_, level) => `&a${level + 1} [*a${level}, *a${level}]`,
  )
  t.regex(first(`cgroups: {include: [&a0 x, ${doubled}]}\n`), /:1:\d+: there are too many aliases/)
})

test('problems of all layers come together', (t) => {
  const lines = problems(t, {
    file: 'log: {level: loud}\n',
    environment: { HOST_PROC: '/host/proc', OTEL_INTERROGATOR_OTLP_TIMEOUT: 'x' },
    flags: ['--prometheus.max-scrapes=0'],
  })
  t.regex(lines[0], /log\.level is "loud"/)
  t.regex(
    lines[3],
    /^variable OTEL_INTERROGATOR_OTLP_TIMEOUT: otlp\.timeout is "x" but must be a duration/,
  )
  t.regex(
    lines[4],
    /^flag --prometheus\.max-scrapes: .* is "0" but must be an integer from 1 to 64/,
  )
})

test("OpenTelemetry's variables", (t) => {
  const { config, warnings } = load(t, {
    environment: {
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_METRIC_EXPORT_INTERVAL: '5000',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://general:4317',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://metrics:4317',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%2Cb, x=y',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test,team=a%20b',
      OTEL_SERVICE_NAME: 'agent',
      OTEL_LOG_LEVEL: 'WARN',
      OTEL_EXPORTER_PROMETHEUS_HOST: '0.0.0.0',
    },
  })
  t.deepEqual(warnings, [])
  t.deepEqual(config.exporters, ['otlp'])
  t.like(config.otlp, {
    interval: 5000,
    metrics_endpoint: 'https://metrics:4317',
    compression: 'gzip',
  })
  t.deepEqual(Object.fromEntries(config.otlp.headers), { 'api-key': 'a,b', x: 'y' })
  t.deepEqual(Object.fromEntries(config.resource.attributes), {
    'deployment.environment.name': 'test',
    team: 'a b',
  })
  t.is(config.service.name, 'agent')
  t.is(config.log.level, 'warn')
  t.is(config.prometheus.host, '0.0.0.0')
})

test("a wrong value in one of OpenTelemetry's variables is a warning", (t) => {
  const { config, warnings } = load(t, {
    environment: {
      OTEL_METRIC_EXPORT_INTERVAL: 'often',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_METRICS_EXPORTER: 'console',
      OTEL_LOG_LEVEL: 'LOUD',
    },
  })
  t.is(config.otlp.interval, 60_000)
  t.is(warnings.length, 3)
  t.true(
    warnings.some((line) =>
      line.startsWith('OTEL_METRIC_EXPORT_INTERVAL is ignored: otlp.interval is "often"'),
    ),
  )
  t.deepEqual(load(t, { environment: { OTEL_SDK_DISABLED: 'true' } }).config.exporters, ['none'])
})

test('an endpoint that is not understood is ignored, and what is used instead is said', (t) => {
  const bad = { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'user:canary' }
  const first = load(t, { environment: bad })
  t.is(first.config.otlp.metrics_endpoint, undefined)
  t.is(first.warnings.length, 1)
  t.regex(first.warnings[0], /^OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is ignored: .*must be a URL/)
  t.regex(first.warnings[0], /; otlp\.endpoint is used$/)
  t.notRegex(first.warnings[0], /canary/)
  // The more general variable counts then.
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://me:canary@collector'
  const second = load(t, { environment: { ...bad, OTEL_EXPORTER_OTLP_ENDPOINT } })
  t.is(second.config.otlp.endpoint, OTEL_EXPORTER_OTLP_ENDPOINT)
  t.notRegex(second.warnings[0], /canary/)
  const general = load(t, { environment: { OTEL_EXPORTER_OTLP_ENDPOINT: 'canary' } })
  t.regex(general.warnings[0], /; http:\/\/localhost:4317 \(http\/protobuf: .*4318\) is used$/)
  for (const line of problems(t, { flags: ['--otlp.endpoint=user:canary'] })) {
    t.notRegex(line, /canary/)
  }
})

test('what is secret is not shown', (t) => {
  const { warnings } = load(t, { environment: { OTEL_EXPORTER_OTLP_HEADERS: 'secret' } })
  t.regex(warnings[0], /^OTEL_EXPORTER_OTLP_HEADERS is ignored: otlp\.headers must be pairs/)
  const [line] = problems(t, { flags: ['--otlp.headers=secret'] })
  t.notRegex(line, /secret/)
})

test('durations and sizes', (t) => {
  const age = (text: string) =>
    load(t, { flags: [`--collection.max-age=${text}`] }).config.collection.max_age
  t.is(age('1m30s'), 90_000)
  t.is(age('1.5s'), 1500)
  t.is(age('300ms'), 300)
  t.is(age('250'), 250)
  t.is(age('0'), 0)
  t.throws(() => age('2h'))
  t.throws(() => age('5 s'))
  const size = (text: string) =>
    load(t, { flags: [`--otlp.max-request-size=${text}`] }).config.otlp.max_request_size
  t.is(size('1MiB'), 1_048_576)
  t.is(size('70000'), 70_000)
  t.throws(() => size('1KiB'))
})

test('process_names in all the shapes that process-exporter takes', (t) => {
  const rules = (text: string) => load(t, { file: `process_names:${text}` }).config.process_names
  t.deepEqual(rules(''), [])
  t.deepEqual(rules(' []'), [])
  t.deepEqual(load(t, { file: '' }).config.process_names, undefined)
  t.deepEqual(rules('\n  - name: 5\n    comm: [123, 0x10, yes, null, true]\n'), [
    { name: '5', comm: ['123', '0x10', 'yes', '', 'true'], line: 2 },
  ])
  t.deepEqual(rules('\n  - comm: []\n  - cmdline: []\n'), [
    { comm: [], line: 2 },
    { cmdline: [], line: 3 },
  ])
  t.deepEqual(rules('\n  - ppid: 1\n  - ppid: [1, 2]\n'), [
    { ppid: [1], line: 2 },
    { ppid: [1, 2], line: 3 },
  ])
  t.deepEqual(rules('\n  - exe: [a]\n    exe: [b]\n    name: null\n'), [{ exe: ['b'], line: 2 }])
  t.deepEqual(rules('\n  - &x\n    comm: [a]\n    name: n\n  - <<: *x\n    name: m\n'), [
    { comm: ['a'], name: 'n', line: 3 },
    { comm: ['a'], name: 'm', line: 5 },
  ])
  t.is(rules(' []\n---\nprocess_names: [{comm: [a]}]\n')?.length, 0)
})

test('process_names that mean nothing are refused', (t) => {
  const first = (text: string) => problems(t, { file: `process_names:${text}` })[0]
  t.regex(first(' {a: b}'), /must be a list of rules/)
  t.regex(first(' text'), /must be a list of rules/)
  t.regex(first('\n  - text\n'), /agent\.yaml:2:5: a rule must be a map/)
  t.regex(first('\n  -\n'), /matches nothing/)
  t.regex(
    first('\n  - name: x\n'),
    /agent\.yaml:2:5: the rule matches nothing: it needs comm, exe, cmdline, exe_path/,
  )
  t.regex(first('\n  - comm:\n'), /matches nothing/)
  t.regex(first('\n  - comm: {a: b}\n'), /must be a list/)
  t.regex(first('\n  - comm: [[a]]\n'), /an entry of comm must be a text/)
  t.regex(first('\n  - name: [a]\n    comm: [b]\n'), /name must be a text/)
  t.regex(first('\n  - ppid: init\n'), /ppid must be a number or a list of numbers/)
  t.regex(first('\n  - ppid: -1\n'), /ppid must be/)
  t.regex(first('\n  - comm: *y\n'), /agent\.yaml:2:11: there is no anchor &y/)
  t.regex(
    first('\n  - cmdlin: [a]\n    comm: [b]\n'),
    /unknown key "cmdlin" in a rule; did you mean "cmdline"/,
  )
})

test('a list of one may be written as a word, everywhere', (t) => {
  const { config } = load(t, {
    file: [
      'exporters: prometheus',
      'prometheus: {naming: otel}',
      'workloads: {labels: app, sources: none}',
      'cgroups: {include: system.slice/*}',
      'perf: {scopes: pod, hardware: "CPUCycles,Instructions"}',
      'pressure: {triggers: {resource: cpu, stall: 100ms}}',
      'kubevirt: {targets: {name: vm, argv: /usr/bin/qemu*}}',
      'process_names: [{comm: bash, cmdline: "a,b", not: {username: root}}]',
    ].join('\n'),
  })
  t.deepEqual(config.exporters, ['prometheus'])
  t.deepEqual(config.prometheus.naming, ['otel'])
  t.deepEqual(config.workloads.labels, ['app'])
  t.deepEqual(config.workloads.sources, ['none'])
  t.deepEqual(config.cgroups.include, ['system.slice/*'])
  t.deepEqual(config.perf.scopes, ['pod'])
  t.deepEqual(config.perf.hardware, ['CPUCycles', 'Instructions'])
  t.like(config.pressure.triggers[0], { resource: 'cpu', stall: 100 })
  t.deepEqual(config.kubevirt.targets, [{ name: 'vm', argv: ['/usr/bin/qemu*'] }])
  t.like(config.process_names?.[0], {
    comm: ['bash'],
    cmdline: ['a,b'],
    not: { username: ['root'] },
  })
  const text = load(t, { file: 'pressure: {triggers: "cpu:some:100ms:2s"}' }).config.pressure
  t.is(text.triggers.length, 1)
})

test('one mistake in a file is one problem, which says how to mend it', (t) => {
  const only = (file: string, message: RegExp) => {
    const all = t.throws(() => load(t, { file }), { instanceOf: ConfigError })
    t.is(all.problems.length, 1, all.message)
    t.regex(all.message.split('\n')[0], message)
  }
  only(
    'process_names: [{cmdlin: [a]}]',
    /:18: unknown key "cmdlin" in a rule; did you mean "cmdline"/,
  )
  only('process_names: [{comm: {a: b}}]', /:24: comm must be a list/)
  only('process_names: [{comm: a, limit: {top: x}}]', /top must be a whole number/)
  only('log:\n  - b\n c: 1\n d: 2\n', /^\S+:3:1: is not YAML: All mapping items must start/)
  only('log: {level: "warn\nweb: {}\n', /is not YAML: Missing closing "quote/)
  const star = /a text that begins with \* must be quoted, such as '\*\.slice'/
  only('process_names: [{comm: [*.arg]}]', star)
  only('process_names: [{cmdline: [*]}]', star)
  only('process_names:\n- cmdline:\n  - *.jar --port\n', star)
  only('cgroups: {include: [*.slice]}', star)
  only(
    'cgroups: {include: ["a/{b,c}"]}',
    /must be a list of: a pattern of \*, \? and \*\*, without brackets/,
  )
  only('process_names: [{cmdline: ["\\d+"]}]', /put regular expressions in single quotes/)
  only('process_names: [{name: {{.Comm}}, comm: a}]', /quote a template: "\{\{\.Comm\}\}"/)
  only('log:\n\tlevel: warn\n', /must be indented by blanks, not by tabs/)
})

test("unknown keys in a file of process-exporter's are warned of, others are refused", (t) => {
  const file = [
    'enabled: true',
    'metrics: {path: /metrics}',
    'x-common: &common {comm: [a]}',
    'process_names: [{<<: *common}]',
  ].join('\n')
  const { config, warnings } = load(t, { file })
  t.deepEqual(config.process_names?.[0]?.comm, ['a'])
  const places = warnings.map((line) => line.replace(/^\S*\//, ''))
  t.deepEqual(places, [
    'agent.yaml:1:1: unknown setting "enabled"; it is ignored, as process-exporter does',
    'agent.yaml:2:1: unknown setting "metrics"; it is ignored, as process-exporter does',
    'agent.yaml:3:1: unknown setting "x-common"; it is ignored, as process-exporter does',
  ])
  const ours = `log: {level: warn}\n${file}`
  t.is(problems(t, { file: ours }).filter((line) => line.startsWith('agent.yaml')).length, 3)
  t.regex(problems(t, { file: 'enabled: true\n' })[0], /unknown setting "enabled"/)
})

test("process-exporter's profile replaces defaults, and everything else counts more", (t) => {
  const given = [
    { flags: ['--profile=process-exporter'] },
    { environment: { OTEL_INTERROGATOR_PROFILE: 'process-exporter' } },
    { file: 'profile: process-exporter\n' },
  ]
  for (const each of given) {
    const { config, warnings } = load(t, each)
    t.deepEqual(warnings, [])
    t.like(config, {
      profile: 'process-exporter',
      prometheus: { host: '', port: 9256, path: '/metrics', target_info: false },
      process_groups: { enabled: true, by_workload: false, threads: true, smaps: true },
      cgroups: { enabled: false },
      perf: { enabled: false },
      kubevirt: { enabled: false },
    })
    t.deepEqual(config.exporters, ['prometheus'])
    t.deepEqual(createRules(config).constants, [])
  }
  const { config } = load(t, {
    flags: ['--profile=process-exporter', '-web.listen-address=localhost:1', '--cgroups.enabled'],
    environment: { OTEL_METRICS_EXPORTER: 'otlp' },
    file: 'kubevirt: {enabled: true}\nprocess_groups: {zero_rows: true}\nprocess_names: [{name: a, comm: a}]\n',
  })
  t.like(config, {
    prometheus: { host: 'localhost', port: 1 },
    cgroups: { enabled: true },
    kubevirt: { enabled: true },
  })
  t.deepEqual(config.exporters, ['otlp'])
  t.is(createRules(config).constants.length, 1)
  t.regex(problems(t, { flags: ['--profile=node-exporter'] })[0], /must be none, process-exporter/)
})

test("the name of the program gives process-exporter's profile, unless another is set", (t) => {
  const profile = (program: string, ...flags: string[]) => {
    const commandLine = parseCommandLine(flags, program)
    return loadConfiguration(commandLine, {}).config.profile
  }
  t.is(profile('/usr/bin/prometheus-process-exporter'), 'process-exporter')
  t.is(profile('/app/node_modules/.bin/process-exporter'), 'process-exporter')
  t.is(profile('/bin/process-exporter', '--profile=none'), 'none')
  t.is(profile('/opt/otel-interrogator/dist/main.js'), 'none')
  t.is(profile('/home/process-exporter/otel-interrogator'), 'none')
})

test('a directory may end with a slash', (t) => {
  const { config } = load(t, { flags: ['--cgroups.root=/sys/fs/cgroup/', '-procfs=/proc//'] })
  t.is(config.cgroups.root, '/sys/fs/cgroup')
  t.is(config.procfs.root, '/proc')
  t.is(load(t, { file: 'cgroups: {root: /a/b/}' }).config.cgroups.root, '/a/b')
  t.regex(problems(t, { flags: ['-procfs='] })[0], /must be the path of a directory/)
})

test('the examples are right', (t) => {
  const examples = new URL('../../deploy/examples/', import.meta.url)
  for (const name of readdirSync(examples).filter((each) => each !== 'kustomization.yaml')) {
    const { config } = loadConfig({
      file: fileURLToPath(new URL(name, examples)),
      flags: new Map(),
      environment: {},
    })
    t.notThrows(() => createRules(config), name)
  }
})
