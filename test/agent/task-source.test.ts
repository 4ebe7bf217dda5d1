/** Where the agent reads processes, on a kernel that gives the task iterator and where it does not; real ones. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { loadTaskIterator } from '../../src/kernel/bpf/task-iterator.ts'
import { parseSamples, type Sample } from '../support/exposition.ts'
import { freePort } from '../support/free-port.ts'
import { MAIN, type Program, startProgram, until } from '../support/program.ts'
import { skip } from '../support/skip.ts'

const REFUSE_BPF = fileURLToPath(new URL('../support/refuse-bpf.mjs', import.meta.url))
const WITHOUT_CAPABILITIES = ['setpriv', '--inh-caps=-all', '--bounding-set=-all', '--no-new-privs']
const GROUP = 65_532
const asNobody = (group: number) => [
  ...WITHOUT_CAPABILITIES,
  ...['--reuid=65534', `--regid=${group}`, '--clear-groups', process.execPath],
]

/** Skips the test where the kernel takes no program even from this process. */
async function needBpf(t: ExecutionContext): Promise<boolean> {
  try {
    const iterator = await loadTaskIterator({ threads: false, wchan: false })
    iterator.close()
    return true
  } catch (error) {
    skip(t, `no BPF here: ${(error as Error).message}`)
    return false
  }
}

interface Agent extends Program {
  readonly scrape: () => Promise<Sample[]>
}

/** @param command that runs Node.js with the words behind it. */
async function start(
  t: ExecutionContext,
  command: readonly string[],
  words: readonly string[] = [],
) {
  const port = await freePort()
  const program = startProgram(t, [
    ...[...command, MAIN, '--process-groups.source=bpf', '--cgroups.enabled=false'],
    ...['--exporters=prometheus', '--prometheus.host=127.0.0.1', `--prometheus.port=${port}`],
    ...['--prometheus.naming=otel', '--collection.max-age=0', ...words],
  ])
  await until(() => program.output.includes('"started"') || program.child.exitCode !== null)
  t.is(program.child.exitCode, null, program.output)
  const scrape = async () => {
    for (;;) {
      const response = await fetch(`http://127.0.0.1:${port}/metrics`)
      const text = await response.text()
      if (response.ok) return parseSamples(text)
      // On a busy machine a first collection may take longer than a scrape waits.
      t.is(response.status, 503, text)
    }
  }
  return Object.assign(program, { scrape }) satisfies Agent
}

/** The source that the agent says it has. */
function sourceOf(samples: readonly Sample[]): string | undefined {
  const active = samples.filter(
    ({ name, value }) => name === 'procgroup_source_active' && value === 1,
  )
  return active.length === 1 ? active[0].labels.procgroup_source : undefined
}

/** Log lines about the source. */
function reasons({ output }: Program): string[] {
  return output.split('\n').filter((line) => /from procfs, not by BPF/.test(line))
}

const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  'a seccomp filter refuses bpf(2)': [process.execPath, '--import', REFUSE_BPF],
  'the agent has no capability': [...WITHOUT_CAPABILITIES, process.execPath],
}

for (const [what, command] of Object.entries(REFUSALS)) {
  test.serial(`procfs is read, and one log line says why: ${what}`, async (t) => {
    if (!(await needBpf(t))) return
    const agent = await start(t, command)
    for (let round = 0; round < 2; round++) t.is(sourceOf(await agent.scrape()), 'procfs')
    t.is(reasons(agent).length, 1, agent.output)
    t.regex(reasons(agent)[0], /EPERM.*CAP_BPF and CAP_PERFMON.*seccomp/)
  })
}

test.serial(
  'an agent without rights reads what pin-bpf has pinned, until it is removed',
  async (t) => {
    if (!(await needBpf(t))) return
    const directory = mkdtempSync(join(tmpdir(), 'bpffs-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    if (spawnSync('mount', ['-t', 'bpf', 'bpf', directory]).status !== 0) {
      skip(t, 'no bpffs can be mounted here')
      return
    }
    t.teardown(() => void spawnSync('umount', [directory]))
    chmodSync(directory, 0o755)
    const path = join(directory, 'agent', 'tasks')
    const pin = () =>
      spawnSync('setpriv', [
        ...[`--regid=${GROUP}`, '--clear-groups', process.execPath, MAIN, 'pin-bpf'],
        `--process-groups.bpf-pin=${path}`,
      ])
    // Also in the place of one that is there.
    for (let round = 0; round < 2; round++) {
      const { status, stdout, stderr } = pin()
      t.is(status, 0, String(stderr))
      t.is(String(stdout), `${path} may be read by user 0 and group ${GROUP}\n`)
      t.is(statSync(path).mode & 0o777, 0o440)
    }
    const words = [`--process-groups.bpf-pin=${path}`]
    const agent = await start(t, asNobody(GROUP), words)
    const samples = await agent.scrape()
    t.is(sourceOf(samples), 'bpf', agent.output)
    // Of other users' processes procfs tells no bytes without SYS_PTRACE.
    const own = `node ${MAIN}`
    t.true(
      samples.some(({ name }) => name === 'procgroup_disk_io_bytes_total'),
      own,
    )
    t.is(reasons(agent).length, 0)
    const stranger = await start(t, asNobody(GROUP + 1), words)
    t.is(sourceOf(await stranger.scrape()), 'procfs')
    t.regex(reasons(stranger)[0], /EACCES/)
    rmSync(path)
    for (let round = 0; round < 2; round++) t.is(sourceOf(await agent.scrape()), 'procfs')
    t.is(reasons(agent).length, 1)
    t.regex(reasons(agent)[0], /ENOENT/)
  },
)

test('pin-bpf says what keeps it from pinning', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'no-bpffs-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'tasks')
  const { status, stderr } = spawnSync(process.execPath, [
    ...[MAIN, 'pin-bpf', `--process-groups.bpf-pin=${path}`],
  ])
  t.is(status, 1)
  t.regex(String(stderr), /^otel-interrogator: no task iterator can be pinned: .* is in no bpffs/)
})
