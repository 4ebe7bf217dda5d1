/** The same comparison in a guest with Debian's kernel 6.1, the oldest that the programs are tried on. */
import { parseSamples } from '../../test/support/exposition.ts'
import { require } from '../check.ts'
import { boot, needEmulator, sections, UNTIL_STARTED } from '../guest/guest.ts'
import { makeArm64Image, makeImage } from '../guest/image.ts'
import { type Architecture, kernelOf, unpackedGuest } from '../guest/kernel.ts'
import type { Scope } from '../support/children.ts'

const READINGS = 300
/** What runs in the guest besides the build. */
const FILES = ['src/kernel', 'src/lib', 'conformance/bpf']
/** What Node.js needs in a guest of another architecture. */
const ARM64_PACKAGES = ['busybox-static', 'libc6', 'libstdc++6', 'libgcc-s1']

/** Processes that compute, fork, write and sleep, and one with threads. */
const SCRIPT = `
for i in $(seq 6); do
  sh -c 'while :; do i=0; while [ $i -lt 300 ]; do i=$((i+1)); done; cat /app/package.json > /tmp/f.$$; sleep 0.05; done' &
  pids="$pids $!"
  sleep 1000 & pids="$pids $!"
done
node -e 'const { Worker, isMainThread } = require("node:worker_threads"); function work() { for (let i = 0; i < 1e4; i++) Math.sqrt(i); setTimeout(work, 50) } new Worker("(" + work + ")()", { eval: true }); work()' &
pids="$pids $!"
sleep 2
echo "=== kernel"; cat /proc/sys/kernel/osrelease
echo "=== comparison"
node --disable-warning=ExperimentalWarning /app/conformance/bpf/inside.ts ${READINGS} $pids 2>&1
agent() {
  node /app/dist/main.js --exporters=prometheus --prometheus.host=127.0.0.1 --prometheus.naming=otel --process-groups.source=bpf --cgroups.enabled=false > /tmp/log 2>&1 & agent=$!
  ${UNTIL_STARTED}
  wget -q -O - http://127.0.0.1:9464/metrics | grep -E '^procgroup_(source_active|process_count)'; cat /tmp/log
  kill $agent; wait $agent
}
echo "=== agent"; agent
mount -t securityfs none /sys/kernel/security
echo confidentiality > /sys/kernel/security/lockdown
echo "=== lockdown"; cat /sys/kernel/security/lockdown; agent
echo "=== end"
`

interface Result {
  readonly readings: number
  readonly asleep: number
  readonly outside: readonly string[]
}

export interface Guest {
  readonly architecture: Architecture
  readonly kernel: string
  readonly image: string
}

/**
 * Makes what a guest boots from. One after the other: packages are installed.
 *
 * @throws MissingPeer without an emulator, or Debian's packages.
 */
export async function makeGuest(scope: Scope, architecture: Architecture): Promise<Guest> {
  await needEmulator(architecture)
  const isArm = architecture === 'arm64'
  const unpacked = await unpackedGuest(architecture, isArm ? ARM64_PACKAGES : [])
  const directory = scope.directory()
  const image = isArm
    ? await makeArm64Image(directory, unpacked, SCRIPT, FILES)
    : await makeImage(directory, SCRIPT, FILES)
  return { architecture, kernel: kernelOf(unpacked), image }
}

/**
 * Boots a guest, in which records are compared with procfs and the agent reads processes by them.
 *
 * @returns what held, as a sentence.
 * @throws Error when something does not hold.
 */
export async function compareInGuest(scope: Scope, guest: Guest): Promise<string> {
  const { architecture } = guest
  const parts = sections(await boot(scope, architecture, guest, ''))
  const kernel = parts.get('kernel')?.trim()
  const compared = parts.get('comparison') ?? ''
  require(compared.startsWith('{'), `${architecture}, kernel ${kernel}: ${compared}`)
  const { readings, asleep, outside } = JSON.parse(compared) as Result
  require(outside.length ===
    0, `${architecture}, kernel ${kernel}: ${outside.slice(0, 5).join('; ')}`)
  require(asleep >
    0, `${architecture}, kernel ${kernel}: no process has slept between two readings`)
  requireSource(parts.get('agent') ?? '')
  requireLockdown(parts.get('lockdown') ?? '')
  return `${architecture}, kernel ${kernel}: ${readings} readings, ${asleep} of processes that slept, none out of bounds; in lockdown procfs is read`
}

/** @param output of an agent that was told to read processes by BPF, its log included. */
function requireSource(output: string): void {
  const lines = output.split('\n')
  const samples = parseSamples(lines.filter((line) => /^[a-z]\w*[{ ]/.test(line)).join('\n'))
  const source = samples.find(({ name }) => name === 'procgroup_source_active')
  const log = lines.filter((line) => line.startsWith('{"level"')).join(' ')
  require(source?.labels.procgroup_source ===
    'bpf', `the guest's processes are read by ${source?.labels.procgroup_source}: ${log}`)
  const own = samples.find(
    ({ name, labels }) => name === 'procgroup_process_count' && labels.procgroup_name === 'node',
  )
  require((own?.value ?? 0) >= 2, `the group of Node.js has ${own?.value} processes`)
}

/** @param output of an agent on a kernel in lockdown, with the source that it has. */
function requireLockdown(output: string): void {
  require(output.startsWith('none integrity [confidentiality]'), `no lockdown: ${output}`)
  require(/procgroup_source_active\{[^}]*procfs[^}]*\} 1/.test(
    output,
  ), `not from procfs: ${output}`)
  const said = output.split('\n').filter((line) => line.includes('from procfs, not by BPF'))
  require(said.length === 1 &&
    /lockdown mode confidentiality/.test(said[0]), `the log does not say why: ${output}`)
}
