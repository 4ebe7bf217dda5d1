/** A secret stands wherever one can stand, things go wrong, and nothing that is printed or served has it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { freePort } from '../support/free-port.ts'
import { isAlive, startMain, until } from '../support/program.ts'

const CANARY = 'c4n4ry'

function file(t: ExecutionContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'secrets-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'agent.yaml')
  writeFileSync(path, text)
  return path
}

/** Everything that the command says. */
async function outputOf(
  t: ExecutionContext,
  words: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<string> {
  const program = startMain(t, words, { env: { ...process.env, ...environment } })
  await program.ended
  return program.output
}

const FILES: readonly string[] = [
  `otlp: {headers: {authorization: "Bearer ${CANARY}}}`,
  `otlp:\n  headers:\n    authorization: Bearer ${CANARY}\n   x: y\n`,
  `otlp:\n  headers:\n    authorization: *${CANARY}\n`,
  `otlp:\n  headers:\n    authorization: "\\q${CANARY}"\n`,
  `otlp:\n  headers:\n    authorization: @${CANARY}\n`,
  `otlp:\n  headers:\n    authorization: Bearer: ${CANARY}: x\n`,
  `otlp:\n  headers: [${CANARY}]\n`,
  `otlp:\n  headers: ${CANARY}\n`,
  `otlp:\n  headers: {a: "${CANARY}\\n"}\n`,
  `otlp:\n  headers: {a: "${CANARY}ä"}\n`,
  `otlp:\n  headers: {a: {b: ${CANARY}}}\n`,
  `otlp:\n  header: {authorization: ${CANARY}}\n`,
  `otlp: ${CANARY}\n`,
  `otlp:\n  endpoint: ftp://u:${CANARY}@h\n`,
  `otlp:\n  endpoint: http://u:${CANARY}/x@h:1\n`,
  `otlp:\n  endpoint: http://u:%${CANARY}@h:1\n`,
  `otlp:\n  endpoint: http://u:${CANARY}@h:1\n  endpiont: http://u:${CANARY}@h:1\n`,
  `endpoint: http://u:${CANARY}@h:1\n`,
  `- authorization: ${CANARY}\n`,
  `{"otlp": {"headers": {"authorization": "${CANARY}"}},, }`,
]

for (const text of FILES) {
  test(`check-config and run of ${JSON.stringify(text)}`, async (t) => {
    const path = file(t, text)
    for (const command of [['check-config'], ['--log.level=trace']]) {
      const output = await outputOf(t, [...command, `--config=${path}`])
      t.regex(output, /agent\.yaml:\d+:\d+: /)
      t.notRegex(output, new RegExp(CANARY))
    }
  })
}

const WORDS: readonly string[][] = [
  [`--otlp.endpoint=ftp://u:${CANARY}@h`],
  ['--otlp.endpoint=', `http://u:${CANARY}@h`],
  [`http://u:${CANARY}@h`],
  ['run', `${CANARY}`],
  [`--otlp.endpiont=http://u:${CANARY}@h`],
  [`--otlp.headers=${CANARY}`],
  [`--otlp.headers=a=${CANARY}ä`],
  [`--otlp.headers=a=${CANARY}%0a`],
]

for (const words of WORDS) {
  test(`the words ${JSON.stringify(words)}`, async (t) => {
    const output = await outputOf(t, ['check-config', ...words].slice(words[0] === 'run' ? 1 : 0))
    t.true(output.length > 10)
    t.notRegex(output, new RegExp(CANARY))
  })
}

test('variables that are ignored', async (t) => {
  const output = await outputOf(t, ['check-config'], {
    OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://u:${CANARY}@h`,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://u:${CANARY}/@h`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}%0a`,
    OTEL_EXPORTER_OTLP_METRICS_HEADERS: CANARY,
  })
  t.regex(output, /OTEL_EXPORTER_OTLP_ENDPOINT is ignored/)
  t.regex(output, /OTEL_EXPORTER_OTLP_HEADERS is ignored/)
  t.notRegex(output, new RegExp(CANARY))
})

test('a web configuration with a password in plain text, and one that is not YAML', async (t) => {
  for (const text of [
    `basic_auth_users: {a: ${CANARY}}`,
    `basic_auth_users: {a: "${CANARY}}`,
    `basic_auth_users: [${CANARY}]`,
    `basic_auth_users:\n  a: *${CANARY}\n`,
    `basic_auth_users:\n  a: @${CANARY}\n`,
    `${CANARY}`,
  ]) {
    const output = await outputOf(t, ['check-config', `--web.config.file=${file(t, text)}`])
    t.regex(output, /agent\.yaml/)
    t.notRegex(output, new RegExp(CANARY), text)
  }
})

for (const protocol of ['grpc', 'http/protobuf']) {
  test(`${protocol}: an agent whose receiver is away, and what it serves`, async (t) => {
    const port = await freePort()
    const away = await freePort()
    const path = file(t, `otlp: {headers: {authorization: "Bearer ${CANARY}", "x-bin": ${CANARY}}}`)
    const program = startMain(
      t,
      [
        `--config=${path}`,
        `--prometheus.port=${port}`,
        '--log.level=trace',
        '--otlp.interval=200ms',
        `--otlp.protocol=${protocol}`,
        '--workloads.sources=none',
      ],
      {
        env: {
          ...process.env,
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${CANARY}@127.0.0.1:${away}/${CANARY}?${CANARY}`,
          OTEL_LOG_LEVEL: 'debug',
        },
      },
    )
    await until(() => isAlive(port))
    await until(() => /can not be pushed/.test(program.output))
    const served = await Promise.all(
      ['/', '/metrics', '/psi', '/psi?format=json', '/readyz', '/nowhere'].map(async (route) =>
        (await fetch(`http://127.0.0.1:${port}${route}`)).text(),
      ),
    )
    writeFileSync(path, `otlp: {headers: {authorization: "${CANARY}}`)
    program.child.kill('SIGHUP')
    await until(() => /rules are not reloaded/.test(program.output))
    program.child.kill('SIGTERM')
    await program.ended
    t.notRegex([program.output, ...served].join('\n'), new RegExp(CANARY))
  })
}

test('list-settings, list-metrics and help', async (t) => {
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${CANARY}@127.0.0.1:1`,
    OTEL_EXPORTER_OTLP_HEADERS: `a=${CANARY}`,
  }
  for (const command of ['list-settings', 'list-metrics', '--help']) {
    const output = await outputOf(t, [command, '--workloads.sources=none'], environment)
    t.true(output.length > 1000)
    t.notRegex(output, new RegExp(CANARY))
  }
})
