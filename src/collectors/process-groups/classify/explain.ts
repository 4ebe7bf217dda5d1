/** Explains why a process is in its group, or in none, as if it were classified for the first time. */

import { containerName } from '../../../entities/workload-attributes.ts'
import { emptyStat } from '../../../kernel/procfs/stat.ts'
import type { SourceCache } from '../../../workloads/source-cache.ts'
import type { ClassifiedProcess } from '../track/known-process.ts'
import type { Assignment } from './assignment.ts'
import type { ProcessFacts } from './facts.ts'
import type { Explanation, Rules } from './matcher.ts'
import { type FactSources, processFacts } from './process-facts.ts'

/** What explanations are made from. */
export interface ExplainSources extends FactSources {
  readonly rules: Rules
  /** Whether processes that no rule matches join their nearest ancestor's group. */
  readonly children: boolean
  /** The sources of container and pod names. */
  readonly nameSources: readonly SourceCache[]
}

/** The group of a process, and how it was found. */
interface Found {
  /** Undefined for a process in no group. */
  readonly group: Assignment | undefined
  /** How it was found, in words. */
  readonly how: string
}

/**
 * All about one process, as lines.
 *
 * @throws NodeJS.ErrnoException when the process can't be read.
 */
export async function explainProcess(
  sources: ExplainSources,
  pid: number,
): Promise<{ lines: string[]; isGrouped: boolean }> {
  const process = await readProcess(sources, pid)
  const facts = await readFacts(sources, process)
  const { group, how } = await findGroup(sources, process, facts)
  const labels = Object.entries(group?.labels ?? {}).map(
    ([label, value]) => `  label ${label}: ${value}`,
  )
  return {
    isGrouped: group !== undefined,
    lines: [
      `process ${pid}`,
      ...[...describe(facts), ...describeWorkload(sources, facts)].map(
        ([what, value]) => `  ${what.padEnd(13)}${value}`,
      ),
      '',
      ...sources.rules.explain(facts).flatMap(explainRule),
      '',
      group === undefined ? `in no group: ${how}` : `group ${JSON.stringify(group.name)}: ${how}`,
      ...labels,
    ],
  }
}

/** Every process with its group: PID, name, group, and how it came there. */
export async function explainAll(sources: ExplainSources): Promise<string[][]> {
  const rows = [['PID', 'COMM', 'GROUP', 'HOW']]
  for (const pid of [...sources.procfs.pids()].sort((a, b) => a - b))
    try {
      const process = await readProcess(sources, pid)
      const facts = await readFacts(sources, process)
      const { group, how } = await findGroup(sources, process, facts)
      rows.push([String(pid), process.comm, group?.name ?? '-', how])
    } catch {
      // It has ended, or can't be seen: then no group has it either.
    }
  return rows
}

async function readProcess(
  { procfs, ownership }: FactSources,
  pid: number,
): Promise<ClassifiedProcess> {
  const directory = procfs.directory(pid)
  if (procfs.isExecuting(directory)) await procfs.whenExecuted(directory)
  const stat = emptyStat()
  procfs.stat(directory, stat)
  return {
    pid,
    ppid: stat.ppid,
    start: stat.starttime,
    comm: procfs.comm(),
    directory,
    workloadCounts: ownership?.countsOf(directory),
    pendingNames: undefined,
  }
}

/** @returns rejects when the command line can't be read. */
async function readFacts(
  sources: ExplainSources,
  process: ClassifiedProcess,
): Promise<ProcessFacts> {
  return processFacts(sources, process, await sources.procfs.cmdline(process.directory))
}

/** Classifies a process, and its ancestors as far as they decide. */
async function findGroup(
  sources: ExplainSources,
  process: ClassifiedProcess,
  facts: ProcessFacts,
): Promise<Found> {
  const match = sources.rules.match(facts)
  if (match === 'ignored') return { group: undefined, how: 'a rule ignores it' }
  if (match !== undefined) return { group: match, how: 'a rule matches' }
  if (!sources.children) return { group: undefined, how: 'no rule matches' }
  const seen = new Set([process.pid])
  let parent = process.ppid
  while (parent > 0 && !seen.has(parent)) {
    seen.add(parent)
    const ancestor = await readAncestor(sources, parent)
    if (ancestor === undefined) break
    const found = sources.rules.match(await readFacts(sources, ancestor))
    if (found === 'ignored') break
    if (found !== undefined) {
      return { group: found, how: `inherited from process ${parent} (${ancestor.comm})` }
    }
    parent = ancestor.ppid
  }
  return { group: undefined, how: 'no rule matches, nor an ancestor' }
}

async function readAncestor(
  sources: ExplainSources,
  pid: number,
): Promise<ClassifiedProcess | undefined> {
  try {
    return await readProcess(sources, pid)
  } catch {
    return undefined
  }
}

function describe(facts: ProcessFacts): [what: string, value: string][] {
  return [
    ['comm', facts.comm],
    ['parent', `${facts.ppid} (${facts.parent() ?? 'none'})`],
    ['arguments', JSON.stringify(facts.argv)],
    ['executes', facts.exePath() ?? 'nothing that can be seen'],
    ['user', `${facts.username()} (${facts.uid()})`],
    ['cgroups', facts.cgroups().join(' ')],
  ]
}

/** The owner of the process, and the source of its names. */
function describeWorkload(
  { nameSources }: ExplainSources,
  facts: ProcessFacts,
): [what: string, value: string][] {
  const workload = facts.workload()
  if (workload === undefined) return []
  const { owner, container, pod } = workload
  if (owner.scope === 'host') {
    return [['belongs to', ['the host', owner.unit].filter(Boolean).join(', ')]]
  }
  const teller = nameSources.find(
    (cache) =>
      cache.container(owner.containerId ?? '') !== undefined ||
      cache.pod(owner.podUid ?? '') !== undefined,
  )
  const failures = nameSources.flatMap(({ source, failure }) =>
    failure === undefined ? [] : `${source.name} failed: ${failure.message}`,
  )
  const asked = nameSources.map(({ source }) => source.name).join(', ') || 'nobody'
  return [
    ['container', [containerName(container) ?? 'name not known', owner.containerId].join(' ')],
    ['pod', pod === undefined ? 'name not known' : `${pod.namespace}/${pod.name}`],
    ['pod uid', owner.podUid ?? pod?.uid ?? 'none in the path'],
    ['resolved', `from its cgroup; names from ${teller?.source.name ?? 'none'}; asked: ${asked}`],
    ...failures.map((failure): [string, string] => ['', failure]),
  ]
}

function explainRule({ rule, conditions, match }: Explanation): string[] {
  return [
    `${rule}: ${match === undefined ? 'does not match' : 'matches'}`,
    ...conditions.map(({ text, holds, actual }) =>
      holds ? `  yes  ${text}` : `  no   ${text}; it is ${JSON.stringify(actual) ?? 'not known'}`,
    ),
  ]
}
