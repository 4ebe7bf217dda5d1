/** What the agent's own process can do once it has started: a module that is imported into it tries. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  ALLOWED_COMMON,
  BY_ARGUMENTS,
  IO_URING_SETUP,
  REFUSED,
} from '../../../src/kernel/seccomp/system-calls.ts'
import { freePort } from '../../support/free-port.ts'
import { isAlive, MAIN, type Program, startProgram, until } from '../../support/program.ts'
import { skip } from '../../support/skip.ts'

const PROBE = fileURLToPath(new URL('../../support/writing-probe.mjs', import.meta.url))
/** What the module tries. */
const EVERYTHING = 21

interface Probed {
  readonly reading: Readonly<Record<string, string>>
  readonly writing: Readonly<Record<string, string>>
  /** Numbers of errors, by the name of the system call. */
  readonly calls: Readonly<Record<string, number | 'done'>>
}

interface Probing {
  readonly program: Program
  readonly victim: ChildProcess
  readonly directory: string
  readonly probed: Probed
}

/** Starts an agent, lets the module in it try, and says what came of it. */
async function probe(
  t: ExecutionContext,
  flagsFor: (socket: string) => readonly string[],
): Promise<Probing> {
  const directory = mkdtempSync(join(tmpdir(), 'seccomp-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  for (const name of ['present', 'superfluous']) writeFileSync(join(directory, name), name)
  mkdirSync(join(directory, 'empty'))
  const socket = join(directory, 'listening')
  const server = createServer().listen(socket)
  t.teardown(() => server.close())
  const victim = spawn('sleep', ['1000'], { stdio: 'ignore' })
  t.teardown(() => victim.kill('SIGKILL'))
  const port = await freePort()
  const program = startProgram(
    t,
    [
      ...[process.execPath, '--import', PROBE, MAIN],
      ...['--exporters=prometheus', `--prometheus.port=${port}`, ...flagsFor(socket)],
    ],
    {
      env: {
        ...process.env,
        PROBE_DIRECTORY: directory,
        PROBE_VICTIM: String(victim.pid),
        PROBE_PORT: String(port),
      },
    },
  )
  await until(() => program.child.exitCode !== null || program.output.includes('"started"'))
  t.is(program.child.exitCode, null, program.output)
  program.child.kill('SIGUSR2')
  const line = /^probed (.*)$/m
  await until(() => program.child.exitCode !== null || line.test(program.output))
  const text = line.exec(program.output)?.[1]
  if (text === undefined) throw new Error(`no answer of the probe: ${program.output}`)
  t.true(await isAlive(port))
  return { program, victim, directory, probed: JSON.parse(text) as Probed }
}

/** Whether a filter could be set; else the test is skipped, with the agent's reason. */
function isSet(t: ExecutionContext, { output }: Program): boolean {
  const [, reason] = /"reason":"([^"]*)","msg":"no seccomp filter is set/.exec(output) ?? []
  if (reason !== undefined) skip(t, reason)
  return reason === undefined
}

const contents = (directory: string) =>
  ['present', 'superfluous'].map((name) => readFileSync(join(directory, name), 'utf8'))

/** The attempts that did not come to that. */
const except = (outcome: string, outcomes: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(outcomes).filter(([, came]) => came !== outcome))

const WITHOUT_SOCKETS = () => ['--workloads.sources=none']

test('a started agent can write nothing, start no program and reach no other process', async (t) => {
  const { program, victim, directory, probed } = await probe(t, (socket) => [
    ...['--workloads.sources=cri', `--workloads.cri-socket=${socket}`],
  ])
  if (!isSet(t, program)) return
  const { EPERM, ENOSYS } = constants.errno
  t.is(Object.keys(probed.writing).length, EVERYTHING)
  t.deepEqual(except('EPERM', probed.writing), {})
  t.deepEqual(contents(directory), ['present', 'superfluous'])
  t.true(existsSync(join(directory, 'empty')))
  t.is(victim.signalCode ?? victim.exitCode, null)
  t.deepEqual(except('done', probed.reading), {})
  for (const [name, code] of Object.entries(probed.calls)) {
    const isUnknown = ['io_uring_setup', 'clone3', 'openat2', 'unknown'].includes(name)
    t.is(code, isUnknown ? ENOSYS : EPERM, name)
  }
  t.true(Object.keys(probed.calls).length > 75)
  t.regex(program.output, /"level":"info".*"msg":"a seccomp filter is set: /)
  program.child.kill('SIGTERM')
  t.is(await program.ended, 0, program.output)
})

test('without the filter the same module does all of it', async (t) => {
  const { program, victim, probed } = await probe(t, () => ['--seccomp=off', ...WITHOUT_SOCKETS()])
  t.is(Object.keys(probed.writing).length, EVERYTHING)
  const { 'memory of a process': memory, ...writing } = probed.writing
  t.deepEqual(except('done', writing), {})
  // Yama may keep users from processes that they have not started.
  if (process.getuid?.() === 0) t.is(memory, 'done')
  t.deepEqual(except('done', probed.reading), {})
  await until(() => victim.signalCode !== null)
  t.false(program.output.includes('seccomp'))
})

test('an agent that asks no source by a Unix socket has none', async (t) => {
  const { program, probed } = await probe(t, WITHOUT_SOCKETS)
  if (!isSet(t, program)) return
  t.deepEqual(except('EPERM', probed.writing), { 'a Unix socket': 'EAFNOSUPPORT' })
  t.deepEqual(except('done', probed.reading), { 'connect to a Unix socket': 'EAFNOSUPPORT' })
})

test('with pressure triggers files can be opened for writing, and nothing else; the log says so', async (t) => {
  const flags = ['--pressure.triggers=memory:some:150ms:2s', ...WITHOUT_SOCKETS()]
  const { program, probed } = await probe(t, () => flags)
  if (!isSet(t, program)) return
  const { 'memory of a process': memory, 'a Unix socket': socket, ...writing } = probed.writing
  t.is(socket, 'EAFNOSUPPORT')
  t.deepEqual(except('EPERM', writing), { 'open for reading and writing': 'done' })
  if (process.getuid?.() === 0) t.is(memory, 'done')
  t.regex(
    program.output,
    /"level":"warn".*the seccomp filter lets the agent open files .*pressure\.triggers/,
  )
})

/** Numbers of system calls in a header of the kernel. */
function numbersIn(header: string): ReadonlyMap<string, number> {
  const lines = readFileSync(header, 'utf8').matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)$/gm)
  return new Map([...lines].map(([, name, number]) => [name, Number(number)]))
}

test("the numbers of system calls are those of the kernel's headers", (t) => {
  const headers = {
    x64: '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
    arm64: '/usr/include/asm-generic/unistd.h',
  }
  for (const [architecture, header] of Object.entries(headers)) {
    if (!existsSync(header)) return skip(t, `there is no ${header}`)
    const known = numbersIn(header)
    const ours = [...Object.entries(BY_ARGUMENTS), ...Object.entries(REFUSED)]
    for (const [name, numbers] of ours) {
      const number = numbers[architecture as keyof typeof numbers]
      t.is(number, known.get(name), `${name} on ${architecture}`)
    }
    t.is(known.get('io_uring_setup'), IO_URING_SETUP)
    for (const [name, number] of Object.entries(ALLOWED_COMMON)) {
      // Headers may be older than the call.
      t.is(known.get(name) ?? number, number, name)
    }
  }
})
