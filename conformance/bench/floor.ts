/**
 * The floor: a program that reads the files that the agent reads, and does nothing with them. For each line
 * on standard input it reads everything once and answers with a line.
 */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'

const buffer = Buffer.allocUnsafe(64 * 1024)
const FILES = ['stat', 'status', 'io', 'limits', 'wchan', 'smaps_rollup']
const TASK_FILES = ['stat', 'status', 'io', 'wchan']

/** The processes in the groups; of the others the agent reads `stat` only. */
const grouped = new Set(process.argv[2]?.split(','))

function read(path: string): void {
  try {
    const descriptor = openSync(path, 'r')
    readSync(descriptor, buffer, 0, buffer.length, null)
    closeSync(descriptor)
  } catch {
    // It ended, or may not be read: the agent meets the same.
  }
}

function readAll(): void {
  for (const pid of readdirSync('/proc')) {
    if (!/^\d/.test(pid)) continue
    if (!grouped.has(pid)) {
      read(`/proc/${pid}/stat`)
      continue
    }
    for (const file of FILES) read(`/proc/${pid}/${file}`)
    statSync(`/proc/${pid}/fd`)
    if (process.argv[3] === '1') continue
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      for (const file of TASK_FILES) read(`/proc/${pid}/task/${tid}/${file}`)
    }
  }
}

createInterface({ input: process.stdin }).on('line', () => {
  readAll()
  process.stdout.write('done\n')
})
