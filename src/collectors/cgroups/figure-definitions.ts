/** What is measured of a cgroup, whatever it belongs to: figure by figure, with its names. */
import type { CgroupFigures } from '../../kernel/cgroupfs/figures.ts'
import type { Stall } from '../../kernel/psi.ts'
import type { MetricDefinition } from '../../telemetry/definitions.ts'
import { CADVISOR_FIGURES, cadvisorPressure } from './cadvisor-names.ts'
import { RESOURCES, type Resource } from './plan.ts'

export interface FigureRow {
  readonly field: keyof CgroupFigures
  readonly definition: MetricDefinition
}

export interface PressureRow {
  readonly resource: Resource
  readonly type: 'some' | 'full'
  readonly field: keyof Stall
  readonly definition: MetricDefinition
}

/** The classic names of a level's pressure; the daemonset that had them knew no others. */
export interface ClassicPressure {
  /** Such as `cgroup_monitor_sc_monitored`. */
  readonly prefix: string
  /** `monitored container`, for the description. */
  readonly subject: string
}

/**
 * @param root of the names, such as `container`.
 * @param hasCadvisor whether cAdvisor measures such cgroups, too.
 */
export function figureRows(root: string, of: string, hasCadvisor: boolean): FigureRow[] {
  const row = (
    field: keyof CgroupFigures,
    kind: MetricDefinition['kind'],
    unit: string,
    name: string,
    description: string,
    attributes?: Record<string, string>,
  ): FigureRow => ({
    field,
    definition: {
      description: `${description} ${of}`,
      kind,
      valueType: unit === 's' || field === 'cpuLimit' ? 'double' : 'int',
      otel: { name: `${root}.${name}`, unit, ...(attributes && { attributes }) },
      ...(hasCadvisor && CADVISOR_FIGURES[field] && { cadvisor: CADVISOR_FIGURES[field] }),
    },
  })
  const event = (field: keyof CgroupFigures, event: string) =>
    row(field, 'counter', '{event}', 'memory.events', 'Times that memory met a limit, by limit,', {
      'memory.event': event,
    })
  const faults = (field: keyof CgroupFigures, type: string) =>
    row(field, 'counter', '{fault}', 'paging.faults', 'Page faults', {
      'system.paging.fault.type': type,
    })
  return [
    row('cpuUsage', 'counter', 's', 'cpu.usage.time', 'CPU time in all modes'),
    row('cpuUser', 'counter', 's', 'cpu.time', 'CPU time, by mode,', { 'cpu.mode': 'user' }),
    row('cpuSystem', 'counter', 's', 'cpu.time', 'CPU time, by mode,', { 'cpu.mode': 'system' }),
    row('periods', 'counter', '{period}', 'cpu.throttling.periods', 'Periods of the CPU limit'),
    row(
      'throttledPeriods',
      'counter',
      '{period}',
      'cpu.throttling.throttled_periods',
      'Periods in which the CPU limit was reached',
    ),
    row(
      'throttledTime',
      'counter',
      's',
      'cpu.throttling.time',
      'Time that tasks were kept from running by the CPU limit',
    ),
    row('cpuLimit', 'gauge', '{cpu}', 'cpu.limit', 'CPUs that may be used at once'),
    row('memoryUsage', 'updowncounter', 'By', 'memory.usage', 'Memory, page cache included,'),
    row(
      'workingSet',
      'updowncounter',
      'By',
      'memory.working_set',
      'Memory without inactive file pages',
    ),
    row('anonymous', 'updowncounter', 'By', 'memory.rss', 'Anonymous memory'),
    row('cache', 'updowncounter', 'By', 'memory.cache', 'Page cache'),
    row('kernel', 'updowncounter', 'By', 'memory.kernel', 'Memory of the kernel on behalf'),
    row('swap', 'updowncounter', 'By', 'memory.swap', 'Swapped-out memory'),
    row('memoryLimit', 'gauge', 'By', 'memory.limit', 'Memory that may be used'),
    faults('minorFaults', 'minor'),
    faults('majorFaults', 'major'),
    event('eventsLow', 'low'),
    event('eventsHigh', 'high'),
    event('eventsMax', 'max'),
    event('eventsOom', 'oom'),
    row('oomKills', 'counter', '{process}', 'memory.oom_kills', 'Processes killed for memory'),
    row('tasks', 'updowncounter', '{thread}', 'thread.count', 'Threads'),
    row('tasksLimit', 'gauge', '{thread}', 'thread.limit', 'Threads that there may be'),
  ]
}

/** What classic names call the resources; they have none for interrupts. */
const CLASSIC: Readonly<Partial<Record<Resource, string>>> = { cpu: 'cpu', memory: 'mem', io: 'io' }
const WINDOWS = { avg10: '10s', avg60: '60s', avg300: '300s' } as const
const PERCENT = 100
const MICROSECONDS = 1e6

/** @param name gives the name of a resource's metrics, such as `container.cpu.pressure`. */
export function pressureRows(
  name: (resource: Resource) => string,
  of: string,
  classic?: ClassicPressure,
  hasCadvisor = false,
): PressureRow[] {
  return RESOURCES.flatMap((resource) =>
    (['some', 'full'] as const)
      .filter((type) => resource !== 'irq' || type === 'full')
      .flatMap((type) => rowsOf(resource, type, name(resource), of, classic, hasCadvisor)),
  )
}

function rowsOf(
  resource: Resource,
  type: 'some' | 'full',
  name: string,
  of: string,
  classic: ClassicPressure | undefined,
  hasCadvisor: boolean,
): PressureRow[] {
  const cadvisor = hasCadvisor ? cadvisorPressure(resource, type) : undefined
  const short = CLASSIC[resource]
  const named = (window: string, scale: number) =>
    // Of the CPU the daemonset had `some` only.
    classic === undefined || short === undefined || (resource === 'cpu' && type === 'full')
      ? {}
      : {
          classic: {
            name: `${classic.prefix}_${short}_psi`,
            attributes: { type, window },
            kind: 'gauge' as const,
            scale,
            description: `${HELP[resource]} PSI of ${classic.subject}`,
          },
        }
  return [
    {
      resource,
      type,
      field: 'total',
      definition: {
        description: `Time in which tasks ${of} waited for the resource: some of them, or all at once. The two must not be added`,
        kind: 'counter',
        valueType: 'double',
        otel: { name: `${name}.time`, unit: 's', attributes: { 'psi.type': type } },
        ...named('total', MICROSECONDS),
        ...(cadvisor && { cadvisor }),
      },
    },
    ...(Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]).map(
      (field): PressureRow => ({
        resource,
        type,
        field,
        definition: {
          description: `Part of the time in which tasks ${of} waited for the resource, averaged by the kernel over a window`,
          kind: 'gauge',
          valueType: 'double',
          otel: {
            name: `${name}.avg`,
            unit: '1',
            attributes: { 'psi.type': type, 'psi.window': WINDOWS[field] },
          },
          ...named(WINDOWS[field], PERCENT),
        },
      }),
    ),
  ]
}

const HELP: Readonly<Record<Resource, string>> = { cpu: 'CPU', memory: 'Mem', io: 'IO', irq: 'IRQ' }
