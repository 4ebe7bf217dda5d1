/** `struct perf_event_attr` for counting, in the form that every kernel since 4.x takes. */
import { type PerfEvent, TYPES } from './events.ts'

/** PERF_ATTR_SIZE_VER5; a kernel that knows more takes the rest for zero. */
export const ATTRIBUTES_SIZE = 112

/** PERF_FORMAT_TOTAL_TIME_ENABLED, _TOTAL_TIME_RUNNING and _GROUP. */
const READ_FORMAT = 1 | 2 | 8

/** Places of the fields in use, in bytes; identical on x86-64 and arm64. */
const TYPE = 0
const SIZE = 4
const CONFIG = 8
const FORMAT = 32

/** Enabled at once: a counter that runs from its opening needs no ioctl. */
export function eventAttributes({ class: name, config }: PerfEvent): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTES_SIZE)
  bytes.writeUInt32LE(TYPES[name], TYPE)
  bytes.writeUInt32LE(ATTRIBUTES_SIZE, SIZE)
  bytes.writeBigUInt64LE(BigInt(config), CONFIG)
  bytes.writeBigUInt64LE(BigInt(READ_FORMAT), FORMAT)
  return bytes
}
