/**
 * The command line, in the spelling of Go's flag package: one dash or two, `-name=value` or `-name value`,
 * and a boolean takes a value only with `=`.
 */
import { BOOLEAN, duration, parseAddress } from '../lib/settings/formats.ts'
import { HOUR } from '../lib/settings/setting.ts'
import { ConfigError, nearestOf, suggestion } from './problems.ts'
import { type Profile, profileOfProgram } from './profiles.ts'

import { flagOf, SETTINGS } from './settings.ts'

/** The commands, with the sentence that `--help` has for each. */
export const COMMANDS = {
  run: 'run the agent (the default)',
  'check-config': 'say whether the configuration is right, and what is wrong with it',
  explain: 'say why a process (explain PID), or each (explain --all), is in its group or in none',
  'pin-bpf':
    'load the task iterator and pin it at process_groups.bpf_pin, for an agent without the right to load it',
  'list-metrics': 'print the metrics that this configuration gives, with examples (--format)',
  'list-settings': 'print all settings, with their variables and flags, as Markdown',
} as const

/** The name of a command. */
export type Command = keyof typeof COMMANDS

const FORMATS = ['markdown', 'json', 'prometheus'] as const
/** A form of `list-metrics`. */
export type Format = (typeof FORMATS)[number]

/** The value of a setting, as a flag gave it. */
export interface FlagValue {
  /** The flag as it was written. */
  readonly flag: string
  readonly text: string
}

/** Numbers of a user and a group. */
export interface UserIds {
  readonly uid: number
  readonly gid: number
}

/** The parsed command line. */
export interface CommandLine {
  readonly command: Command
  readonly help: boolean
  readonly version: boolean
  /** Whether to print one collection and end. */
  readonly once: boolean
  /** Milliseconds between a first collection and the one that is printed; 0 for one collection only. */
  readonly onceDelay: number
  /** Whether a change of the file reloads the rules. */
  readonly watch: boolean
  /** The process to explain; undefined for all. */
  readonly pid: number | undefined
  /** The configuration file. */
  readonly config: string | undefined
  /** The JSON file of kubevirt-metrics-collector: a word that is no command. */
  readonly kubevirtFile: string | undefined
  /** Whether every metric there is shall be listed, not only those that are exported. */
  readonly all: boolean
  /** How list-metrics shows them. */
  readonly format: Format
  /** The user to become; undefined for the one that there is. */
  readonly user: UserIds | undefined
  readonly flags: ReadonlyMap<string, FlagValue>
  /** The profile or command that the program's name selects. */
  readonly profile: Profile
}

/** Flags that are no settings. */
export const OTHER_FLAGS: Readonly<Record<string, { doc: string; takesValue: boolean }>> = {
  config: {
    doc: 'Configuration file (YAML); a file of process-exporter is one.',
    takesValue: true,
  },
  all: {
    doc: 'With explain: every process, as a table. With list-metrics: every metric there is, without examples.',
    takesValue: false,
  },
  once: { doc: 'Print one collection as Prometheus text, and end.', takesValue: false },
  'once-to-stdout-delay': {
    doc: 'As --once, but print a second collection so long after the first, such as 5s; 0 for none.',
    takesValue: true,
  },
  watch: {
    doc: 'Reload the rules also when the file given by --config changes, not only on SIGHUP.',
    takesValue: false,
  },
  user: {
    doc: 'Started by root: become this user, UID or UID:GID, and keep of the capabilities those to read (SYS_PTRACE, DAC_READ_SEARCH, PERFMON, BPF, SYS_ADMIN). Takes SETUID and SETGID.',
    takesValue: true,
  },
  format: {
    doc: `With list-metrics: ${FORMATS.join(', ')}.`,
    takesValue: true,
  },
  'check-config': {
    doc: 'The same as the command; of kubevirt-metrics-collector.',
    takesValue: false,
  },
  'dump-metrics': {
    doc: 'The same as list-metrics --format=prometheus --kubevirt.info; of kubevirt-metrics-collector.',
    takesValue: false,
  },
  interval: { doc: 'Of kubevirt-metrics-collector; without effect.', takesValue: true },
  fake: { doc: 'Of kubevirt-metrics-collector; without effect.', takesValue: false },
  v: { doc: 'Of kubevirt-metrics-collector; without effect.', takesValue: true },
  debug: { doc: 'The same as --log.level=debug.', takesValue: false },
  version: { doc: 'Print the version, and end.', takesValue: false },
  help: { doc: 'Print this, and end; the same as --man.', takesValue: false },
}

const ALIASES = new Map([
  ['config.path', 'config'],
  ['h', 'help'],
  ['man', 'help'],
  ['C', 'check-config'],
  ['D', 'debug'],
  ['F', 'fake'],
  ['I', 'interval'],
  ['M', 'dump-metrics'],
])
const ONCE_DELAY = duration(0, HOUR)
/** `(uid_t) -1`, which stands for no change. */
const NO_ID = 2 ** 32 - 1
/** process-exporter's flag for host and port at once. */
const LISTEN_ADDRESS = 'web.listen-address'

/**
 * Parses the command line.
 *
 * @param program the path by which the program was called.
 * @throws ConfigError for an unknown flag, a missing or needless value, or a stray word.
 */
export function parseCommandLine(words: readonly string[], program?: string): CommandLine {
  const flags = new Map<string, FlagValue>()
  const others = new Map<string, string>()
  const rest = [...words]
  const first = rest[0] !== undefined && !rest[0].startsWith('-') ? rest.shift() : undefined
  let kubevirtFile = isFile(first) ? first : undefined
  const named = first === undefined || isFile(first) ? 'run' : commandNamed(first)
  const pid = named === 'explain' ? takePid(rest) : undefined
  while (rest.length > 0) {
    if (kubevirtFile === undefined && isFile(rest[0])) {
      kubevirtFile = rest.shift()
      continue
    }
    const { name, flag, text } = takeFlag(rest)
    const path = SETTING_FLAGS.get(name)
    if (path !== undefined) flags.set(path, { flag, text })
    else if (name === LISTEN_ADDRESS) setListenAddress(flags, flag, text)
    else others.set(name, text)
  }
  const onceDelay = readOnceDelay(others.get('once-to-stdout-delay') ?? '0')
  const isOn = (name: string) =>
    others.has(name) && BOOLEAN.parse(others.get(name) as string) === true
  if (isOn('debug')) flags.set('log.level', { flag: '--debug', text: 'debug' })
  if (isOn('dump-metrics')) flags.set('kubevirt.info', { flag: '--dump-metrics', text: 'true' })
  const config = others.get('config') ?? ''
  return {
    command: isOn('dump-metrics') ? 'list-metrics' : isOn('check-config') ? 'check-config' : named,
    kubevirtFile,
    all: isOn('all'),
    format: isOn('dump-metrics') ? 'prometheus' : formatNamed(others.get('format') ?? 'markdown'),
    help: isOn('help'),
    version: isOn('version'),
    once: isOn('once') || onceDelay > 0,
    onceDelay,
    pid,
    watch: isOn('watch'),
    config: config === '' ? undefined : config,
    user: others.has('user') ? readUser(others.get('user') as string) : undefined,
    flags,
    profile: profileOfProgram(program),
  }
}

/** Whether a word is the path of a JSON file. */
function isFile(word = ''): boolean {
  return /^[^-].*\.json$/s.test(word)
}

function formatNamed(text: string): Format {
  const format = FORMATS.find((known) => known === text)
  if (format !== undefined) return format
  throw failure('--format', `is ${JSON.stringify(text)} but must be ${FORMATS.join(', ')}`)
}

function commandNamed(word = ''): Command {
  // Every object has a `constructor`, but it is no command.
  if (Object.hasOwn(COMMANDS, word)) return word as Command
  const commands = Object.keys(COMMANDS)
  throw failure(
    /^[\w-]{1,40}$/.test(word) ? word : '',
    `unknown command${suggestion(word, commands)}; there are ${commands.join(', ')}`,
  )
}

/** Takes the process to explain from the front of the words; undefined where `--all` is wanted instead. */
function takePid(rest: string[]): number | undefined {
  if (/^--?all(?:=|$)/.test(rest[0] ?? '')) return undefined
  const word = rest.shift() ?? ''
  if (/^[1-9]\d*$/.test(word)) return Number(word)
  throw failure(
    'explain',
    `needs a PID or --all${word === '' ? '' : `, not ${JSON.stringify(word)}`}`,
  )
}

/** Takes a flag, and its value if that is the next word, from the front of the words. */
function takeFlag(rest: string[]): { name: string; flag: string; text: string } {
  const word = rest.shift() as string
  const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(word)
  if (match === null) {
    // Any other word may be a secret: the value of a flag that was written in two words.
    const shown = BOOLEAN.parse(word) === undefined ? 'a word of the command line' : word
    throw failure(shown, 'is no flag; a value of a boolean flag needs "=", as in --flag=false')
  }
  const [, written = '', value] = match
  const flag = word.split('=', 1)[0] as string
  const name = ALIASES.get(written) ?? written
  const isBoolean = BOOLEAN_FLAGS.has(name)
  if (!isBoolean && !VALUE_FLAGS.has(name)) {
    const known = [...BOOLEAN_FLAGS, ...VALUE_FLAGS, ...ALIASES.keys()]
    const nearest = nearestOf(name, known)
    const hint = nearest === undefined ? '; --help lists all' : `; did you mean --${nearest}?`
    throw failure(flag, `unknown flag${hint}`)
  }
  if (value !== undefined) {
    if (isBoolean && BOOLEAN.parse(value) === undefined) {
      throw failure(flag, `is ${JSON.stringify(value)} but must be ${BOOLEAN.allowed}`)
    }
    return { name, flag, text: value }
  }
  if (isBoolean) return { name, flag, text: 'true' }
  const next = rest.shift()
  if (next === undefined) throw failure(flag, `needs a value: ${flag}=VALUE`)
  return { name, flag, text: next }
}

function readOnceDelay(text: string): number {
  const delay = ONCE_DELAY.parse(text)
  if (delay !== undefined) return delay
  throw failure(
    '--once-to-stdout-delay',
    `is ${JSON.stringify(text)} but must be ${ONCE_DELAY.allowed}`,
  )
}

/** The group is the user's number where none is written. */
function readUser(text: string): UserIds {
  const [, uid, gid = uid] = /^([1-9]\d{0,9})(?::(\d{1,10}))?$/.exec(text) ?? []
  const ids = { uid: Number(uid), gid: Number(gid) }
  if (ids.uid < NO_ID && ids.gid < NO_ID) return ids
  throw failure(
    '--user',
    `is ${JSON.stringify(text)} but must be UID or UID:GID, as numbers, and not root's`,
  )
}

/** Without a host it means every address. */
function setListenAddress(flags: Map<string, FlagValue>, flag: string, text: string): void {
  const address = parseAddress(text)
  if (address === undefined)
    throw failure(flag, `is ${JSON.stringify(text)} but must be HOST:PORT, :PORT or *:PORT`)
  flags.set('prometheus.host', { flag, text: address.host })
  flags.set('prometheus.port', { flag, text: address.port })
}

function failure(source: string, message: string): ConfigError {
  return new ConfigError([{ source: source === '' ? 'command line' : source, message }])
}

/** The path of each setting, by its flags. */
const SETTING_FLAGS = new Map(
  Object.entries(SETTINGS).flatMap(([path, { flags = [] }]) =>
    [flagOf(path), ...flags].map((flag): [string, string] => [flag, path]),
  ),
)

const isBooleanFlag = (flag: string) =>
  SETTINGS[SETTING_FLAGS.get(flag) as string].format === BOOLEAN

const BOOLEAN_FLAGS = new Set([
  ...[...SETTING_FLAGS.keys()].filter(isBooleanFlag),
  ...Object.keys(OTHER_FLAGS).filter((name) => !OTHER_FLAGS[name].takesValue),
])

const VALUE_FLAGS = new Set([
  ...[...SETTING_FLAGS.keys()].filter((flag) => !isBooleanFlag(flag)),
  ...Object.keys(OTHER_FLAGS).filter((name) => OTHER_FLAGS[name].takesValue),
  LISTEN_ADDRESS,
])
