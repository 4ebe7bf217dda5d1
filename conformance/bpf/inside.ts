/**
 * Runs in a guest: compares records of the given processes with procfs, and prints what came of it as JSON.
 *
 * Arguments: how many readings, and the processes.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { loadTaskIterator } from '../../src/kernel/bpf/task-iterator.ts'
import { Comparison } from './comparison.ts'

const [readings, ...pids] = process.argv.slice(2).map(Number)
const iterator = await loadTaskIterator({ threads: true, wchan: true })
const comparison = new Comparison()
while (comparison.readings < readings) {
  comparison.round(iterator, pids)
  await delay(20)
}
iterator.close()
process.stdout.write(`${JSON.stringify(comparison)}\n`)
