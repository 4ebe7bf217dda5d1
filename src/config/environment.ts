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

/**
 * Sets what the environment says; an empty variable is as good as none.
 *
 * A wrong value in one of the agent's own variables is a problem. In one of OpenTelemetry's it is a
 * warning, and the variable is ignored, for it may be meant for another program.
 *
 * @returns the warnings.
 */
export function readEnvironment(layers: Layers, environment: NodeJS.ProcessEnv): string[] {
  const warnings: string[] = []
  for (const [path, { variables = [], format, substitutes }] of Object.entries(SETTINGS)) {
    const ignored: string[] = []
    for (const variable of [variableOf(path), ...variables]) {
      if (!isSet(environment, variable)) continue
      const given = environment[variable] as string
      const substitute = substitutes?.get(given.trim().toLowerCase())
      if (substitute !== undefined) {
        warnings.push(
          `${variable}: ${given} is not implemented, ${substitute} is used; possible are ${format.allowed}`,
        )
      }
      const text = substitute ?? given
      if (isOfOpenTelemetry(variable) && format.parse(text) === undefined) {
        ignored.push(`${variable} is ignored: ${notAllowed(path, text)}`)
        continue
      }
      layers.setText(path, text, `variable ${variable}`)
      break
    }
    for (const warning of ignored) warnings.push(`${warning}; ${layers.inForce(path)}`)
  }
  readLogLevel(layers, environment, warnings)
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true')
    layers.setValue('exporters', ['none'])
  if (isSet(environment, 'OTEL_CONFIG_FILE')) {
    warnings.push('OTEL_CONFIG_FILE is not read; give the agent its own file with --config')
  }
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
function isOfOpenTelemetry(variable: string): boolean {
  return variable.startsWith('OTEL_') && !variable.startsWith('OTEL_INTERROGATOR_')
}

function isSet(environment: NodeJS.ProcessEnv, name: string): boolean {
  return (environment[name] ?? '') !== ''
}
