/** Puts the layers on each other: default < file < declarative file < environment < flag. */
import type { FlagValue } from './command-line.ts'
import type { Config } from './config.ts'
import { readDeclarativeFile } from './declarative-file.ts'
import { declarativeFile, readEnvironment } from './environment.ts'
import { readFile } from './file.ts'
import { readKubevirtFile } from './kubevirt-file.ts'
import { Layers } from './layers.ts'
import type { Profile } from './profiles.ts'

/** Where the layers come from. */
export interface ConfigSources {
  /** The configuration file, if there is one. */
  readonly file: string | undefined
  /** The JSON file of kubevirt-metrics-collector, if there is one. */
  readonly kubevirtFile?: string | undefined
  /** Settings that flags give, by path. */
  readonly flags: ReadonlyMap<string, FlagValue>
  readonly environment: NodeJS.ProcessEnv
  /** The profile that the program's name selects; none by default. */
  readonly profile?: Profile
}

/** A configuration, and warnings about its sources. */
export interface LoadedConfig {
  readonly config: Config
  /** Settings that have no effect, for the log. */
  readonly warnings: readonly string[]
}

/**
 * Loads the configuration of all layers.
 *
 * @throws ConfigError with every problem of every layer.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const { file, kubevirtFile, flags, environment, profile = 'none' } = sources
  const layers = new Layers()
  const warnings = file === undefined ? [] : readFile(layers, file)
  if (kubevirtFile !== undefined) warnings.push(...readKubevirtFile(layers, kubevirtFile))
  const declarative = declarativeFile(environment)
  if (declarative !== undefined) warnings.push(...readDeclarativeFile(layers, declarative))
  warnings.push(...readEnvironment(layers, environment))
  for (const [path, { flag, text }] of flags) layers.setText(path, text, `flag ${flag}`)
  return { config: layers.finish(profile), warnings }
}
