/** Storage I/O of a cgroup by device: `io.stat` of v2, `blkio.throttle.*` of v1. */
import { KernelFormatError } from '../byte-scanner.ts'
import type { FileReader } from '../file-reader.ts'
import type { DeviceIo } from './cgroup-stats.ts'

/**
 * The devices in an `io.stat`: `8:0 rbytes=… wbytes=… rios=… wios=… …`; none is common.
 *
 * @throws KernelFormatError when the file is cut short.
 */
export function parseIoStat(reader: FileReader): DeviceIo[] {
  const devices = new Map<string, DeviceIo>()
  for (const line of lines(reader)) {
    const words = line.split(' ')
    // Some kernels print devices that have done nothing without a newline, before the one that has.
    const device = words.findLast((word) => DEVICE.test(word))
    if (device === undefined || !DEVICE.test(words[0])) continue
    const values = new Map(
      words.map((pair): [string, number] => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at), count(pair.slice(at + 1))]
      }),
    )
    const value = (key: string) => values.get(key) ?? Number.NaN
    devices.set(device, {
      device,
      readBytes: value('rbytes'),
      writeBytes: value('wbytes'),
      reads: value('rios'),
      writes: value('wios'),
    })
  }
  return [...devices.values()]
}

/**
 * Adds a file of v1: `8:0 Read 4096` in each line.
 *
 * @param unit which values the file has.
 * @throws KernelFormatError when the file is cut short.
 */
export function parseBlkio(
  reader: FileReader,
  unit: 'bytes' | 'operations',
  into: Map<string, DeviceIo>,
): void {
  const [read, write] = unit === 'bytes' ? BYTES : OPERATIONS
  for (const line of lines(reader)) {
    const [device, operation, digits] = line.split(' ')
    if (!DEVICE.test(device) || digits === undefined) continue
    const io = into.get(device) ?? noIo(device)
    into.set(device, io)
    if (operation === 'Read') io[read] = count(digits)
    else if (operation === 'Write') io[write] = count(digits)
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

/** NaN for what is no count. */
function count(digits: string): number {
  return /^\d+$/.test(digits) ? Number(digits) : Number.NaN
}

/** @throws KernelFormatError when the last line has no end. */
function lines(reader: FileReader): string[] {
  const all = reader.bytes.toString('latin1', 0, reader.length).split('\n')
  if (all.pop() !== '') throw new KernelFormatError('I/O of devices is cut short')
  return all
}
