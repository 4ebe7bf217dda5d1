/** `--help` and the configuration reference, from the table of settings. */

import type { Setting } from '../lib/settings/setting.ts'
import { COMMANDS, OTHER_FLAGS } from './command-line.ts'
import { PROFILES } from './profiles.ts'

import { flagOf, SETTINGS, variableOf } from './settings.ts'

/** The text of `--help`. */
export function helpText(): string {
  const commands = Object.entries(COMMANDS).map(([name, doc]) => `  ${name.padEnd(14)}${doc}`)
  const others = Object.entries(OTHER_FLAGS).map(([name, { doc, takesValue }]) =>
    entry(`--${name}${takesValue ? ' VALUE' : ''}`, [doc]),
  )
  const settings = Object.entries(SETTINGS).map(([path, setting]) =>
    entry(`--${flagOf(path)}`, [
      setting.doc,
      `Allowed: ${setting.format.allowed}. Default: ${defaultText(setting)}.`,
      `Variable: ${variableOf(path)}`,
    ]),
  )
  return [
    'otel-interrogator: which programs, containers and pods on this node use, wait for and execute what',
    '',
    'usage: otel-interrogator [command] [flags]',
    '',
    'Commands',
    ...commands,
    '',
    'Flags (one dash is as good as two; a boolean takes a value only with "=")',
    ...others,
    '',
    'Settings (flag over variable over file over default)',
    ...settings,
    '',
  ].join('\n')
}

/** The reference as Markdown. */
export function configurationReference(): string {
  const rows = Object.entries(SETTINGS).map(([path, setting]) => {
    const variables = [variableOf(path), ...(setting.variables ?? [])].map(code).join('<br>')
    const flags = [flagOf(path), ...(setting.flags ?? [])]
      .map((flag) => code(`--${flag}`))
      .join('<br>')
    const cells = [
      code(path),
      setting.doc,
      setting.format.allowed,
      code(defaultText(setting)),
      variables,
      flags,
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [
    '# Configuration',
    '',
    'Nothing has to be configured. What is set, is set by a flag, else by a variable, else in the file that',
    '`--config` names, else it is the default. `otel-interrogator check-config` says what is wrong, and where.',
    '',
    'In the file, `a.b` is the key `b` of the section `a`. Durations are written as in `1m30s` or as a number',
    'of milliseconds. The rules that name process groups stand under `process_names`, in the form of',
    "process-exporter's file. This page is made by `npm run docs`.",
    '',
    "With `OTEL_CONFIG_FILE` readers, Resource and log level come from OpenTelemetry's declarative configuration, and the settings of",
    'this page from `distribution: {otel-interrogator: …}` in it. The other variables of OpenTelemetry do not count then.',
    '',
    '| setting | meaning | allowed | default | variables | flags |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    '`--web.listen-address=HOST:PORT` sets `prometheus.host` and `prometheus.port` at once; `:9256` means every',
    'address. `--config.path` is the same as `--config`.',
    '',
    '## Patterns',
    '',
    'Settings and selectors that take a pattern (`cgroups.include`, `perf.process_groups`, the names of `pressure.triggers`;',
    '`exe_path`, `namespace`, `pod` and `container` of rules) have one language:',
    '',
    '| pattern | matches |',
    '|---|---|',
    '| `*` | any characters but a slash |',
    '| `?` | one character that is no slash |',
    '| `**` | any characters, slashes too; as a whole segment any number of segments: `a/**/b` matches `a/b` and `a/x/y/b` |',
    '| anything else | itself |',
    '',
    'A pattern has to match the whole path or name. There are no classes (`[ab]`) and no alternatives (`{a,b}`): give a list',
    "instead. `kubevirt.targets` alone has the language of Go's `path/filepath.Match`, as kubevirt-metrics-collector has it.",
    '',
    '## Profiles',
    '',
    '`profile` replaces defaults; a file, a variable or a flag still counts more. `process-exporter` is',
    '[a drop-in](migrating-from-process-exporter.md) for that program:',
    '',
    '| setting | default with `process-exporter` | else |',
    '|---|---|---|',
    ...Object.entries(PROFILES['process-exporter']).map(
      ([path, value]) =>
        `| ${code(path)} | ${code(valueText(SETTINGS[path], value))} | ${code(defaultText(SETTINGS[path]))} |`,
    ),
    '',
  ].join('\n')
}

function entry(head: string, lines: readonly string[]): string {
  return [`  ${head}`, ...lines.map((line) => `        ${line}`)].join('\n')
}

function defaultText(setting: Setting): string {
  return setting.default === undefined && setting.unset !== undefined
    ? setting.unset
    : valueText(setting, setting.default)
}

function valueText({ format }: Setting, value: unknown): string {
  if (value === undefined) return 'none'
  if (value === '') return "''"
  if (format.show !== undefined) return format.show(value)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function code(text: string): string {
  return `\`${text}\``
}
