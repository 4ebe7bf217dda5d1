/** The collector of process groups on a procfs tree, scraped like Prometheus does. */
import { emptyResource } from '@opentelemetry/resources'
import {
  compileRules,
  type ProcessNameItem,
  type Rules,
} from '../../src/collectors/process-groups/classify/matcher.ts'
import { ReplaceableRules } from '../../src/collectors/process-groups/classify/replaceable-rules.ts'
import {
  type ProcessGroupsSources,
  registerProcessGroups,
} from '../../src/collectors/process-groups/collector.ts'
import { Members } from '../../src/entities/group-members.ts'
import { Procfs } from '../../src/kernel/procfs/procfs.ts'
import { now } from '../../src/telemetry/clock.ts'
import { ObservableMeter } from '../../src/telemetry/meter.ts'
import { NameTranslation } from '../../src/telemetry/name-translation.ts'
import { PrometheusSerializer } from '../../src/telemetry/prometheus/serializer.ts'
import { Sampler } from '../../src/telemetry/sampler.ts'
import { doInSlices, TimeSlice } from '../../src/telemetry/time-slice.ts'
import { NameResolver } from '../../src/workloads/name-resolver.ts'
import { Workloads } from '../../src/workloads/workloads.ts'
import { parseSamples } from './exposition.ts'

export interface GroupOptions {
  rules?: readonly Omit<ProcessNameItem, 'line'>[]
  children?: boolean
  threads?: boolean
  smaps?: boolean
  remove_empty?: boolean
  refresh?: number
  smaps_interval?: number
  short_lived?: 'waited' | 'off'
  recheck?: boolean
  recheck_time_limit?: number
  strict?: boolean
  regroup?: 'exec' | 'title' | 'off'
  /** Instead of rules. */
  compiled?: Rules
  username?: (uid: number) => string
  by_workload?: boolean
  workloads?: Workloads
  /** Instead of a plain one of the root. */
  procfs?: Procfs
  slice?: TimeSlice
  maxSeries?: number
  taskSource?: ProcessGroupsSources['taskSource']
  exits?: ProcessGroupsSources['exits']
}

/** Milliseconds that a file may take to be read: a busy machine is no blocked file. */
const PATIENCE = 30_000

/** Everything with a command line, by its own name. */
export const BY_COMM = [{ name: '{{.Comm}}', cmdline: ['.+'] }]

export function processGroups(
  root: string,
  {
    rules = BY_COMM,
    compiled,
    username = (uid) => `user${uid}`,
    workloads = new Workloads(new NameResolver({ sources: [] }), undefined),
    procfs = new Procfs(root, { timeLimit: PATIENCE }),
    slice = new TimeSlice(),
    maxSeries,
    taskSource = (tasks) => tasks,
    exits,
    ...options
  }: GroupOptions = {},
) {
  const replaceable = new ReplaceableRules(
    compiled ??
      compileRules(
        rules.map((rule) => ({ ...rule, line: 1 })),
        { strict: options.strict ?? false },
      ),
  )
  const meter = new ObservableMeter({ name: 'process_groups' }, now(), maxSeries)
  registerProcessGroups(
    meter,
    {
      rules: replaceable,
      children: true,
      threads: true,
      smaps: true,
      remove_empty: false,
      refresh: 0,
      smaps_interval: 0,
      short_lived: 'waited',
      recheck: false,
      recheck_time_limit: 0,
      strict: false,
      by_workload: false,
      regroup: 'exec',
      ...options,
    },
    {
      procfs,
      members: new Members(),
      system: { pageSize: 4096, ticksPerSecond: 100 },
      username,
      slice,
      workloads,
      taskSource,
      exits,
    },
  )
  const errors: unknown[] = []
  const sampler = new Sampler({
    meters: [meter],
    maxAge: 0,
    onRun: (run) => errors.push(...run.errors),
  })
  const translation = new NameTranslation()
  const serializer = new PrometheusSerializer({ target_info: false, scope_labels: false })
  /** One collection, as Prometheus text in the classic vocabulary. */
  const text = async () => {
    const { scopes } = await sampler.snapshot()
    const scopeMetrics = await doInSlices(translation.translating(scopes, ['classic']))
    const metrics = { resource: emptyResource(), scopeMetrics }
    return Buffer.concat(await doInSlices(serializer.serializing(metrics))).toString()
  }
  return {
    sampler,
    errors,
    rules: replaceable,
    text,
    /** One collection, as `name{label value, …}` without the usual prefix, and the value. */
    async collect(): Promise<Map<string, number>> {
      return new Map(
        parseSamples(await text()).map(({ name, labels, value }) => [
          `${name.replace('namedprocess_namegroup_', '')}{${Object.values(labels).join(',')}}`,
          value,
        ]),
      )
    },
  }
}
