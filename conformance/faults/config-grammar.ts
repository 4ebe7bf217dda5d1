/** Configurations: mostly what the agent knows, with values that are right, wrong or absurd. */
import { stringify } from 'yaml'
import { SELECTORS } from '../../src/config/rule-selectors.ts'
import { flagOf, SETTINGS, variableOf } from '../../src/config/settings.ts'
import type { Dice } from '../support/random.ts'
import { anything, mapOf, scalar, word } from './config-values.ts'
import { damaged } from './damage.ts'

const PATHS = Object.keys(SETTINGS)
const RULE_KEYS = ['name', 'name', ...SELECTORS, 'not', 'ignore', 'labels', 'limit']
/** What a parser of YAML may stumble over. */
const SNIPPETS = [
  '\n<<: *a',
  ' &a ',
  ' *a',
  ' *nobody',
  '!!binary x',
  '!!js/function x',
  '!!set {a}',
  '!!float abc',
  '!<x>',
  '\n---\n',
  '\n...\n',
  '%YAML 9.9\n---\n',
  '? ',
  '? [a]\n: b',
  '\n\t',
  '|\n',
  '>-9\n',
  '"\\x',
  "'",
  '{',
  ']',
  '\n- ',
  ': ',
  '#',
  '@',
  '`',
  '\uFEFF',
  '\0',
  '\u2028',
  '\r',
  '2001-12-14t21:59:43.10-05:00',
  '~',
]
const BOMBS: readonly ((size: number) => string)[] = [
  (size) => `process_names: ${'['.repeat(size)}`,
  (size) => `process_names: ${'['.repeat(size)}${']'.repeat(size)}`,
  (size) => `a: ${'{a: '.repeat(size)}1${'}'.repeat(size)}`,
  (size) => '- '.repeat(size),
  (size) => '? '.repeat(size),
  (size) => Array.from({ length: size / 10 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
  (size) => Array.from({ length: size }, (_, index) => `key${index}: 1\n`).join(''),
  (size) => `{${Array.from({ length: size }, (_, index) => `key${index}: 1`).join(', ')}}`,
  (size) => `${'k'.repeat(size * 10)}: 1\n`,
  (size) =>
    `a0: &a0 [x]\n${Array.from({ length: Math.min(size, 60) }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]\n`).join('')}workloads: {labels: *a${Math.min(size, 60)}}\n`,
  (size) =>
    `a0: &a0 [x]\n${Array.from({ length: size }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]\n`).join('')}workloads: {labels: *a${size}}\n`,
  (size) =>
    `a0: &a0 {x: 1}\n${Array.from({ length: Math.min(size, 60) }, (_, index) => `a${index + 1}: &a${index + 1} {<<: [*a${index}, *a${index}]}\n`).join('')}web: *a${Math.min(size, 60)}\n`,
]

/** The text of a configuration file. */
export function configText(dice: Dice): Buffer {
  if (dice.chance(0.03)) return Buffer.from(dice.pick(BOMBS)(dice.pick([100, 1000, 10_000])))
  return written(dice, dice.chance(0.4) ? { process_names: rules(dice) } : settings(dice))
}

/** The text of a file of kubevirt-metrics-collector. */
export function kubevirtText(dice: Dice): Buffer {
  if (dice.chance(0.03)) return Buffer.from(dice.pick(BOMBS)(dice.pick([100, 1000, 10_000])))
  const keys = ['targets', 'criendpoint', 'hostname', 'debugmode', 'listenaddress', 'interval']
  const target = () => ({ name: word(dice), argv: dice.list(0, 3, () => word(dice)) })
  const value = (key: string) =>
    key === 'targets' && dice.chance(0.7) ? dice.list(0, 3, target) : anything(dice, 2)
  const entries = dice.list(0, 6, () => {
    const key = dice.chance(0.85) ? dice.pick(keys) : word(dice)
    return [key, value(key)] as const
  })
  return mutated(dice, JSON.stringify(mapOf(entries)))
}

/** The text of a web configuration file. */
export function webText(dice: Dice): Buffer {
  const section = (keys: readonly string[]) =>
    mapOf(
      dice.list(0, 3, () => [dice.chance(0.9) ? dice.pick(keys) : word(dice), anything(dice, 2)]),
    )
  const top = {
    tls_server_config: [
      'cert',
      'cert_file',
      'key',
      'key_file',
      'client_auth_type',
      'client_ca',
      'min_version',
      'cipher_suites',
      'curve_preferences',
    ],
    http_server_config: ['http2', 'headers'],
    basic_auth_users: ['alice', 'a:b'],
    rate_limit: ['interval', 'burst'],
  }
  const entries = Object.entries(top).filter(() => dice.chance(0.5))
  return written(
    dice,
    mapOf(entries.map(([name, keys]) => [name, dice.chance(0.9) ? section(keys) : anything(dice)])),
  )
}

/** Words of a command line, with the paths of files in some places. */
export function commandWords(dice: Dice, files: readonly string[]): string[] {
  const flag = () => {
    const name = dice.chance(0.9) ? flagOf(dice.pick(PATHS)) : word(dice)
    const dashes = dice.pick(['-', '--', '--', '---', ''])
    return dice.chance(0.7) ? `${dashes}${name}=${text(dice)}` : `${dashes}${name}`
  }
  const words = dice.list(0, 4, () => (dice.chance(0.9) ? flag() : text(dice)))
  return [
    ...(dice.chance(0.2) ? [dice.pick(['run', 'check-config', 'explain', word(dice)])] : []),
    ...words,
    ...files,
  ]
}

export function environment(dice: Dice): NodeJS.ProcessEnv {
  const others = ['OTEL_LOG_LEVEL', 'OTEL_SDK_DISABLED', 'OTEL_RESOURCE_ATTRIBUTES', 'PORT']
  return Object.fromEntries(
    dice.list(0, 3, () => [
      dice.chance(0.7) ? variableOf(dice.pick(PATHS)) : dice.pick(others),
      text(dice),
    ]),
  )
}

function settings(dice: Dice): object {
  const tree: Record<string, unknown> = {}
  for (const path of dice.list(0, 8, () => dice.pick(PATHS))) {
    const parts = path.split('.')
    const value = settingValue(dice, path)
    const [section, key] = dice.chance(0.95) ? parts : [word(dice), word(dice)]
    if (key === undefined || dice.chance(0.02)) tree[section] = value
    else tree[section] = mapOf([...entriesOf(tree[section]), [key, value]])
  }
  if (dice.chance(0.3)) tree.process_names = rules(dice)
  return tree
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

/** Often the one that is there without a configuration. */
function settingValue(dice: Dice, path: string): unknown {
  const usual = SETTINGS[path].default
  return dice.chance(0.3) && !(usual instanceof Map) ? (usual ?? null) : anything(dice)
}

function rules(dice: Dice): unknown {
  return dice.chance(0.95) ? dice.list(0, 4, () => rule(dice)) : anything(dice)
}

function rule(dice: Dice): unknown {
  if (dice.chance(0.03)) return anything(dice)
  const entries = dice.list(1, 4, () => {
    const key = dice.chance(0.95) ? dice.pick(RULE_KEYS) : word(dice)
    return [key, ruleValue(dice, key)] as const
  })
  return mapOf(entries)
}

function ruleValue(dice: Dice, key: string): unknown {
  if (dice.chance(0.1)) return anything(dice)
  if (key === 'name') return word(dice)
  if (key === 'labels')
    return mapOf(dice.list(0, 3, () => [dice.pick(['a', 'b_c', word(dice)]), word(dice)]))
  if (key === 'limit')
    return { top: dice.pick([1, 20, 0, -1, 1e9]), by: dice.pick(['cpu', 'io', 'x']) }
  if (key === 'not') return mapOf([[dice.pick(SELECTORS), dice.list(0, 2, () => word(dice))]])
  if (key === 'ignore') return dice.chance(0.9)
  return dice.list(0, 3, () => (key.endsWith('id') ? dice.pick([0, 1, -1, 2 ** 40]) : word(dice)))
}

function text(dice: Dice): string {
  const value = dice.chance(0.7) ? scalar(dice) : anything(dice, 1)
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}

/** As JSON or as YAML of one form or another, as it is or damaged. */
function written(dice: Dice, tree: unknown): Buffer {
  const text = dice.chance(0.3)
    ? JSON.stringify(tree)
    : stringify(tree, { indent: dice.pick([1, 2, 4]), collectionStyle: dice.pick(['any', 'flow']) })
  return mutated(dice, text)
}

function mutated(dice: Dice, text: string): Buffer {
  let mutated = text
  for (const snippet of dice.chance(0.3) ? dice.list(1, 3, () => dice.pick(SNIPPETS)) : []) {
    const at = dice.integer(0, mutated.length)
    mutated = mutated.slice(0, at) + snippet + mutated.slice(at)
  }
  const bytes = Buffer.from(mutated)
  return dice.chance(0.2) ? damaged(dice, bytes) : bytes
}
