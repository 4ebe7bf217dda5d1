/** Cost of a collection of many real cgroups, compared with only reading the same files. */
import { closeSync, existsSync, globSync, mkdirSync, openSync, readSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { registerCgroups } from '../../src/collectors/cgroups/collector.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { readSystemConstants } from '../../src/kernel/system-constants.ts'
import { now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { TimeSlice } from '../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { CGROUP2 } from '../support/cgroups.ts'

const CGROUPS = 1000
const ROUNDS = 9
/** What the collector reads of a cgroup of v2, as far as this kernel has it. */
const FILES = [
  ...['cpu.pressure', 'memory.pressure', 'io.pressure', 'irq.pressure', 'cpu.stat', 'cpu.max'],
  ...['memory.current', 'memory.stat', 'memory.max', 'memory.swap.current', 'memory.events'],
  ...['io.stat', 'pids.current', 'pids.max'],
]

export async function measureCgroups(print: (line: string) => void): Promise<void> {
  if (process.getuid?.() !== 0 || !existsSync(join(CGROUP2, 'cgroup.procs'))) {
    print('cgroups: only root can make them, in a mount of cgroup v2')
    return
  }
  const top = join(CGROUP2, `otel-interrogator-bench-${process.pid}`)
  mkdirSync(top)
  const paths = Array.from({ length: CGROUPS }, (_, index) =>
    join(top, index.toString(16).padStart(64, '0')),
  )
  try {
    for (const path of paths) mkdirSync(path)
    const files = paths.flatMap((path) =>
      FILES.map((file) => join(path, file)).filter((file) => existsSync(file)),
    )
    const meter = createCollector()
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS + 2; round++) {
      const collected = await cpu(() => meter.collect(now()))
      const read = await cpu(() => readAll(files))
      if (round >= 2) ratios.push(collected / read)
    }
    ratios.sort((a, b) => a - b)
    print(`collection of ${CGROUPS} cgroups, ${files.length / CGROUPS} files each`)
    print(
      `  ratio to the plain read loop: ${ratios[Math.floor(ratios.length / 2)].toFixed(3)} ` +
        `(${ratios[0].toFixed(3)} to ${ratios.at(-1)?.toFixed(3)})`,
    )
  } finally {
    for (const path of globSync(`${top}/*/`)) rmdirSync(path)
    rmdirSync(top)
  }
}

/** The collector, on the hierarchy of v2 alone. */
function createCollector(): ObservableMeter {
  const meter = new ObservableMeter({ name: 'cgroups' }, now())
  registerCgroups(
    meter,
    { root: CGROUP2, include: [], depth: 16, max: 20_000, open_files: 4096, triggers: [] },
    {
      procfs: new Procfs(),
      system: readSystemConstants(),
      slice: new TimeSlice(),
      workloads: new Workloads(new NameResolver({ sources: [] }), undefined),
      notify: () => {},
    },
  )
  return meter
}

function readAll(files: readonly string[]): void {
  const buffer = Buffer.allocUnsafe(64 * 1024)
  for (const file of files) {
    const descriptor = openSync(file, 'r')
    readSync(descriptor, buffer, 0, buffer.length, null)
    closeSync(descriptor)
  }
}

async function cpu(act: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await act()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
