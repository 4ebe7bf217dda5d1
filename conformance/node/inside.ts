/**
 * Runs within the guest of the check `node`, as a service of its systemd: makes pods through the CRI, lets the agent look
 * at them in each of its forms, and prints what it saw below headings.
 */
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { Runtime } from '../containerd/runtime.ts'
import { runAgent } from '../deploy/agent-pod.ts'
import { type KubeObject, withVariables } from '../deploy/manifests.ts'
import { startProbe } from '../deploy/rights-probe.ts'
import { COMPARED_FILES } from '../guest/file-comparison.ts'
import { run, Scope } from '../support/children.ts'
import { get, untilReady } from '../support/http.ts'
import { OBJECTS_FILE, SETTINGS, SOCKET } from './paths.ts'
import { BURSTABLE, cgroupOf, podsOfNode, type RunningWorkload } from './workloads.ts'

const CGROUPS = '/sys/fs/cgroup'
const UNIT = 'otel-interrogator'
const SERVICE_URL = 'http://127.0.0.1:9464'
/** As deploy/host/README.md has it, for names. */
const AS_ROOT = '[Service]\nDynamicUser=no\nUser=root\n'
const RULES = 'process_names: [{name: everything, cmdline: [.+]}]\n'
const START_SECONDS = 120

await using scope = new Scope()
await main()

async function main(): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  say('hierarchies', mounts.filter((line) => / cgroup2? /.test(line)).join('\n'))
  const runtime = new Runtime(SOCKET)
  scope.onEnd(() => runtime.close())
  await runtime.untilReady()
  const workloads = await podsOfNode(runtime)
  say('workloads', JSON.stringify(workloads))
  startProbe(scope)

  await systemctl('start', UNIT)
  await untilReady(`${SERVICE_URL}/readyz`, START_SECONDS)
  say('service', readFileSync(`/proc/${await mainPid()}/status`, 'utf8'))
  await compare('service', SERVICE_URL, workloads)
  writeFileSync('/etc/otel-interrogator/agent.yaml', RULES)
  await systemctl('reload', UNIT)
  await untilSays(SERVICE_URL, 'groupname="everything"')
  const dropIn = `/etc/systemd/system/${UNIT}.service.d/root.conf`
  mkdirSync(dirname(dropIn))
  writeFileSync(dropIn, AS_ROOT)
  writeFileSync('/etc/otel-interrogator/agent.yaml', '')
  await systemctl('daemon-reload')
  await systemctl('restart', UNIT)
  await untilReady(`${SERVICE_URL}/readyz`, START_SECONDS)
  await compare('root', SERVICE_URL, workloads)
  await systemctl('stop', UNIT)

  const objects = JSON.parse(readFileSync(OBJECTS_FILE, 'utf8')) as KubeObject[]
  const facts = {
    fields: { 'spec.nodeName': hostname(), 'status.podIP': '127.0.0.1' },
    cgroupParent: BURSTABLE,
  }
  const agent = await runAgent(scope, runtime, facts, objects, (container) =>
    withVariables(container, SETTINGS),
  )
  const namespaces = ['self', agent.pid].map((pid) => readlinkSync(`/proc/${pid}/ns/cgroup`))
  const isInNamespace = namespaces[0] !== namespaces[1]
  say('agent', JSON.stringify({ path: cgroupOf(agent.pid), isInNamespace }))
  await compare('pod', agent.url, workloads)
  say('end', '')
}

function say(heading: string, text: string): void {
  process.stdout.write(`=== ${heading}\n${text}\n`)
}

async function systemctl(...words: readonly string[]): Promise<void> {
  const { code, output } = await run('systemctl', words)
  if (code === 0) return
  const { output: journal } = await run('journalctl', ['--no-pager', '--lines=30', '--unit', UNIT])
  throw new Error(`systemctl ${words.join(' ')}: ${output}${journal}`)
}

async function mainPid(): Promise<string> {
  const { output } = await run('systemctl', ['show', '--property=MainPID', '--value', UNIT])
  return output.trim()
}

/** Prints the agent's metrics, and files of all containers and pods from before and after. */
async function compare(
  who: string,
  url: string,
  workloads: readonly RunningWorkload[],
): Promise<void> {
  say(`${who}_before`, files(workloads))
  const text = await get(`${url}/metrics`)
  say(`${who}_after`, files(workloads))
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  say(`${who}_metrics`, lines.join('\n'))
}

function files(workloads: readonly RunningWorkload[]): string {
  const directories = workloads.flatMap(({ id, podUid, path }) => [
    [id, path] as const,
    [podUid, dirname(path)] as const,
  ])
  const lines = directories.flatMap(([name, path]) =>
    [...COMPARED_FILES, 'cgroup.procs'].map(
      (file) => `--- ${name} ${file}\n${readFileSync(join(CGROUPS, path, file), 'utf8')}`,
    ),
  )
  return lines.join('')
}

async function untilSays(url: string, wanted: string): Promise<void> {
  const deadline = Date.now() + START_SECONDS * 1000
  while (!(await get(`${url}/metrics`)).includes(wanted)) {
    if (Date.now() > deadline) throw new Error(`/metrics does not come to say ${wanted}`)
  }
}
