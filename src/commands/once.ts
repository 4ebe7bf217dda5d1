/** `--once`: the Prometheus text of one collection. */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { startAgent } from '../agent/agent.ts'
import { loadConfiguration } from '../agent/configuration.ts'
import type { CommandLine } from '../config/command-line.ts'
import { print } from './output.ts'

/** Prints one collection, or with `onceDelay` the second of two. */
export async function once(commandLine: CommandLine, version: string): Promise<void> {
  const { onceDelay: wait } = commandLine
  const { config } = loadConfiguration(commandLine, process.env)
  const logger = pino({ level: 'silent' })
  // After a wait, however short, the first collection is not the one to print.
  const collection = wait > 0 ? { ...config.collection, max_age: 0 } : config.collection
  const agent = await startAgent({ ...config, collection, exporters: ['none'] }, version, logger)
  await delay(wait)
  const text = await agent.scrape()
  await agent.stop(0)
  await print(text)
}
