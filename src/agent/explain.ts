/** The command `explain`: why a process, or each, is in its group. */
import {
  type ExplainSources,
  explainAll,
  explainProcess,
} from '../collectors/process-groups/explain.ts'
import { Placement } from '../collectors/process-groups/placement.ts'
import { ReadingErrors } from '../collectors/process-groups/reading-errors.ts'
import { createRules } from '../collectors/process-groups/rules/rules.ts'
import type { Config } from '../config/config.ts'
import { readMachine } from '../kernel/machine.ts'
import { userNames } from '../workloads/users.ts'
import { openProcfs } from './procfs.ts'
import { configuredWorkloads, waitForNames } from './workloads.ts'

export interface ExplanationText {
  readonly text: string
  /** Whether the process asked for is in a group; true for a table. */
  readonly isGrouped: boolean
}

/** How long names of containers and pods are waited for. */
const NAMES_MILLISECONDS = 5000

/**
 * @param pid undefined for all processes, as a table.
 * @throws NodeJS.ErrnoException when the process can't be read.
 */
export async function explain(config: Config, pid: number | undefined): Promise<ExplanationText> {
  const procfs = openProcfs(config)
  const { directory, workloads } = configuredWorkloads(config, procfs, () => {})
  await waitForNames(directory, NAMES_MILLISECONDS)
  directory.close()
  const placement = new Placement(procfs, workloads, new ReadingErrors(), { by_workload: false })
  const sources: ExplainSources = {
    procfs,
    placement,
    nameSources: directory.sources,
    bootTime: procfs.bootTime(),
    ticksPerSecond: readMachine().ticksPerSecond,
    username: userNames(),
    rules: createRules(config),
    children: config.process_groups.children,
  }
  if (pid === undefined) return { text: table(await explainAll(sources)), isGrouped: true }
  const { lines, isGrouped } = await explainProcess(sources, pid)
  return { text: `${lines.join('\n')}\n`, isGrouped }
}

/** Columns, each as wide as its widest cell. */
function table(rows: readonly string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
