import { parseSamples } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { COMPARED_FILES, compareWithFiles, filesOf, valueFor } from '../guest/file-comparison.ts'
import { boot, needEmulator, sections, UNTIL_STARTED } from '../guest/guest.ts'
import { makeImage } from '../guest/image.ts'
import { kernelOf, unpackedGuest } from '../guest/kernel.ts'

const UID = '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
const POD = `/sys/fs/cgroup/kubepods/burstable/pod${UID}`
const BUSY = 'a'.repeat(64)
const HUNGRY = 'b'.repeat(64)

/** Two containers: one runs into its CPU limit, the other into its memory limit. */
const SCRIPT = `
for c in /sys/fs/cgroup /sys/fs/cgroup/kubepods /sys/fs/cgroup/kubepods/burstable ${POD}; do
  mkdir -p $c
  for controller in cpu memory io pids; do echo +$controller > $c/cgroup.subtree_control; done
done 2>/dev/null
mkdir ${POD}/${BUSY} ${POD}/${HUNGRY}
(echo 20000 100000 > ${POD}/${BUSY}/cpu.max; echo 50 > ${POD}/${BUSY}/pids.max) 2>/dev/null
echo 16777216 > ${POD}/${HUNGRY}/memory.max 2>/dev/null
sh -c 'echo $$ > ${POD}/${BUSY}/cgroup.procs; while :; do :; done' &
busy=$!
sh -c 'echo $$ > ${POD}/${HUNGRY}/cgroup.procs; exec dd if=/dev/zero of=/dev/null bs=64M count=1' 2>/dev/null
sh -c 'echo $$ > ${POD}/${HUNGRY}/cgroup.procs; exec sleep 1000' &
sleep 3
files() {
  echo "=== $1"
  for d in ${BUSY} ${HUNGRY}; do
    for f in ${COMPARED_FILES.join(' ')}; do
      echo "--- $d $f"; cat ${POD}/$d/$f 2>/dev/null
    done
  done
}
files before
echo "=== metrics"
node /app/dist/main.js --once --prometheus.naming=classic,otel --process-groups.enabled=false 2>&1
files after
echo "=== log"
node /app/dist/main.js --exporters=prometheus --process-groups.enabled=false > /tmp/log 2>&1 & agent=$!
${UNTIL_STARTED}
kill $agent; wait $agent 2>/dev/null
cat /tmp/log
echo "=== namespace"
mkdir ${POD}/agent
sh -c 'echo $$ > ${POD}/agent/cgroup.procs; exec /bin/unshare -C sh -c "cat /proc/$1/cgroup; exec node /app/dist/main.js --once --prometheus.naming=otel"' sh $busy 2>&1
kill $busy
echo "=== end"
`

interface Guest {
  readonly options: string
  readonly what: string
  /** Beginnings of the files that this node does not have. */
  readonly without: readonly string[]
  readonly says?: RegExp
}

/** Guests that run beside each other: each does most of its work on one of its CPUs, and nothing is held against a time. */
const AT_ONCE = 2
const PRESSURE = ['cpu.pressure', 'io.pressure', 'memory.pressure']
const NO_PRESSURE = /the kernel gives no pressure of containers/
const GUESTS: readonly Guest[] = [
  { options: 'psi=1', what: 'all controllers', without: [] },
  { options: 'psi=0', what: 'no pressure at all', without: PRESSURE, says: NO_PRESSURE },
  {
    options: 'psi=1 cgroup_disable=pressure',
    what: 'pressure of the node only',
    without: PRESSURE,
    says: NO_PRESSURE,
  },
  {
    options: 'psi=1 cgroup_disable=memory',
    what: 'no memory controller',
    without: ['memory.max', 'memory.events', 'memory.current'],
  },
]

export const check: Check = {
  title: 'nodes of other kinds, emulated: cgroup v2 with all controllers, and with less',

  async run({ scope, print }) {
    await needEmulator('amd64')
    const kernel = kernelOf(await unpackedGuest('amd64', []))
    const image = await makeImage(scope.directory(), SCRIPT)
    const waiting = [...GUESTS]
    const bootOthers = async () => {
      for (let guest = waiting.shift(); guest !== undefined; guest = waiting.shift()) {
        const parts = sections(await boot(scope, 'amd64', { kernel, image }, guest.options))
        const compared = compare(guest, parts)
        requireResolved(parts.get('namespace') ?? '')
        print(`${guest.what} (${guest.options}): ${compared} values are those of the files`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, bootOthers))
    return `${GUESTS.length} nodes, in each also from within a cgroup namespace`
  },
}

function compare(guest: Guest, parts: ReadonlyMap<string, string>): number {
  const samples = parseSamples(parts.get('metrics') ?? '')
  const readings = {
    before: filesOf(parts.get('before') ?? ''),
    after: filesOf(parts.get('after') ?? ''),
    samples,
  }
  const held = [BUSY, HUNGRY].flatMap((container) =>
    compareWithFiles(
      { cgroup: container, prefix: 'container', label: 'container_id', value: container },
      readings,
    ),
  )
  for (const file of COMPARED_FILES) {
    const isMissing = guest.without.some((start) => file.startsWith(start))
    require(held.includes(file) !== isMissing, `${guest.options}: ${file} is held: ${!isMissing}`)
  }
  const value = (container: string, name: string) =>
    valueFor(samples, name, { container_id: container })
  require(value(BUSY, 'container_cpu_limit') === 0.2, 'the limit of CPU is another')
  require(value(BUSY, 'container_thread_limit') === 50, 'the limit of threads is another')
  if (!guest.without.includes('memory.max')) {
    const kills = value(HUNGRY, 'container_memory_oom_kills_total') ?? 0
    require(kills >= 1, 'nobody was killed for memory')
    require(value(HUNGRY, 'container_memory_limit_bytes') ===
      16_777_216, 'memory has another limit')
  }
  const throttled = value(BUSY, 'container_cpu_throttling_time_seconds_total') ?? 0
  require(throttled > 0.5, `the busy container was held back for ${throttled} s only`)
  const log = parts.get('log') ?? ''
  const lines = log.split('\n').filter((line) => guest.says?.test(line))
  require(guest.says === undefined || lines.length === 1, `the log has not one line: ${log}`)
  return held.length
}

/** The agent in a cgroup namespace of its own finds the container of a process whose path begins with `..`. */
function requireResolved(part: string): void {
  require(part.startsWith(`0::/../${BUSY}\n`), `not in a namespace: ${part.slice(0, 200)}`)
  const lines = part.split('\n').filter((line) => line.startsWith('workload_process_count'))
  const found = parseSamples(lines.join('\n')).find(({ labels }) => labels.container_id === BUSY)
  require(found?.value === 1, `the container is not resolved: ${lines.join(' ')}`)
  require(found.labels.k8s_pod_uid === UID, `its pod is ${found.labels.k8s_pod_uid}`)
}
