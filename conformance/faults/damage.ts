/** Ways in which a file can be wrong: its content, or that it can't be read at all. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import type { Dice } from '../support/random.ts'

/** What no counter of the kernel is, or only just. */
const ABSURD_NUMBERS = [
  '0',
  '-1',
  '-9223372036854775808',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551615',
  '18446744073709551616',
  '99999999999999999999999999999999999999',
  '9'.repeat(400),
  '00000000000000000000000000000000000007',
  '1e9',
  '0x10',
  '1.5',
  '+5',
  '5k',
  'NaN',
  'Infinity',
  'max',
  '',
]
const LARGE = 1024 * 1024

/** Content that is wrong in one way or several. */
export function damaged(dice: Dice, content: Buffer): Buffer {
  let wrong = content
  do wrong = dice.pick(DAMAGES)(dice, wrong)
  while (dice.chance(0.2))
  return wrong
}

const DAMAGES: readonly ((dice: Dice, content: Buffer) => Buffer)[] = [
  cut,
  cut,
  absurdNumbers,
  absurdNumbers,
  absurdNumbers,
  () => Buffer.alloc(0),
  (_, content) => Buffer.from(content.toString('latin1').trimEnd(), 'latin1'),
  (_, content) => Buffer.from(content.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
  (dice) => noise(dice, 300),
  spliced,
  withoutLine,
  // Behind what is there, so that it stands within the part that anybody reads.
  (dice, content) => Buffer.concat([content, Buffer.alloc(LARGE, dice.pick(['x', '\n', '\0']))]),
]

function cut(dice: Dice, content: Buffer): Buffer {
  return content.subarray(0, dice.integer(0, content.length))
}

function absurdNumbers(dice: Dice, content: Buffer): Buffer {
  const share = dice.pick([0.05, 0.3, 1])
  const text = content
    .toString('latin1')
    .replace(/\d+/g, (number) => (dice.chance(share) ? dice.pick(ABSURD_NUMBERS) : number))
  return Buffer.from(text, 'latin1')
}

function spliced(dice: Dice, content: Buffer): Buffer {
  const at = dice.integer(0, content.length)
  return Buffer.concat([content.subarray(0, at), noise(dice, 8), content.subarray(at)])
}

function withoutLine(dice: Dice, content: Buffer): Buffer {
  const lines = content.toString('latin1').split('\n')
  lines.splice(dice.integer(0, lines.length - 1), 1)
  return Buffer.from(lines.join('\n'), 'latin1')
}

/** Any bytes, with those that mean something in kernel files more often than not. */
export function noise(dice: Dice, most: number): Buffer {
  return Buffer.from(
    dice.list(0, most, () =>
      dice.chance(0.4)
        ? dice.pick([0x0a, 0x20, 0x28, 0x29, 0x00, 0x3a, 0x31])
        : dice.integer(0, 255),
    ),
  )
}

/** Makes a file wrong that is there, or puts something else in its place. */
export function damageFile(dice: Dice, path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true) return
  if (dice.chance(0.7)) writeFileSync(path, damaged(dice, readFileSync(path)))
  else dice.pick(REPLACEMENTS)(path)
}

/** What is in the place of a file, so that reading it fails. */
const REPLACEMENTS: readonly ((path: string) => void)[] = [
  (path) => rmSync(path),
  (path) => chmodSync(path, 0),
  (path) => {
    rmSync(path)
    mkdirSync(path)
  },
  (path) => {
    rmSync(path)
    symlinkSync(path, path)
  },
]

/**
 * Runs something without root's rights, since root is refused nothing.
 */
export async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return run()
  process.seteuid?.(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

const NOBODY = 65_534
