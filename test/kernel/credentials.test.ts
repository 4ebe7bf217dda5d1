/** The flag `--user`, on the program as root starts it. */
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { makeCgroup, noCgroups } from '../support/cgroup2.ts'
import { freePort } from '../support/free-port.ts'
import { isAlive, MAIN, type Program, startMain, startProgram, until } from '../support/program.ts'
import { skip } from '../support/skip.ts'

const UID = 94_640
/** DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF. */
const READING = [2, 19, 21, 38, 39].reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n)

const isRoot = process.getuid?.() === 0

/** A field of /proc/PID/status. */
function statusOf(pid: number | undefined, field: string): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${field}:\\s*(.*?)\\s*$`, 'm').exec(status)?.[1] ?? ''
}

async function startAs(t: ExecutionContext, user: string): Promise<Program> {
  const port = await freePort()
  const program = startMain(t, [
    `--user=${user}`,
    ...['--exporters=prometheus', `--prometheus.port=${port}`],
  ])
  await until(() => program.child.exitCode !== null || isAlive(port))
  t.is(program.child.exitCode, null, program.output)
  return program
}

test('root becomes the user, in the same process, and keeps what lets it read', async (t) => {
  if (!isRoot) return skip(t, 'only root can become another user')
  const { child } = await startAs(t, `${UID}:${UID + 1}`)
  const { pid } = child
  t.deepEqual(
    ['Uid', 'Gid', 'Groups'].map((field) => statusOf(pid, field).split('\t')),
    [Array(4).fill(String(UID)), Array(4).fill(String(UID + 1)), [String(UID + 1)]],
  )
  const wanted = BigInt(`0x${statusOf(process.pid, 'CapPrm')}`) & READING
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
    t.is(BigInt(`0x${statusOf(pid, set)}`), wanted, set)
  }
  child.kill('SIGTERM')
})

test('what it prints comes out of the same pipe', async (t) => {
  if (!isRoot) return skip(t, 'only root can become another user')
  const program = startMain(t, [`--user=${UID}`, '--version'])
  t.is(await program.ended, 0, program.output)
  t.regex(program.output, /^otel-interrogator \d/)
})

test('cgroups that only its capabilities lead to are seen', async (t) => {
  const missing = noCgroups()
  if (missing !== undefined) return skip(t, missing)
  const path = makeCgroup(t)
  const root = `/proc/${process.pid}/root/sys/fs/cgroup`
  const program = startMain(t, [
    ...[`--user=${UID}`, '--once', '--kubevirt.enabled=false'],
    ...[`--cgroups.root=${root}`, `--cgroups.include=${path}`],
  ])
  t.is(await program.ended, 0, program.output)
  t.regex(program.output, new RegExp(`^cgroup_\\w+\\{[^}]*"${path}"`, 'm'))
})

test('who may not become another user is told what that takes', async (t) => {
  if (!isRoot) return skip(t, 'only root has the capabilities that can be taken away')
  const command = ['setpriv', '--bounding-set=-setuid,-setgid', process.execPath, MAIN]
  const program = startProgram(t, [...command, `--user=${UID}`, '--version'])
  t.is(await program.ended, 1)
  t.regex(
    program.output,
    /--user: user 0 can't become 94640:94640, which takes .*SETUID and SETGID/,
  )
})
