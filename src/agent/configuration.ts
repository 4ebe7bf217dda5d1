/** The configuration of a command line, with all that is checked before anything is started. */
import { compileTargets } from '../collectors/kubevirt/targets.ts'
import type { UnknownField } from '../collectors/process-groups/classify/matcher.ts'
import { TEMPLATE_FIELDS } from '../collectors/process-groups/classify/name-template.ts'
import { RuleError } from '../collectors/process-groups/classify/rule-error.ts'
import { createRules } from '../collectors/process-groups/classify/rules.ts'
import type { CommandLine, FlagValue } from '../config/command-line.ts'
import type { Config } from '../config/config.ts'
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { ConfigError, suggestion } from '../config/problems.ts'
import { SETTINGS } from '../config/settings.ts'
import { PatternError } from '../lib/globs/go-glob.ts'
import { EndpointError, endpointWarning, metricsEndpoint } from '../telemetry/otlp/endpoint.ts'

type ConfigurationSources = Pick<CommandLine, 'config' | 'kubevirtFile' | 'flags'> &
  Partial<Pick<CommandLine, 'profile'>>

/**
 * Loads the configuration and checks rules, patterns and the OTLP endpoint.
 *
 * @throws ConfigError when a file, a variable, a flag, a rule or a pattern is wrong.
 */
export function loadConfiguration(
  { config: file, kubevirtFile, flags, profile = 'none' }: ConfigurationSources,
  environment: NodeJS.ProcessEnv,
): LoadedConfig {
  const loaded = loadConfig({ file, kubevirtFile, flags, environment, profile })
  const warnings = [...loaded.warnings, ...checkEndpoint(loaded.config)]
  try {
    const { unknownFields } = createRules(loaded.config)
    warnings.push(...unknownFields.map((unknown) => fieldWarning(file, unknown)))
    compileTargets(loaded.config.kubevirt.targets)
  } catch (error) {
    if (error instanceof PatternError) {
      throw new ConfigError([{ source: 'kubevirt.targets', message: error.message }])
    }
    if (!(error instanceof RuleError)) throw error
    const problems = error.problems.map(({ line, message }) => ({
      source: line === undefined ? 'rules' : `${file}:${line}`,
      message,
    }))
    throw new ConfigError(problems)
  }
  return { ...loaded, warnings }
}

/** A template ends at a field that doesn't exist: `{{.ExecBase}}` puts all processes into the group "". */
function fieldWarning(file: string | undefined, { line, template, field }: UnknownField): string {
  const hint = suggestion(field, TEMPLATE_FIELDS)
  return `${file}:${line}: ${template} ends at {{.${field}}}, a field that no process has${hint}`
}

/**
 * @returns warnings.
 * @throws ConfigError when the endpoint is none of its protocol.
 */
function checkEndpoint({ exporters, otlp }: Config): string[] {
  if (!exporters.includes('otlp')) return []
  try {
    const warning = endpointWarning(metricsEndpoint(otlp), otlp.protocol)
    return warning === undefined ? [] : [warning]
  } catch (error) {
    if (!(error instanceof EndpointError)) throw error
    const source = otlp.metrics_endpoint === undefined ? 'otlp.endpoint' : 'otlp.metrics_endpoint'
    throw new ConfigError([{ source, message: error.message }])
  }
}

/** A value of a setting as a program gives it. */
export type SettingValue = string | number | boolean | readonly string[]

/**
 * Settings of a program, by their path, as flags of the command line give them.
 *
 * @throws ConfigError when there is no such setting.
 */
export function settingFlags(
  settings: Readonly<Record<string, SettingValue>>,
): ReadonlyMap<string, FlagValue> {
  const problems = Object.keys(settings)
    .filter((path) => !Object.hasOwn(SETTINGS, path))
    .map((path) => ({
      source: path,
      message: `unknown setting${suggestion(path, Object.keys(SETTINGS))}`,
    }))
  if (problems.length > 0) throw new ConfigError(problems)
  return new Map(
    Object.entries(settings).map(([path, value]) => [path, { flag: path, text: String(value) }]),
  )
}
