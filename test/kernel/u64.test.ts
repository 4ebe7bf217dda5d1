import test from 'ava'
import fc from 'fast-check'
import { add, increase, narrow } from '../../src/kernel/u64.ts'

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

test('increase and add are exact over all of 64 bits', (t) => {
  fc.assert(
    fc.property(u64, u64, (a, b) => {
      t.is(BigInt(add(narrow(a), narrow(b))), a + b)
      t.is(BigInt(increase(narrow(a), narrow(b))), b > a ? b - a : 0n)
    }),
  )
})

test('a sum that leaves the exact numbers becomes a bigint', (t) => {
  t.is(add(Number.MAX_SAFE_INTEGER, 1), 2n ** 53n)
  t.is(increase(2n ** 53n, 2n ** 53n + 5n), 5)
})
