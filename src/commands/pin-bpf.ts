/** The command `pin-bpf`: pins the task iterator for an agent that may not load one itself. */
import { statSync } from 'node:fs'
import { loadConfiguration } from '../agent/configuration.ts'
import { StartError } from '../agent/procfs.ts'
import type { CommandLine } from '../config/command-line.ts'
import { explainRefusal } from '../kernel/bpf/refusals.ts'
import { pinTaskIterator } from '../kernel/bpf/task-iterator.ts'
import { print } from './output.ts'

/**
 * Pins it where `process_groups.bpf_pin` says, for the group of this process.
 *
 * @throws ConfigError when the configuration is wrong; StartError that says why nothing could be pinned.
 */
export async function pinBpf(commandLine: CommandLine): Promise<void> {
  const { bpf_pin: path, threads } = loadConfiguration(commandLine, process.env).config
    .process_groups
  try {
    await pinTaskIterator(path, { threads, wchan: true })
  } catch (error) {
    throw new StartError(`no task iterator can be pinned: ${explainRefusal(error as Error)}`)
  }
  const { uid, gid } = statSync(path)
  await print(`${path} may be read by user ${uid} and group ${gid}\n`)
}
