/** The seccomp filter of the agent, once it has started: what it allows follows from the configuration. */
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import { BpfCommand } from '../kernel/bpf/syscall.ts'
import { installFilter } from '../kernel/seccomp/install.ts'
import { metricsEndpoint } from '../telemetry/otlp/endpoint.ts'

/** Sources of names that are asked over a Unix socket. */
const BY_SOCKET: readonly string[] = ['cri', 'docker', 'podman']

/**
 * Gives up what the agent does not need any more; says so in the log, or why it can't.
 *
 * @param nameSources names of the sources that are asked.
 */
export async function restrictProcess(
  config: Config,
  nameSources: readonly string[],
  logger: Logger,
): Promise<void> {
  if (config.agent.seccomp === 'off') return
  const opensForWriting = config.pressure.triggers.length > 0
  try {
    await installFilter({
      unixSockets: nameSources.some((name) => BY_SOCKET.includes(name)) || pushesToSocket(config),
      perfEvents: config.perf.enabled,
      bpfCommands: callsBpf(config) ? BPF_COMMANDS : [],
      opensForWriting,
    })
  } catch (error) {
    const reason = (error as Error).message
    logger.warn(
      { reason },
      'no seccomp filter is set: the agent keeps the right to write files and to start programs; agent.seccomp: off stops this message',
    )
    return
  }
  if (opensForWriting) {
    logger.warn(
      'the seccomp filter lets the agent open files for reading and writing, for pressure.triggers take that; it can create and remove none',
    )
  } else {
    logger.info(
      'a seccomp filter is set: the agent can write no file, start no program, and signal no other process',
    )
  }
}

function pushesToSocket({ exporters, otlp }: Config): boolean {
  return exporters.includes('otlp') && metricsEndpoint(otlp).url === undefined
}

function callsBpf({ process_groups: { enabled, source, short_lived: way } }: Config): boolean {
  return enabled && (source !== 'procfs' || way === 'auto' || way === 'bpf')
}

/** All but to pin: programs are loaded again where they have failed. */
const BPF_COMMANDS = Object.entries(BpfCommand)
  .filter(([name]) => name !== 'pin')
  .map(([, command]) => command)
