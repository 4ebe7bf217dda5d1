/** The command `list-metrics`: what a configuration exports, with examples from this process itself. */
import { readlinkSync } from 'node:fs'
import { pino } from 'pino'
import { startAgent } from '../agent/agent.ts'
import { loadConfiguration } from '../agent/configuration.ts'
import { openProcfs } from '../agent/procfs.ts'
import { COLLECTORS } from '../collectors/registry.ts'
import type { CommandLine } from '../config/command-line.ts'
import type { Config } from '../config/config.ts'
import { NAMINGS } from '../telemetry/definitions.ts'
import { Examples } from '../telemetry/examples.ts'
import { metricsReference } from '../telemetry/reference.ts'

/**
 * Every metric with its help, type, unit, its names and an example, in the format of the command line. With `--all` every
 * metric there is, whatever the configuration, without examples.
 */
export async function listMetrics(commandLine: CommandLine, version: string): Promise<string> {
  const { all, format } = commandLine
  if (all) return metricsReference(COLLECTORS.flatMap(({ tables }) => tables()))
  const { config } = loadConfiguration(commandLine, process.env)
  const { naming } = config.prometheus
  const tables = COLLECTORS.filter(({ isEnabled }) => isEnabled(config)).flatMap((collector) =>
    collector.tables(config),
  )
  if (format === 'prometheus') {
    const text = await collectOnce(config, version, naming)
    return new Examples(text, naming).withOthers(tables)
  }
  const text = await collectOnce(config, version, NAMINGS)
  const examples = new Examples(text, naming)
  return format === 'markdown'
    ? metricsReference(tables, (definition) => examples.of(definition))
    : `${JSON.stringify(examples.catalogue(tables), undefined, 2)}\n`
}

/** The text of one collection of this process alone, under rules that take every process. */
async function collectOnce(
  config: Config,
  version: string,
  naming: Config['prometheus']['naming'],
): Promise<string> {
  const { kubevirt, process_groups, prometheus } = config
  const self = { name: 'self', argv: [process.argv0.replace(/[*?[\\]/g, '\\$&')] }
  const alone: Config = {
    ...config,
    exporters: ['none'],
    process_names: undefined,
    process_groups: { ...process_groups, procnames: '', namemapping: '' },
    kubevirt: { ...kubevirt, targets: [self] },
    prometheus: { ...prometheus, naming },
  }
  const procfs = openProcfs(config)
  const own = Number(readlinkSync(`${procfs.root}/self`))
  procfs.close()
  const silent = pino({ level: 'silent' })
  const agent = await startAgent(alone, version, silent, {
    procfs: openProcfs(config, { only: own }),
  })
  try {
    return await agent.scrape()
  } finally {
    await agent.stop(0)
  }
}
