/** The command `check-config`: whether a configuration can be used. */
import { loadConfiguration } from '../agent/configuration.ts'
import { protectionFile, readProtectionFiles } from '../agent/server.ts'
import type { CommandLine } from '../config/command-line.ts'
import { print, printError } from './output.ts'

/**
 * Prints the warnings of a configuration, and that it is valid.
 *
 * @throws ConfigError when the configuration, or the web configuration that it names, is wrong.
 */
export async function checkConfig(commandLine: CommandLine): Promise<void> {
  const { config, warnings } = loadConfiguration(commandLine, process.env)
  if (protectionFile(config.web) !== undefined) readProtectionFiles(config.web, () => {})
  for (const warning of warnings) printError(`${warning}\n`)
  await print('the configuration is right\n')
}
