/** The image's health check, against agents that listen in other places than the default. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { makeCertificates } from '../support/certificates.ts'
import { MAIN, startProgram, until } from '../support/program.ts'
import { skip } from '../support/skip.ts'

const SCRIPT = fileURLToPath(new URL('../../deploy/image/healthcheck.mjs', import.meta.url))
const FLAGS = ['--workloads.sources=none', '--cgroups.enabled=false']

/** Starts an agent, named as in the image, in a PID namespace that holds no other: gives how to check it. */
async function startAlone(t: ExecutionContext, ...flags: string[]) {
  const unshare = ['unshare', '-pf', '--kill-child', '--mount-proc']
  try {
    execFileSync(unshare[0], [...unshare.slice(1), 'true'], { stdio: 'pipe' })
  } catch (error) {
    skip(t, `no PID namespace can be made: ${(error as Error).message.split('\n')[1]}`)
    return undefined
  }
  const directory = mkdtempSync(join(tmpdir(), 'health-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'dist'))
  const main = join(directory, 'dist/main.js')
  writeFileSync(main, `import(${JSON.stringify(MAIN)})`)
  const program = startProgram(t, [...unshare, process.execPath, main, ...FLAGS, ...flags])
  await until(() => program.output.includes('"started"') || program.child.exitCode !== null)
  const { pid } = program.child
  const inner = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  const check = () =>
    new Promise<number>((resolve) => {
      const words = ['-t', inner, '-p', '-m', process.execPath, SCRIPT]
      execFile('nsenter', words, (error) => resolve(Number(error?.code ?? 0)))
    })
  return { program, inner: Number(inner), check }
}

const PLACES: readonly string[][] = [
  ['--exporters=prometheus', '--prometheus.port=0'],
  ['--exporters=prometheus', '--prometheus.port=0', '--prometheus.host=127.0.0.2'],
  ['--exporters=prometheus', '--web.listen-address=:0'],
  ['--exporters=none'],
]

for (const flags of PLACES) {
  test(`healthy with ${flags.join(' ')}`, async (t) => {
    const started = await startAlone(t, ...flags)
    if (started === undefined) return
    t.is(await started.check(), 0, started.program.output)
  })
}

test('healthy with TLS', async (t) => {
  const files = makeCertificates(t, 'IP:127.0.0.1')
  if (files === undefined) return skip(t, 'there is no openssl')
  const started = await startAlone(
    t,
    '--exporters=prometheus',
    '--prometheus.port=0',
    `--web.cert-file=${files.certificate}`,
    `--web.key-file=${files.key}`,
  )
  if (started === undefined) return
  t.is(await started.check(), 0, started.program.output)
})

test('an agent that does not answer is not healthy', async (t) => {
  const started = await startAlone(t, '--exporters=prometheus', '--prometheus.port=0')
  if (started === undefined) return
  process.kill(started.inner, 'SIGSTOP')
  t.is(await started.check(), 1)
  process.kill(started.inner, 'SIGKILL')
})
