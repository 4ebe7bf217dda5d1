/** Storage I/O of a cgroup by device: `io.stat` of v2, `blkio.throttle.*` of v1. */
import type { FileReader } from '../file-reader.ts'
import type { DeviceIo } from './figures.ts'

/** The devices in an `io.stat`: `8:0 rbytes=… wbytes=… rios=… wios=… …`; none is common. */
export function parseIoStat(reader: FileReader): DeviceIo[] {
  const devices: DeviceIo[] = []
  for (const line of lines(reader)) {
    const [device, ...pairs] = line.split(' ')
    if (!DEVICE.test(device)) continue
    const values = new Map(
      pairs.map((pair): [string, number] => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at), Number(pair.slice(at + 1))]
      }),
    )
    const value = (key: string) => values.get(key) ?? Number.NaN
    devices.push({
      device,
      readBytes: value('rbytes'),
      writeBytes: value('wbytes'),
      reads: value('rios'),
      writes: value('wios'),
    })
  }
  return devices
}

/**
 * Adds a file of v1: `8:0 Read 4096` in each line.
 *
 * @param unit which figures the file has.
 */
export function parseBlkio(
  reader: FileReader,
  unit: 'bytes' | 'operations',
  into: Map<string, DeviceIo>,
): void {
  const [read, write] = unit === 'bytes' ? BYTES : OPERATIONS
  for (const line of lines(reader)) {
    const [device, operation, count] = line.split(' ')
    if (!DEVICE.test(device) || count === undefined) continue
    const io = into.get(device) ?? noIo(device)
    into.set(device, io)
    if (operation === 'Read') io[read] = Number(count)
    else if (operation === 'Write') io[write] = Number(count)
  }
}

const BYTES = ['readBytes', 'writeBytes'] as const
const OPERATIONS = ['reads', 'writes'] as const
const DEVICE = /^\d+:\d+$/

function noIo(device: string): DeviceIo {
  return {
    device,
    readBytes: Number.NaN,
    writeBytes: Number.NaN,
    reads: Number.NaN,
    writes: Number.NaN,
  }
}

/** Whole lines only: what has no newline behind it is cut short. */
function lines(reader: FileReader): string[] {
  return reader.bytes.toString('latin1', 0, reader.length).split('\n').slice(0, -1)
}
