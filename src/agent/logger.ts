/** The log: JSON lines on stdout, which never hold up or end the agent. */
import { constants, fstatSync, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import { printableLines } from '../lib/printable.ts'

/** Bytes of lines that wait for a slow reader of stdout; those beyond are lost. */
const MAX_WAITING = 1024 * 1024
/** Milliseconds that a stop waits for them. */
const FLUSH_MILLISECONDS = 200

const STDOUT = 1
const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants

/** Takes log lines. Never throws, and never waits. */
export interface LogOutput {
  /** @returns whether the line was taken; else it is lost. */
  write(line: string): boolean
  /** Waits a moment for lines that were taken and are not written yet. */
  flush(): Promise<void>
}

/** A logger, and how its lines are written out before the process ends. */
export interface Log {
  readonly logger: Logger
  readonly flush: () => Promise<void>
}

/**
 * Creates a logger that writes JSON lines.
 *
 * @param level the least severity, in pino's words.
 */
export function createLogger(level: string, output = stdoutOutput()): Log {
  let lost = 0
  const write = (text: string) => {
    // JSON escapes the controls of ASCII only.
    const line = printableLines(text)
    if (lost > 0 && output.write(lostLine(lost))) lost = 0
    if (!output.write(line)) lost++
  }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  )
  return { logger, flush: () => output.flush() }
}

function lostLine(lines: number): string {
  const time = new Date().toISOString()
  const msg = 'log lines are lost: stdout could not be written'
  return `${JSON.stringify({ level: 'warn', time, lines, msg })}\n`
}

/** stdout, whatever it is. */
function stdoutOutput(): LogOutput {
  const status = fstatSync(STDOUT)
  // Node.js writes to these without blocking, and to nothing else.
  return status.isFIFO() || status.isSocket() ? streamOutput(process.stdout) : fileOutput()
}

function streamOutput(stream: NodeJS.WriteStream): LogOutput {
  stream.on('error', () => {})
  return {
    write: (line) => {
      if (stream.destroyed || stream.writableLength > MAX_WAITING) return false
      stream.write(line)
      return true
    },
    flush: async () => {
      if (stream.destroyed || stream.writableLength === 0) return
      await new Promise<void>((resolve) => {
        setTimeout(resolve, FLUSH_MILLISECONDS)
        stream.once('drain', resolve)
        stream.once('close', resolve)
      })
    },
  }
}

/** A file, a device or a terminal. */
function fileOutput(): LogOutput {
  const descriptor = isatty(STDOUT) ? nonBlockingTerminal() : STDOUT
  let isWithinLine = false
  return {
    write: (line) => {
      try {
        // On a full disk a line may have got as far as its middle.
        const whole = isWithinLine ? `\n${line}` : line
        const bytes = Buffer.from(whole)
        const written = writeSync(descriptor, bytes)
        if (written > 0) isWithinLine = bytes[written - 1] !== NEWLINE
        return written === bytes.length
      } catch {
        return false
      }
    },
    flush: async () => {},
  }
}

const NEWLINE = 0x0a

/** The terminal opened again, so that a stopped one (Ctrl-S) loses lines instead of stopping the agent. */
function nonBlockingTerminal(): number {
  try {
    return openSync('/proc/self/fd/1', O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return STDOUT
  }
}
