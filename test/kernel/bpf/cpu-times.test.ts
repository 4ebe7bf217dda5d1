import test from 'ava'
import { CpuTimes } from '../../../src/kernel/bpf/cpu-times.ts'
import { stateLetter } from '../../../src/kernel/bpf/task-states.ts'

const raw = { utime: 0, stime: 0, runtime: 0, prevUtime: 0, prevStime: 0 }

test('exact run time is divided in the proportion of ticks', (t) => {
  const times = new CpuTimes()
  times.update({ ...raw, utime: 30, stime: 10, runtime: 100 })
  t.deepEqual([times.utime, times.stime], [75, 25])
})

test('neither part ever falls', (t) => {
  const times = new CpuTimes()
  times.update({ ...raw, utime: 30, stime: 10, runtime: 100 })
  times.update({ ...raw, utime: 90, stime: 10, runtime: 110 })
  t.deepEqual([times.utime, times.stime], [85, 25])
  times.update({ ...raw, utime: 30, stime: 70, runtime: 120 })
  t.deepEqual([times.utime, times.stime], [85, 35])
})

test('what procfs said last counts', (t) => {
  const times = new CpuTimes()
  times.update({ utime: 30, stime: 10, runtime: 100, prevUtime: 20, prevStime: 40 })
  t.deepEqual([times.utime, times.stime], [60, 40])
  const ahead = new CpuTimes()
  ahead.update({ utime: 1, stime: 1, runtime: 50, prevUtime: 30, prevStime: 30 })
  t.deepEqual([ahead.utime, ahead.stime], [30, 30])
})

test('one mode only has all of it', (t) => {
  const [user, system] = [new CpuTimes(), new CpuTimes()]
  user.update({ ...raw, utime: 10, runtime: 7 })
  system.update({ ...raw, stime: 10, runtime: 7 })
  t.deepEqual([user.utime, user.stime, system.utime, system.stime], [7, 0, 0, 7])
})

for (const [state, letter] of [
  [0, 'R'],
  [1, 'S'],
  [2, 'D'],
  [4, 'T'],
  [8, 't'],
  [0x10, 'X'],
  [0x20, 'Z'],
  [0x90, 'X'],
  [0xa0, 'Z'],
  [0x402, 'I'],
  [0x8000, 'D'],
] as const) {
  test(`state ${state} is ${letter}`, (t) => {
    t.is(String.fromCharCode(stateLetter(state)), letter)
  })
}
