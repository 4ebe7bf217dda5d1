/** Names that would act on a terminal: escape sequences, newlines, controls of C1, and what turns text around. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { createLogger } from '../../src/agent/logger.ts'
import { printable, printableLines } from '../../src/lib/printable.ts'
import { MAIN, startMain, startProgram } from '../support/program.ts'
import { skip } from '../support/skip.ts'

/** At most 15 bytes, as the name of a process. */
const NAME = '\x1b[31m\n\u202ea\u009bb'
/** What of it must not be seen as it is. */
const ACTIVE = /[\x1b\u009b\u202e]/

/** A program of that name that waits. */
async function startNamed(t: ExecutionContext): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'terminal-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, NAME)
  copyFileSync(execFileSync('which', ['sleep'], { encoding: 'utf8' }).trim(), path)
  const child = spawn(path, ['600'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child, 'spawn')
  return child.pid as number
}

test.serial('explain escapes names, of one process and of all', async (t) => {
  const pid = await startNamed(t)
  for (const words of [[String(pid)], ['--all']]) {
    const program = startMain(t, ['explain', ...words, '--workloads.sources=none'])
    await program.ended
    t.regex(program.output, /\\u001b\[31m\\u000a\\u202ea/)
    t.notRegex(program.output, ACTIVE)
  }
})

test.serial('--once escapes names on a terminal, and there only', async (t) => {
  const command = [process.execPath, MAIN, '--once', '--workloads.sources=none']
  await startNamed(t)
  const piped = startProgram(t, command)
  await piped.ended
  t.regex(piped.output, /groupname="\x1b\[31m\\n\u202ea/)
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' })
  } catch {
    skip(t, 'there is no script(1) to make a terminal')
    return
  }
  const terminal = startProgram(t, ['script', '-qec', command.join(' '), '/dev/null'])
  await terminal.ended
  t.regex(terminal.output, /groupname="\\u001b\[31m/)
  t.notRegex(terminal.output, ACTIVE)
})

test.serial('log lines escape names, and stay JSON', (t) => {
  const lines: string[] = []
  const output = { write: (line: string) => lines.push(line) > 0, flush: async () => {} }
  createLogger('info', output).logger.info({ name: NAME }, NAME)
  t.is(lines.length, 1)
  t.notRegex(lines[0], ACTIVE)
  t.like(JSON.parse(lines[0]), { name: NAME, msg: NAME })
})

test.serial('every character that is not seen is escaped, letters of all scripts are not', (t) => {
  const seen = 'aZ09 äß漢字العربية עברית 🙂 "\\'
  t.is(printable(seen), seen)
  for (const hidden of ['\0', '\t', '\n', '\r', '\x7f', '\x85', '\u061c', '\u200b', '\u200f']) {
    t.regex(printable(hidden), /^\\u[0-9a-f]{4}$/)
  }
  for (const hidden of ['\u2028', '\u2029', '\u2066', '\u2069', '\ufeff', '\ud800']) {
    t.regex(printable(hidden), /^\\u[0-9a-f]{4}$/)
  }
  t.is(printable('\u{e0041}'), '\\udb40\\udc41')
  t.is(printableLines('a\nb\x1b'), 'a\nb\\u001b')
})
