/** Configurations from a grammar: each is accepted, or refused with an error that says where and what. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadConfiguration } from '../../src/agent/configuration.ts'
import { compileTargets } from '../../src/collectors/kubevirt/targets.ts'
import { createRules } from '../../src/collectors/process-groups/classify/rules.ts'
import { COMMANDS, parseCommandLine } from '../../src/config/command-line.ts'
import type { Config } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { SETTINGS } from '../../src/config/settings.ts'
import { readWebConfig } from '../../src/config/web-config/web-config.ts'
import { PROCESS } from '../../test/support/facts.ts'
import { require } from '../check.ts'
import { run } from '../support/children.ts'
import { Dice } from '../support/random.ts'
import type { Area } from './area.ts'
import { commandWords, configText, environment, kubevirtText, webText } from './config-grammar.ts'
import { noise } from './damage.ts'
import type { Watch } from './watch.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const EXIT_CONFIG = 2
/** What an interpreter says of itself, not an agent of its configuration. */
const INTERNAL =
  /is not a function|is not iterable|Cannot (?:read|convert|set)|undefined \(|call stack|Maximum|\[native code\]|\n {4}at /
/** No screen shows more, and no log takes it. */
const MAX_TEXT = 100_000
/** Milliseconds in which a file of 1 MiB of anything is read, at the start or when rules are reloaded. */
const MAX_READING = 20_000
const MAX_GROUP_NAME = 1_000_000

export const CONFIGURATIONS: Area = {
  name: 'configurations',
  share: 0.35,
  casesOfSeed: 1,
  async open(scope, watch) {
    const directory = mkdtempSync(join(tmpdir(), 'configurations-'))
    scope.onEnd(() => rmSync(directory, { recursive: true }))
    return (seed) => tryConfiguration(new Dice(seed), directory, watch)
  },
}

async function tryConfiguration(dice: Dice, directory: string, watch: Watch): Promise<void> {
  const write = (name: string, content: Buffer) => {
    const path = join(directory, name)
    writeFileSync(path, content)
    return path
  }
  if (dice.chance(0.1)) {
    const path = write('web.yml', webText(dice))
    await watch.over(() => accepted(path, () => readWebConfig(path, () => {})), MAX_READING)
    return
  }
  const files = [
    ...(dice.chance(0.6) ? [`--config=${write('agent.yaml', configText(dice))}`] : []),
    ...(dice.chance(0.25) ? [write('kubevirt.json', kubevirtText(dice))] : []),
  ]
  const words = commandWords(dice, files)
  const variables = environment(dice)
  const read = () => accepted(directory, () => load(words, variables))
  const config = await watch.over(read, MAX_READING)
  if (config !== undefined) await watch.over(() => use(dice, config))
  if (dice.chance(0.002)) await askProgram(words, variables)
}

function load(words: readonly string[], variables: NodeJS.ProcessEnv): Config {
  const commandLine = parseCommandLine(words)
  require(Object.hasOwn(COMMANDS, commandLine.command), `${commandLine.command} is a command`)
  return loadConfiguration(commandLine, variables).config
}

/**
 * What was read; undefined when it was refused.
 *
 * @throws Error when it was refused in other words than it should.
 */
function accepted<T>(directory: string, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw withTrace(error)
    const text = error.message.replaceAll(directory, '')
    require(error.problems.length > 0, 'it is refused without a problem')
    for (const { source, message } of error.problems) {
      require(source !== '' && message !== '', `a problem without a place or words: ${text}`)
    }
    require(!INTERNAL.test(text), `it is refused in internal words: ${text.slice(0, 500)}`)
    require(text.length <= MAX_TEXT, `it is refused with ${text.length} characters`)
    return undefined
  }
}

/** Everything that was accepted is of its type, and can be used. */
function use(dice: Dice, config: Config): void {
  for (const [path, { format }] of Object.entries(SETTINGS)) {
    const value = path
      .split('.')
      .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config)
    const isRight = value === undefined || format.check(value) !== undefined
    require(isRight, `${path} is ${String(value)}`)
  }
  const rules = createRules(config)
  const isTarget = compileTargets(config.kubevirt.targets)
  const text = noise(dice, 300).toString('latin1')
  const argv = dice.pick([[], [text], ['/usr/bin/app', '-x'], ['a'.repeat(100_000)]])
  const facts = { ...PROCESS, comm: text.slice(0, 15), argv, cgroups: () => [`/${text}`] }
  isTarget(argv)
  rules.explain(facts)
  const match = rules.match(facts)
  if (typeof match === 'object') {
    require(match.name.length <= MAX_GROUP_NAME, `a name of ${match.name.length} characters`)
  }
}

/** The program itself, as people start it. */
async function askProgram(words: readonly string[], variables: NodeJS.ProcessEnv): Promise<void> {
  // No program can be given a NUL.
  const flags = words.filter((word) => word.startsWith('--') && !word.includes('\0'))
  const given = Object.entries(variables).filter(([, text]) => !text?.includes('\0'))
  const { code, output } = await run(
    process.execPath,
    [MAIN, 'check-config', ...flags],
    '',
    Object.fromEntries(given),
  )
  require(code === 0 ||
    code === EXIT_CONFIG, `check-config ends with ${code}: ${output.slice(0, 500)}`)
  require(!INTERNAL.test(output), `check-config says: ${output.slice(0, 500)}`)
}

function withTrace(error: unknown): Error {
  return new Error(error instanceof Error ? error.stack : String(error))
}
