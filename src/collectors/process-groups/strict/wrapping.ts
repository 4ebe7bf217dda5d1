/** Usage added up the way process-exporter does: CPU time may fall, all other counters wrap at 2^64. */
import { narrow, type U64 } from '../../../kernel/u64.ts'
import { COUNTS, type Usage } from '../account/usage.ts'

/** Adds what was used from `last` to `current` to a total. */
export function creditWrapping(last: Usage, current: Usage, total: Usage): void {
  total.utime = Number(total.utime) + Number(current.utime) - Number(last.utime)
  total.stime = Number(total.stime) + Number(current.stime) - Number(last.stime)
  for (const counter of COUNTS) {
    total[counter] = addWrapping(total[counter], subtractWrapping(current[counter], last[counter]))
  }
}

/** `a + b` modulo 2^64. */
export function addWrapping(a: U64, b: U64): U64 {
  if (typeof a === 'number' && typeof b === 'number' && a + b <= Number.MAX_SAFE_INTEGER) {
    return a + b
  }
  return narrow(BigInt.asUintN(64, BigInt(a) + BigInt(b)))
}

/** `a - b` modulo 2^64. */
function subtractWrapping(a: U64, b: U64): U64 {
  if (typeof a === 'number' && typeof b === 'number' && a >= b) return a - b
  return narrow(BigInt.asUintN(64, BigInt(a) - BigInt(b)))
}
