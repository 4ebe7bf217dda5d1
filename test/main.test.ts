/** The program as it is started: exit codes, signals, and what it says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { parseSamples } from './support/exposition.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Running {
  readonly child: ChildProcess
  output: string
}

function start(t: ExecutionContext, ...words: string[]): Running {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const running = { child, output: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      running.output += chunk
    })
  }
  return running
}

async function finish(t: ExecutionContext, ...words: string[]) {
  const running = start(t, ...words)
  const [code] = await once(running.child, 'close')
  return { code, output: running.output }
}

/** Waits until the program has said something. */
async function says(running: Running, pattern: RegExp): Promise<string> {
  for (;;) {
    const match = pattern.exec(running.output)
    if (match !== null) return match[1] ?? match[0]
    if (running.child.exitCode !== null) throw new Error(`it ended: ${running.output}`)
    await delay(20)
  }
}

function file(t: ExecutionContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'main-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'agent.yaml')
  writeFileSync(path, text)
  return path
}

test('help and version', async (t) => {
  t.like(await finish(t, '--help'), { code: 0 })
  const { code, output } = await finish(t, '-version')
  t.is(code, 0)
  t.regex(output, /^otel-interrogator \d+\.\d+\.\d+\n$/)
})

test('one collection', async (t) => {
  const { code, output } = await finish(t, '--once')
  t.is(code, 0)
  t.true(parseSamples(output).length > 100)
})

test('a wrong configuration ends with 2, and says where', async (t) => {
  const wrong = file(t, 'process_names:\n  - comm: [a]\n    cmdline: ["("]\n')
  for (const words of [['check-config', `--config=${wrong}`], [`--config=${wrong}`]]) {
    const { code, output } = await finish(t, ...words)
    t.is(code, 2)
    t.regex(output, /agent\.yaml:2: cmdline "\(": /)
  }
  t.is((await finish(t, '-children', 'false')).code, 2)
  t.is((await finish(t, '-procnames=a', `--config=${file(t, 'process_names: []')}`)).code, 2)
  t.like(await finish(t, 'check-config'), { code: 0, output: 'the configuration is right\n' })
})

test('a procfs that is none ends with 1 and a sentence, not a trace', async (t) => {
  const { code, output } = await finish(t, '--procfs.root=/nowhere')
  t.is(code, 1)
  t.regex(output, /^otel-interrogator: ENOENT: .*'\/nowhere'\n$/)
})

test('without a server the agent goes on until it is stopped', async (t) => {
  const running = start(
    t,
    '--exporters=otlp',
    '--otlp.endpoint=http://127.0.0.1:9',
    '--otlp.export-timeout=100ms',
  )
  await says(running, /"msg":"started"/)
  await says(running, /can not be pushed/)
  t.is(running.child.exitCode, null)
  running.child.kill('SIGTERM')
  const [code] = await once(running.child, 'close')
  t.is(code, 0)
})

test('rules are reloaded on SIGHUP, wrong ones are not, and SIGTERM ends with 0', async (t) => {
  const path = file(t, 'process_names: [{name: before, cmdline: [.+]}]')
  const running = start(
    t,
    `--config=${path}`,
    '--exporters=prometheus',
    '--web.listen-address=127.0.0.1:0',
    '--collection.max-age=0',
  )
  const url = await says(running, /"url":"([^"]+)"/)
  await says(running, /"msg":"started"/)
  const groups = async () => {
    const samples = parseSamples(await (await fetch(url)).text())
    const counts = samples.filter(
      ({ name, value }) => name.endsWith('group_num_procs') && value > 0,
    )
    return counts.map(({ labels }) => labels.groupname)
  }
  t.deepEqual(await groups(), ['before'])
  writeFileSync(path, 'process_names: [{name: after, cmdline: [.+]}]')
  running.child.kill('SIGHUP')
  await says(running, /rules are reloaded/)
  t.deepEqual(await groups(), ['after'])
  writeFileSync(path, 'process_names: {}')
  running.child.kill('SIGHUP')
  await says(running, /rules are not reloaded/)
  t.deepEqual(await groups(), ['after'])
  const reloads = parseSamples(await (await fetch(url)).text()).filter(
    ({ name }) => name === 'procgroup_rules_reloads_total',
  )
  t.deepEqual(
    reloads.map(({ value }) => value),
    [1, 1],
  )
  running.child.kill('SIGTERM')
  const [code] = await once(running.child, 'close')
  t.is(code, 0)
})

test('with --watch a change of the file is enough', async (t) => {
  const path = file(t, 'process_names: [{name: before, cmdline: [.+]}]')
  const running = start(
    t,
    `--config=${path}`,
    '--watch',
    '--exporters=prometheus',
    '--prometheus.port=0',
  )
  await says(running, /"msg":"started"/)
  writeFileSync(path, 'process_names: [{name: after, cmdline: [.+], ignore: true}]')
  await says(running, /rules are reloaded/)
  t.is(running.child.exitCode, null)
})

test('a process is explained, and that it is in no group is the exit code', async (t) => {
  const path = file(
    t,
    'process_names:\n- name: other\n  comm: [other]\n- name: "{{.Comm}}"\n  exe: [sleep]\n  not: {uid: 99}\n',
  )
  const child = spawn('sleep', ['1000'])
  t.teardown(() => child.kill())
  await once(child, 'spawn')
  const explained = await finish(t, 'explain', String(child.pid), `--config=${path}`)
  t.is(explained.code, 0)
  t.regex(
    explained.output,
    /rule 1 \(line 2\): does not match\n {2}no {3}comm \["other"\], for it is "sleep"/,
  )
  t.regex(
    explained.output,
    /rule 2 \(line 4\): matches\n {2}yes {2}exe \["sleep"\]\n {2}yes {2}not uid \[99\]/,
  )
  t.regex(explained.output, /group "sleep": a rule matches/)
  const ignored = await finish(
    t,
    'explain',
    String(child.pid),
    '--procnames=nothing',
    '--children=false',
  )
  t.is(ignored.code, 1)
  t.regex(ignored.output, /in no group: no rule matches/)
  t.like(await finish(t, 'explain', '4194999'), { code: 1 })
  t.like(await finish(t, 'explain', 'sleep'), { code: 2 })
  const all = await finish(t, 'explain', '--all', `--config=${path}`)
  t.is(all.code, 0)
  t.regex(all.output, new RegExp(`^${child.pid} +sleep +sleep +a rule matches$`, 'm'))
})
