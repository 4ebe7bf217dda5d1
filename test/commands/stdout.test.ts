/** A stdout that fails, blocks or is gone: log lines are lost, and nothing else. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createLogger, type LogOutput } from '../../src/agent/logger.ts'
import { freePort } from '../support/free-port.ts'
import { isAlive, type Program, startMain, until } from '../support/program.ts'
import { skip } from '../support/skip.ts'

const FLAGS = ['--exporters=prometheus', '--workloads.sources=none', '--cgroups.enabled=false']

/** An agent that writes its log to a descriptor or a stream. */
async function startWith(t: ExecutionContext, stdout: number | 'pipe') {
  const port = await freePort()
  const program = startMain(t, [...FLAGS, `--prometheus.port=${port}`], {
    stdio: ['ignore', stdout, 'pipe'],
  })
  return { program, port }
}

/** It serves, reloads, serves still, and ends in good order. */
async function works(t: ExecutionContext, program: Program, port: number) {
  await until(() => isAlive(port))
  for (let i = 0; i < 5; i++) program.child.kill('SIGHUP')
  let response: Response
  // Until the first collection has ended there is nothing to serve, and the status says so.
  do response = await fetch(`http://127.0.0.1:${port}/metrics`)
  while (response.status === 503)
  t.is(response.status, 200)
  t.regex(await response.text(), /namedprocess_namegroup_num_procs/)
  program.child.kill('SIGTERM')
  t.is(await program.ended, 0, program.output)
}

test('stdout is /dev/full', async (t) => {
  const full = openSync('/dev/full', 'w')
  const { program, port } = await startWith(t, full)
  closeSync(full)
  await works(t, program, port)
})

test('stdout is a pipe that nobody reads any more', async (t) => {
  const { program, port } = await startWith(t, 'pipe')
  program.child.stdout?.destroy()
  await works(t, program, port)
})

test('stdout is a pipe whose reader has stopped reading', async (t) => {
  const { program, port } = await startWith(t, 'pipe')
  await until(() => isAlive(port))
  await until(() => program.output.includes('started'))
  program.child.stdout?.pause()
  // More than the pipe holds, and more than waits for it.
  for (let i = 0; i < 200; i++) program.child.kill('SIGHUP')
  await works(t, program, port)
})

test('stdout is a file on a full disk, which has room later', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'full-disk-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'pipe' })
  } catch (error) {
    skip(t, `no tmpfs can be mounted: ${(error as Error).message.split('\n')[1]}`)
    return
  }
  t.teardown(() => execFileSync('umount', ['-l', directory]))
  const path = join(directory, 'log')
  const log = openSync(path, 'a')
  const { program, port } = await startWith(t, log)
  closeSync(log)
  await until(() => readFileSync(path, 'utf8').includes('started'))
  const filler = join(directory, 'filler')
  t.throws(() => writeFileSync(filler, Buffer.alloc(128 * 1024)), { code: 'ENOSPC' })
  const reload = async () => {
    program.child.kill('SIGHUP')
    // The answer shows that the signal was dealt with and that no line holds the agent up.
    t.true(await isAlive(port))
  }
  // Fills the rest of the page that the log has.
  for (let i = 0; i < 60; i++) await reload()
  rmSync(filler)
  await until(async () => {
    await reload()
    return readFileSync(path, 'utf8').includes('log lines are lost')
  })
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const parsed = lines.flatMap((line) => {
    try {
      return JSON.parse(line) as { msg: string; lines?: number }
    } catch {
      return []
    }
  })
  // At most the line that met the end of the disk is cut.
  t.true(lines.length - parsed.length <= 1, lines.join('\n'))
  t.true(parsed.some(({ lines: lost = 0 }) => lost > 0))
  program.child.kill('SIGTERM')
  t.is(await program.ended, 0)
})

test('what a command prints is not lost silently', async (t) => {
  for (const command of [['--help'], ['list-settings'], ['--once']]) {
    const full = openSync('/dev/full', 'w')
    const { ended, ...program } = startMain(t, command, { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    let said = ''
    program.child.stderr?.on('data', (chunk) => {
      said += chunk
    })
    t.is(await ended, 1)
    t.is(
      said,
      "otel-interrogator: stdout can't be written: ENOSPC: no space left on device, write\n",
    )
  }
  const closed = startMain(t, ['list-settings'])
  closed.child.stdout?.destroy()
  await once(closed.child, 'exit')
  t.is(await closed.ended, 1)
  t.is(closed.output, '')
})

test('lines that were lost are counted in the next one that is written', (t) => {
  const written: string[] = []
  let isFull = false
  const output: LogOutput = {
    write: (line) => !isFull && written.push(line) > 0,
    flush: async () => {},
  }
  const { logger } = createLogger('info', output)
  logger.info('one')
  isFull = true
  logger.info('two')
  logger.warn('three')
  isFull = false
  logger.info('four')
  const lines = written.map((line) => JSON.parse(line))
  t.deepEqual(
    lines.map(({ level, lines, msg }) => [level, lines, msg]),
    [
      ['info', undefined, 'one'],
      ['warn', 2, 'log lines are lost: stdout could not be written'],
      ['info', undefined, 'four'],
    ],
  )
})
