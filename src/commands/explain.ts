/** The command `explain`: why a process, or each, is in its group. */
import { loadConfiguration } from '../agent/configuration.ts'
import { explainSources } from '../agent/explain-sources.ts'
import { openProcfs } from '../agent/procfs.ts'
import { configuredWorkloads, waitForNames } from '../agent/workloads.ts'
import { explainAll, explainProcess } from '../collectors/process-groups/classify/explain.ts'
import { createRules } from '../collectors/process-groups/classify/rules.ts'
import type { CommandLine } from '../config/command-line.ts'
import type { Config } from '../config/config.ts'
import { printable } from '../lib/printable.ts'
import { print, printError } from './output.ts'

/** How long names of containers and pods are waited for. */
const NAMES_MILLISECONDS = 5000

/**
 * Prints why the process of the command line, or each, is in its group.
 *
 * @returns the exit code: 1 for a process that is in no group, or does not exist.
 */
export async function explain(commandLine: CommandLine): Promise<number> {
  const { pid } = commandLine
  const { config } = loadConfiguration(commandLine, process.env)
  try {
    const { text, isGrouped } = await explanation(config, pid)
    await print(text)
    return isGrouped ? 0 : 1
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    printError(`otel-interrogator: there is no process ${pid} in ${config.procfs.root}\n`)
    return 1
  }
}

interface Explanation {
  readonly text: string
  /** Whether the process asked for is in a group; true for a table. */
  readonly isGrouped: boolean
}

/** @throws NodeJS.ErrnoException when the process can't be read. */
async function explanation(config: Config, pid: number | undefined): Promise<Explanation> {
  const procfs = openProcfs(config)
  const { resolver, workloads } = configuredWorkloads(config, procfs, () => {})
  await waitForNames(resolver, NAMES_MILLISECONDS)
  resolver.close()
  const nameSources = resolver.sources
  const rules = createRules(config)
  const sources = explainSources(config, { procfs, workloads, nameSources, rules })
  if (pid === undefined) {
    const rows = await explainAll(sources)
    return { text: table(rows.map((row) => row.map(printable))), isGrouped: true }
  }
  const { lines, isGrouped } = await explainProcess(sources, pid)
  return { text: `${lines.map(printable).join('\n')}\n`, isGrouped }
}

/** Columns, each as wide as its widest cell. */
function table(rows: readonly string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column])).join('  ')
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('')
}
