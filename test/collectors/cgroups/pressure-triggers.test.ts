import test from 'ava'
import { PRESSURE_TRIGGERS } from '../../../src/collectors/cgroups/pressure-triggers.ts'

test('triggers from a file and from text', (t) => {
  t.deepEqual(
    PRESSURE_TRIGGERS.check([
      { resource: 'memory', type: 'full', stall: '150ms', window: '1s', pod: 'db-*' },
      { resource: 'io', stall: 200 },
    ]),
    [
      { resource: 'memory', type: 'full', stall: 150, window: 1000, pod: 'db-*' },
      { resource: 'io', type: 'some', stall: 200, window: 2000 },
    ],
  )
  t.deepEqual(PRESSURE_TRIGGERS.parse('cpu:some:100ms:4s, io:full:1s:2s'), [
    { resource: 'cpu', type: 'some', stall: 100, window: 4000 },
    { resource: 'io', type: 'full', stall: 1000, window: 2000 },
  ])
  t.deepEqual(PRESSURE_TRIGGERS.parse(''), [])
})

test('what the kernel would refuse, or nobody can mean', (t) => {
  for (const entry of [
    null,
    'cpu',
    {},
    { resource: 'gpu', stall: '1s' },
    { resource: 'cpu', type: 'all', stall: '1s' },
    { resource: 'cpu' },
    { resource: 'cpu', stall: '2s', window: '2s' },
    { resource: 'cpu', stall: '100ms', window: '100ms' },
    { resource: 'cpu', stall: '100ms', window: '1m' },
    { resource: 'cpu', stall: '100ms', pods: 'x' },
    { resource: 'cpu', stall: '100ms', pod: 5 },
    { resource: 'cpu', stall: '100ms', pod: 'db-[01]' },
  ]) {
    t.is(PRESSURE_TRIGGERS.check([entry]), undefined, JSON.stringify(entry))
  }
  t.is(PRESSURE_TRIGGERS.check('cpu:some:2s:1s'), undefined)
  t.is(PRESSURE_TRIGGERS.parse('cpu:some:1s:2s:x'), undefined)
})
