/** The environment's layer: the agent's own variables, and those of OpenTelemetry's specification. */
import { type Layers, notAllowed } from './layers.ts'
import { SETTINGS, variableOf } from './settings.ts'

/** OpenTelemetry's severities, and what the agent's log calls them. */
const LOG_LEVELS: Readonly<Record<string, string>> = {
  NONE: 'silent',
  ERROR: 'error',
  WARN: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
  VERBOSE: 'trace',
  ALL: 'trace',
}

/** The variable of OpenTelemetry's declarative configuration. */
const CONFIG_FILE = 'OTEL_CONFIG_FILE'

/** The file of OpenTelemetry's declarative configuration, if the environment names one. */
export function declarativeFile(environment: NodeJS.ProcessEnv): string | undefined {
  return environment[CONFIG_FILE] || undefined
}

/**
 * Sets what the environment says; an empty variable is as good as none.
 *
 * A wrong value in one of the agent's own variables is a problem. In one of OpenTelemetry's it is a
 * warning, and the variable is ignored: it may be meant for another program. With a declarative configuration
 * OpenTelemetry's variables do not count, as its specification has it.
 *
 * @returns the warnings.
 */
export function readEnvironment(layers: Layers, environment: NodeJS.ProcessEnv): string[] {
  const warnings: string[] = []
  const isDeclarative = declarativeFile(environment) !== undefined
  for (const [path, { variables = [], format, substitutes }] of Object.entries(SETTINGS)) {
    const ignored: string[] = []
    for (const variable of [variableOf(path), ...variables]) {
      if (!isSet(environment, variable)) continue
      if (isDeclarative && isOfSpecification(variable)) continue
      const given = environment[variable] as string
      const substitute = substitutes?.get(given.trim().toLowerCase())
      if (substitute !== undefined) {
        warnings.push(
          `${variable}: ${given} is not implemented, ${substitute} is used; possible are ${format.allowed}`,
        )
      }
      const text = substitute ?? given
      if (isOfSpecification(variable) && format.parse(text) === undefined) {
        ignored.push(`${variable} is ignored: ${notAllowed(path, text)}`)
        continue
      }
      layers.setText(path, text, `variable ${variable}`)
      break
    }
    for (const warning of ignored) warnings.push(`${warning}; ${layers.inForce(path)}`)
  }
  if (isDeclarative) return warnings
  readLogLevel(layers, environment, warnings)
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true')
    layers.setValue('exporters', ['none'])
  return warnings
}

function readLogLevel(layers: Layers, environment: NodeJS.ProcessEnv, warnings: string[]): void {
  const text = environment.OTEL_LOG_LEVEL ?? ''
  if (text === '' || isSet(environment, variableOf('log.level'))) return
  const level = LOG_LEVELS[text.toUpperCase()]
  if (level !== undefined) layers.setValue('log.level', level)
  else
    warnings.push(
      `OTEL_LOG_LEVEL=${text} is ignored: it must be ${Object.keys(LOG_LEVELS).join(', ')}`,
    )
}

/** Whether the variable is one of OpenTelemetry's specification, which other programs read, too. */
function isOfSpecification(variable: string): boolean {
  return /^OTEL_(?!INTERROGATOR_|K8S_)/.test(variable)
}

function isSet(environment: NodeJS.ProcessEnv, name: string): boolean {
  return (environment[name] ?? '') !== ''
}
