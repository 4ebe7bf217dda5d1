/** The program as it is started: exit codes, signals, and output. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { hashSync } from 'bcryptjs'
import { makeAuthority } from './support/authority.ts'
import { parseSamples } from './support/exposition.ts'
import { getSecurely } from './support/protected-server.ts'
import { skip } from './support/skip.ts'

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

interface Running {
  readonly child: ChildProcess
  output: string
}

function start(t: ExecutionContext, ...words: string[]): Running {
  return startProgram(t, MAIN, words)
}

function startProgram(t: ExecutionContext, program: string, words: readonly string[]): Running {
  return startCommand(t, process.execPath, [program, ...words])
}

function startCommand(t: ExecutionContext, command: string, words: readonly string[]): Running {
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'pipe'] })
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

test.serial('help and version', async (t) => {
  t.like(await finish(t, '--help'), { code: 0 })
  const { code, output } = await finish(t, '-version')
  t.is(code, 0)
  t.regex(output, /^otel-interrogator \d+\.\d+\.\d+\n$/)
})

test.serial('one collection', async (t) => {
  const { code, output } = await finish(t, '--once')
  t.is(code, 0)
  t.true(parseSamples(output).length > 100)
})

test.serial(
  'called process-exporter, it tracks nothing without rules, and groups alone with them',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'main-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const link = join(directory, 'prometheus-process-exporter')
    symlinkSync(MAIN, link)
    const words = ['-web.listen-address', '127.0.0.1:0']
    const seen = async (...more: string[]) => {
      const running = startProgram(t, link, [...words, ...more])
      const url = await says(running, /"metrics":"([^"]+)"/)
      await says(running, /"exporters":\["prometheus"\],"msg":"started"/)
      const samples = parseSamples(await (await fetch(url)).text())
      running.child.kill('SIGTERM')
      const [code] = await once(running.child, 'close')
      t.is(code, 0)
      t.notRegex(running.output, /"level":"(?:warn|error)"/)
      return samples
    }
    const isGroup = ({ name }: { name: string }) => name.startsWith('namedprocess_namegroup_')
    t.deepEqual((await seen()).filter(isGroup), [])
    const file = join(directory, 'rules.yaml')
    writeFileSync(
      file,
      'process_names: [{name: absent, comm: [no-such]}, {name: here, comm: [node, MainThread]}]\n',
    )
    const samples = await seen('-config.path', file)
    t.deepEqual(
      [...new Set(samples.filter(isGroup).map(({ labels }) => labels.groupname))],
      ['here'],
    )
    t.deepEqual(
      samples.filter(({ name }) =>
        /^(?:cgroup_|container_|kubevirt_|node_|target_info)/.test(name),
      ),
      [],
    )
  },
)

test.serial('a second collection has what was used since the first', async (t) => {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'])
  t.teardown(() => busy.kill('SIGKILL'))
  await once(busy, 'spawn')
  const path = file(t, `process_names: [{name: busy, cmdline: ['for']}]`)
  const used = async (...words: string[]) => {
    const { code, output } = await finish(t, ...words, `--config=${path}`)
    t.is(code, 0)
    return parseSamples(output)
      .filter(
        ({ name, labels }) => name.endsWith('cpu_seconds_total') && labels.groupname === 'busy',
      )
      .reduce((sum, { value }) => sum + value, 0)
  }
  t.is(await used('--once'), 0)
  t.true((await used('-once-to-stdout-delay=700ms')) > 0)
})

test.serial('a wrong configuration ends with 2, and says where', async (t) => {
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

test.serial(
  'a field that no process has is warned of, by check-config and at the start',
  async (t) => {
    const path = file(
      t,
      'process_names:\n  - name: "{{.ExecBase}}"\n    cmdline: [.+]\n    labels: {a: "{{if .Comm}}{{$.Nope}}{{end}}"}\n' +
        '  - name: "{{with .Matches}}{{.Anything}}{{end}}"\n    cmdline: [.+]\n',
    )
    const { code, output } = await finish(t, 'check-config', '-config.path', path)
    t.is(code, 0)
    t.deepEqual(
      output
        .replaceAll(/\S*\/agent/g, 'agent')
        .trim()
        .split('\n')
        .sort(),
      [
        'agent.yaml:2: label a ends at {{.Nope}}, a field that no process has',
        'agent.yaml:2: name ends at {{.ExecBase}}, a field that no process has; did you mean "ExeBase"?',
        'the configuration is right',
      ],
    )
    const running = start(t, '-config.path', path, '-debug', '--exporters=none')
    await says(running, /name ends at \{\{\.ExecBase\}\}/)
    await says(running, /otel-interrogator explain PID/)
  },
)

test.serial('a wrong web configuration ends with 2, before anything is served', async (t) => {
  const wrong = file(t, 'tls_server_config:\n  cert_file: a\n  key_fil: b\n')
  for (const words of [['check-config'], ['--exporters=prometheus', '--prometheus.port=0']]) {
    const { code, output } = await finish(t, ...words, `-web.config.file=${wrong}`)
    t.is(code, 2)
    t.regex(output, /agent\.yaml:2:14: cert_file can't be read/)
    t.regex(output, /agent\.yaml:3:3: unknown key "key_fil" .* "key_file"/)
    t.notRegex(output, /serving/)
  }
})

test.serial('passwords are asked for, and their change needs no restart', async (t) => {
  const users = (password: string) => `basic_auth_users: {a: "${hashSync(password, 4)}"}`
  const path = file(t, users('old'))
  const running = start(
    t,
    '--exporters=prometheus',
    '--prometheus.port=0',
    `-web.config.file=${path}`,
  )
  const url = await says(running, /"metrics":"([^"]+)"/)
  const status = async (password: string) => {
    const authorization = `Basic ${Buffer.from(`a:${password}`).toString('base64')}`
    return (await fetch(url, { headers: { authorization } })).status
  }
  t.is((await fetch(url)).status, 401)
  t.is(await status('old'), 200)
  writeFileSync(path, users('new'))
  t.is(await status('new'), 200)
  t.is(await status('old'), 401)
  await says(running, /web configuration is reloaded/)
  writeFileSync(path, 'tls_server_config: {cert_file: a, key_file: b}')
  t.is(await status('new'), 200)
  await says(running, /"problems":"[^"]*cert_file can't be read.*the old one stays/)
})

test.serial('whether there is TLS takes a restart', async (t) => {
  const authority = makeAuthority(t)
  if (authority === undefined) return skip(t, 'there is no openssl')
  const tls = `tls_server_config: {cert_file: ${authority.certificate}, key_file: ${authority.key}}`
  const path = file(t, tls)
  const running = start(
    t,
    '--exporters=prometheus',
    '--prometheus.port=0',
    `-web.config.file=${path}`,
  )
  const url = await says(running, /"metrics":"(https:[^"]+)"/)
  writeFileSync(path, '')
  const { status } = await getSecurely(url, {
    ca: authority.cert,
    checkServerIdentity: () => undefined,
  })
  t.is(status, 200)
  await says(running, /whether there is TLS can't change while running/)
  await t.throwsAsync(fetch(url.replace('https', 'http')))
})

test.serial('a procfs that is none ends with 1 and a sentence, not a trace', async (t) => {
  for (const words of [
    ['--procfs.root=/nowhere'],
    ['-procfs', '/tmp'],
    ['explain', '1', '-procfs=/tmp'],
  ]) {
    const { code, output } = await finish(t, ...words)
    t.is(code, 1)
    t.regex(
      output,
      /^otel-interrogator: procfs\.root \(.*HOST_PROC\) is \/\w+, which is no procfs that can be read: ENOENT\n$/,
    )
  }
})

test.serial('without a server the agent goes on until it is stopped', async (t) => {
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

test.serial(
  'rules are reloaded on SIGHUP, wrong ones are not, and SIGTERM ends with 0',
  async (t) => {
    const path = file(t, 'process_names: [{name: before, cmdline: [.+]}]')
    const running = start(
      t,
      `--config=${path}`,
      '--exporters=prometheus',
      '--web.listen-address=127.0.0.1:0',
      '--collection.max-age=0',
    )
    const url = await says(running, /"metrics":"([^"]+)"/)
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
  },
)

test.serial('with --watch a change of the file is enough', async (t) => {
  const path = file(t, 'process_names: [{name: before, cmdline: [.+]}]')
  const running = start(
    t,
    `--config=${path}`,
    '--watch',
    '--exporters=prometheus',
    '--prometheus.port=0',
  )
  // The file has been read, and the agent has not started yet.
  await says(running, /"msg":"serving /)
  writeFileSync(path, 'process_names: [{name: after, cmdline: [.+], ignore: true}]')
  await says(running, /rules are reloaded/)
  t.is(running.child.exitCode, null)
})

test.serial('a process is explained, and that it is in no group is the exit code', async (t) => {
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
    /rule 1 \(line 2\): does not match\n {2}no {3}comm \["other"\]; it is "sleep"/,
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

test.serial('koffi is loaded only for what needs it', async (t) => {
  const maps = async (...words: string[]) => {
    const running = start(t, '--exporters=prometheus', '--prometheus.port=0', ...words)
    await says(running, /"msg":"started"/)
    return readFileSync(`/proc/${running.child.pid}/maps`, 'utf8')
  }
  t.notRegex(await maps('--seccomp=off'), /koffi/)
  t.regex(await maps(), /koffi/)
  t.regex(await maps('--seccomp=off', '--pressure.triggers=cpu:some:100ms:2s'), /koffi/)
})

test.serial('localhost is the loopback address also without a file of hosts', async (t) => {
  if (process.getuid?.() !== 0) return skip(t, 'a mount namespace needs root')
  const script =
    'for file in hosts resolv.conf; do mount --bind /dev/null /etc/$file; done; exec "$@"'
  const agent = [process.execPath, MAIN, '--exporters=prometheus', '--prometheus.port=0']
  const running = startCommand(t, 'unshare', ['--mount', 'sh', '-c', script, 'sh', ...agent])
  const url = await says(running, /"metrics":"(http:\/\/127.0.0.1:[^"]+)"/)
  t.is((await fetch(url)).status, 200)
})
