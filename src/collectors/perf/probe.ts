/** Finds which wanted events the machine has and the agent may count, by opening each once. */
import { closeSync, openSync } from 'node:fs'
import type { PerfEvent } from '../../kernel/perf-events/events.ts'
import type { PerfOpener, PerfTarget } from '../../kernel/perf-events/open.ts'

/** A wanted event, and whether it can be counted. */
export interface Probed {
  readonly event: PerfEvent
  /** Why it can't be counted; undefined when it can. */
  readonly code: string | undefined
}

/** What to do about an error. */
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: 'this machine does not have them, as most virtual machines do not have hardware events',
  EOPNOTSUPP: 'this machine does not have them',
  EACCES:
    'the kernel forbids it: give CAP_PERFMON, or CAP_SYS_ADMIN where kernel.perf_event_paranoid is above 2',
  EPERM:
    'the seccomp profile forbids perf_event_open: it needs one that allows it with CAP_PERFMON',
  EMFILE: 'too few file descriptors: raise the limit of open files',
}

/**
 * Opens each event once; returns which can be counted.
 *
 * @param directory of a cgroup; undefined when only processes are to be counted.
 */
export function probeEvents(
  opener: PerfOpener,
  directory: string | undefined,
  cpu: number,
  events: readonly PerfEvent[],
): Probed[] {
  if (directory === undefined) return probe(opener, { thread: process.pid }, events)
  const cgroup = openSync(directory, 'r')
  try {
    return probe(opener, { cgroup, cpu }, events)
  } finally {
    closeSync(cgroup)
  }
}

function probe(opener: PerfOpener, target: PerfTarget, events: readonly PerfEvent[]): Probed[] {
  return events.map((event) => {
    try {
      closeSync(opener.open({ event, target, leader: -1 }))
      return { event, code: undefined }
    } catch (error) {
      return { event, code: (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN' }
    }
  })
}

/** One line for each reason; none when all can be counted. */
export function describeRefusals(probed: readonly Probed[]): string[] {
  const refused = probed.filter(({ code }) => code !== undefined)
  return [...Map.groupBy(refused, ({ code }) => code as string)].map(([code, events]) => {
    const labels = events.map(({ event }) => event.label).join(', ')
    return `perf events that can't be counted (${code}): ${labels}; ${HINTS[code] ?? 'see perf_event_open(2)'}`
  })
}
