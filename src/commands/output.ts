/** What commands print. */
import { writeSync } from 'node:fs'
import { printableLines } from '../lib/printable.ts'

/** stdout could not be written. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  /** Of the system: `EPIPE`, `ENOSPC`. */
  readonly code: string | undefined

  constructor({ code, message }: NodeJS.ErrnoException) {
    super(`stdout can't be written: ${message}`)
    this.code = code
  }
}

/**
 * Prints on stdout; settles when all of it is written. On a terminal names can't act: what is not printable is escaped.
 *
 * @throws OutputError
 */
export function print(text: string): Promise<void> {
  const shown = process.stdout.isTTY ? printableLines(text) : text
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new OutputError(error))
    process.stdout.once('error', fail)
    process.stdout.write(shown, (error) => {
      if (error == null) {
        process.stdout.off('error', fail)
        resolve()
      } else fail(error)
    })
  })
}

/** Prints on stderr. What can't be printed is lost. */
export function printError(text: string): void {
  try {
    writeSync(process.stderr.fd, printableLines(text))
  } catch {
    // There is no other place to say it.
  }
}
