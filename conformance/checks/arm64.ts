import { parseSamples, type Sample } from '../../test/support/exposition.ts'
import { type Check, require } from '../check.ts'
import { boot, needEmulator, sections, UNTIL_STARTED } from '../guest/guest.ts'
import { makeArm64Image } from '../guest/image.ts'
import { kernelOf, unpackedGuest } from '../guest/kernel.ts'

const UID = '2b8f1c9e-6d0a-4a57-9c1e-0f3b5d7a9c11'
/** Nested cgroups: a process in the innermost one counts in all of them. */
const ABOVE = ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a/b/c/d/kubepods', 'a/b/c/d/kubepods/burstable']
const POD = `/sys/fs/cgroup/${ABOVE.at(-1)}/pod${UID}`
const ID = 'a'.repeat(64)
const TOLERANCE = 0.03
/** Of the emulated CPU, with one instruction in each nanosecond. */
const PER_SECOND = 1e9
const SCOPES = ['container', 'k8s_pod', 'cgroup'] as const

/** Each of the eight levels counts two events for itself: 16 on a CPU that has seven counters. */
const SCRIPT = `
echo +cpu > /sys/fs/cgroup/cgroup.subtree_control
for c in ${ABOVE.map((path) => `/sys/fs/cgroup/${path}`).join(' ')} ${POD}; do
  mkdir -p $c; echo +cpu > $c/cgroup.subtree_control
done
mkdir ${POD}/${ID}
node /app/dist/main.js --exporters=prometheus --process-groups.enabled=false --collection.max-age=0 --prometheus.host=127.0.0.1 \
  --prometheus.naming=otel --perf.enabled --perf.scopes=container,pod,cgroup --cgroups.include=a,a/** \
  --perf.hardware=CPUCycles,Instructions,CacheRefs,BranchInstr > /tmp/log 2>&1 & agent=$!
${UNTIL_STARTED}
sh -c 'echo $$ > ${POD}/${ID}/cgroup.procs; while :; do :; done' &
busy=$!
sleep 1
echo "=== before"; cat ${POD}/${ID}/cpu.stat; wget -q -O - http://127.0.0.1:9464/metrics
sleep 4
echo "=== after"; cat ${POD}/${ID}/cpu.stat; wget -q -O - http://127.0.0.1:9464/metrics
echo "=== log"; cat /tmp/log
echo "=== status"; cat /proc/$agent/status
kill $busy $agent
echo "=== end"
`

export const check: Check = {
  title: 'an emulated arm64 machine with hardware counters: what is counted is known beforehand',

  async run({ scope, print }) {
    await needEmulator('arm64')
    const unpacked = await unpackedGuest('arm64', [
      'busybox-static',
      'libc6',
      'libstdc++6',
      'libgcc-s1',
    ])
    const image = await makeArm64Image(scope.directory(), unpacked, SCRIPT)
    const parts = sections(
      await boot(scope, 'arm64', { kernel: kernelOf(unpacked), image }, 'psi=1'),
    )
    const [before, after] = ['before', 'after'].map((name) => parse(parts.get(name) ?? ''))
    const used = after.seconds - before.seconds
    require(used > 1, `the busy container ran for ${used} s only`)
    for (const root of SCOPES) {
      const rise = (name: string) =>
        valueFor(after.samples, `${root}_perf_${name}`) -
        valueFor(before.samples, `${root}_perf_${name}`)
      for (const name of ['cpu_cycles_total', 'instruction_total']) {
        const apart = Math.abs(rise(name) - used * PER_SECOND) / (used * PER_SECOND)
        print(`${root} ${name}: ${(apart * 100).toFixed(2)} % from the truth`)
        require(apart <= TOLERANCE, `${root}: ${rise(name)} ${name} in ${used} s`)
      }
    }
    const coverage = valueFor(after.samples, 'container_perf_coverage_ratio')
    const log = parts.get('log') ?? ''
    require(/can't be counted \(ENOENT\): [^"]*CacheRefs/.test(
      log,
    ), `CacheRefs is not said: ${log}`)
    require(!after.samples.some(({ name }) =>
      name.includes('cache_refs'),
    ), 'an event that the machine lacks has a series')
    // Its numbers of system calls are those of arm64: with wrong ones nothing of the above would have worked, or it could not be set.
    const isFiltered = /^Seccomp:\s*2$/m.test(parts.get('status') ?? '')
    require(isFiltered && log.includes('a seccomp filter is set'), `no seccomp filter: ${log}`)
    return `cycles and instructions of ${SCOPES.length} scopes, each counted in ${(coverage * 100).toFixed(0)} % of the time`
  },
}

function parse(part: string): { seconds: number; samples: Sample[] } {
  const usage = /^usage_usec (\d+)$/m.exec(part)?.[1]
  const lines = part.split('\n').filter((line) => /^(container|k8s_pod|cgroup)_perf_/.test(line))
  return { seconds: Number(usage) / 1e6, samples: parseSamples(lines.join('\n')) }
}

/** Of the busy container, or of what it is in; the slices have the same value each. */
function valueFor(samples: readonly Sample[], name: string): number {
  const found = samples.find((sample) => sample.name === name)
  return found?.value ?? Number.NaN
}
