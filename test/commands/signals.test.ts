/** Signals at any moment of a start, and the signal of Node's inspector. */
import { execFileSync } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { caughtSignals, MAIN, startMain, startProgram, until } from '../support/program.ts'
import { skip } from '../support/skip.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FLAGS = ['--exporters=prometheus', '--prometheus.port=0', '--workloads.sources=none']
const SIGHUP = 1
const SIGUSR1 = 10

/** Milliseconds after the handlers are there, spread over a start; some are after it. */
const MOMENTS = [0, 20, 100, 250, 500, 1200]

function ruleFile(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'signals-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'agent.yaml')
  writeFileSync(path, 'process_names: [{comm: [node]}]')
  return path
}

test.serial(
  'SIGHUP at any moment of a start ends nothing, and the rules are reloaded',
  async (t) => {
    const path = ruleFile(t)
    for (const moment of MOMENTS) {
      const program = startMain(t, [...FLAGS, `--config=${path}`])
      const pid = program.child.pid as number
      await until(() => caughtSignals(pid).includes(SIGHUP))
      await delay(moment)
      program.child.kill('SIGHUP')
      await until(
        () => program.output.includes('rules are reloaded') || program.child.exitCode !== null,
      )
      program.child.kill('SIGTERM')
      t.is(await program.ended, 0, `after ${moment} ms: ${program.output}`)
    }
  },
)

test.serial('SIGTERM at any moment of a start ends it in good order', async (t) => {
  for (const moment of MOMENTS) {
    const program = startMain(t, FLAGS)
    const pid = program.child.pid as number
    await until(() => caughtSignals(pid).includes(SIGHUP))
    await delay(moment)
    program.child.kill('SIGTERM')
    t.is(await program.ended, 0, `after ${moment} ms: ${program.output}`)
  }
})

test.serial('SIGTERM to PID 1, which the kernel drops where it is not caught', async (t) => {
  const unshare = ['unshare', '-pf', '--mount-proc']
  try {
    execFileSync(unshare[0], [...unshare.slice(1), 'true'], { stdio: 'pipe' })
  } catch (error) {
    skip(t, `no PID namespace can be made: ${(error as Error).message.split('\n')[1]}`)
    return
  }
  for (const moment of MOMENTS) {
    const program = startProgram(t, [...unshare, process.execPath, MAIN, ...FLAGS])
    const { pid } = program.child
    let inner = 0
    await until(() => {
      inner = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ')[0])
      return inner > 0 && caughtSignals(inner).includes(SIGHUP)
    })
    t.teardown(() => {
      try {
        process.kill(inner, 'SIGKILL')
      } catch {
        // It has ended.
      }
    })
    await delay(moment)
    process.kill(inner, 'SIGTERM')
    t.is(await program.ended, 0, `after ${moment} ms: ${program.output}`)
  }
})

test.serial('a command that prints ends with the signal’s code', async (t) => {
  const program = startMain(t, ['-once-to-stdout-delay=1h', '--workloads.sources=none'])
  await until(() => caughtSignals(program.child.pid as number).includes(SIGHUP))
  await delay(500)
  program.child.kill('SIGTERM')
  t.is(await program.ended, 143)
})

/** Sockets that a process listens on, as inode numbers. */
function listeners(pid: number): string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    }),
  )
  const LISTEN = '0A'
  return ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'latin1')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && own.has(fields[9]))
      .map((fields) => fields[1]),
  )
}

test.serial(
  'SIGUSR1 opens no inspector, started as npm start does or without options',
  async (t) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const words: string[] = scripts.start.replace('dist/main.js', MAIN).split(' ')
    t.is(words.shift(), 'node')
    t.true(words.includes('--disable-sigusr1'))
    for (const command of [words, [MAIN]]) {
      const flags = ['--exporters=none', '--workloads.sources=none']
      const program = startProgram(t, [process.execPath, ...command, ...flags])
      const pid = program.child.pid as number
      await until(() => program.output.includes('started'))
      t.deepEqual(listeners(pid), [])
      t.true(caughtSignals(pid).includes(SIGUSR1))
      program.child.kill('SIGUSR1')
      program.child.kill('SIGHUP')
      await until(() => program.output.includes('rules are reloaded'))
      await delay(300)
      t.deepEqual(listeners(pid), [])
      t.notRegex(program.output, /Debugger/)
      program.child.kill('SIGTERM')
      t.is(await program.ended, 0)
    }
  },
)
