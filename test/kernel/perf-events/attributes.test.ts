import test from 'ava'
import { parseCpuList } from '../../../src/kernel/cpus.ts'
import { ATTRIBUTES_BYTES, eventAttributes } from '../../../src/kernel/perf-events/attributes.ts'
import { EVENTS } from '../../../src/kernel/perf-events/events.ts'

/** Type and configuration of every event, as the kernel's header has them. */
const NUMBERS: Readonly<Record<string, [type: number, config: number]>> = {
  CPUCycles: [0, 0],
  Instructions: [0, 1],
  CacheRefs: [0, 2],
  CacheMisses: [0, 3],
  BranchInstr: [0, 4],
  BranchMisses: [0, 5],
  BusCycles: [0, 6],
  StalledCyclesFrontend: [0, 7],
  StalledCyclesBackend: [0, 8],
  RefCPUCycles: [0, 9],
  CPUClock: [1, 0],
  TaskClock: [1, 1],
  PageFaults: [1, 2],
  ContextSwitches: [1, 3],
  CPUMigrations: [1, 4],
  MinorPageFaults: [1, 5],
  MajorPageFaults: [1, 6],
  AlignmentFaults: [1, 7],
  EmulationFaults: [1, 8],
  L1DataReadHit: [3, 0x0],
  L1DataReadMiss: [3, 0x10000],
  L1DataWriteHit: [3, 0x100],
  L1InstrReadMiss: [3, 0x10001],
  LastLevelReadHit: [3, 0x2],
  LastLevelReadMiss: [3, 0x10002],
  LastLevelWriteHit: [3, 0x102],
  LastLevelWriteMiss: [3, 0x10102],
  DataTLBReadHit: [3, 0x3],
  DataTLBReadMiss: [3, 0x10003],
  DataTLBWriteHit: [3, 0x103],
  DataTLBWriteMiss: [3, 0x10103],
  InstrTLBReadHit: [3, 0x4],
  InstrTLBReadMiss: [3, 0x10004],
  BPUReadHit: [3, 0x5],
  BPUReadMiss: [3, 0x10005],
  NodeReadHit: [3, 0x6],
  NodeReadMiss: [3, 0x10006],
  NodeWriteHit: [3, 0x106],
  NodeWriteMiss: [3, 0x10106],
}

for (const event of EVENTS) {
  test(`attributes of ${event.label}`, (t) => {
    const [type, config] = NUMBERS[event.label]
    const expected = Buffer.alloc(112)
    expected.writeUInt32LE(type, 0)
    expected.writeUInt32LE(112, 4)
    expected.writeUInt32LE(config, 8)
    // Both times, and the group.
    expected.writeUInt32LE(11, 32)
    t.deepEqual(eventAttributes(event, false), expected)
    t.is(ATTRIBUTES_BYTES, 112)
    // One that threads hand on can't be read with others.
    expected.writeUInt32LE(3, 32)
    expected.writeUInt32LE(2, 40)
    t.deepEqual(eventAttributes(event, true), expected)
  })
}

test('every event of the list can be counted', (t) => {
  t.is(EVENTS.length, Object.keys(NUMBERS).length)
})

test('lists of CPUs', (t) => {
  t.deepEqual(parseCpuList('0\n'), [0])
  t.deepEqual(parseCpuList('0-2,5,7-8\n'), [0, 1, 2, 5, 7, 8])
})
