/** Cost of collecting perf events while containers start and stop; no descriptor may leak. */
import { randomBytes } from 'node:crypto'
import { existsSync, globSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { registerPerf } from '../../src/collectors/perf/collector.ts'
import { Members } from '../../src/entities/group-members.ts'
import { onlineCpus } from '../../src/kernel/cpus.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { CGROUP2 } from '../support/cgroups.ts'

const CGROUPS = 200
const EVENTS = ['TaskClock', 'PageFaults', 'ContextSwitches', 'CPUMigrations']
const COLLECTIONS = 100
/** Containers that end, and as many that start, between two collections of the second half. */
const CHURN = 10

export async function measurePerf(print: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync(join(CGROUP2, 'cgroup.procs'))) {
    print('perf events: only root can make cgroups, in a mount of cgroup v2')
    return
  }
  const top = join(CGROUP2, `otel-interrogator-bench-${process.pid}`)
  mkdirSync(top)
  try {
    await measureIn(top, print)
  } finally {
    for (const path of globSync(`${top}/*/`)) rmdirSync(path)
    rmdirSync(top)
  }
}

async function measureIn(top: string, print: (line: string) => void): Promise<void> {
  const create = () => {
    const path = join(top, randomBytes(32).toString('hex'))
    mkdirSync(path)
    return path
  }
  const containers = Array.from({ length: CGROUPS }, create)
  const said: string[] = []
  const meter = createCollector((line) => said.push(line))
  const before = descriptors()
  await meter.collect(now())
  const opened = descriptors() - before
  if (opened === 0) {
    print(`perf events: ${said.join('; ')}`)
    return
  }
  const steady = await collections(meter, COLLECTIONS / 2)
  const changing = await collections(meter, COLLECTIONS / 2, () => {
    for (const path of containers.splice(0, CHURN)) rmdirSync(path)
    for (let index = 0; index < CHURN; index++) containers.push(create())
  })
  print(
    `collection of ${CGROUPS} cgroups, ${EVENTS.length} perf events on ${onlineCpus().length} CPUs`,
  )
  print(
    `  ${steady.toFixed(1)} ms of CPU; ${changing.toFixed(1)} ms with ${CHURN} ended and started`,
  )
  print(
    `  descriptors: ${opened} at first, ${descriptors() - before} after ${COLLECTIONS} collections`,
  )
  for (const path of containers) rmdirSync(path)
  await meter.collect(now())
  print(`  ${descriptors() - before} when all containers have ended`)
}

/** @returns milliseconds of CPU for each. */
async function collections(meter: ObservableMeter, count: number, between = () => {}) {
  let used = 0
  for (let collection = 0; collection < count; collection++) {
    between()
    const before = process.cpuUsage()
    await meter.collect(now())
    const { user, system } = process.cpuUsage(before)
    used += user + system
  }
  return used / count / 1000
}

function createCollector(notify: (line: string) => void): ObservableMeter {
  const meter = new ObservableMeter({ name: 'perf' }, now())
  registerPerf(
    meter,
    {
      root: CGROUP2,
      hardware: [],
      software: EVENTS,
      cache: [],
      scopes: ['container'],
      include: [],
      max_fds: 0,
      depth: 16,
      max: 20_000,
      process_groups: [],
    },
    {
      procfs: new Procfs(),
      system: readSystemConstants(),
      members: new Members(),
      slice: new TimeSlice(),
      workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
      notify,
    },
  )
  return meter
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}
