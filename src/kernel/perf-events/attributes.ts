/** `struct perf_event_attr` for counting, in the form that every kernel since 4.x takes. */
import { type PerfEvent, TYPES } from './events.ts'

/** PERF_ATTR_SIZE_VER5; a kernel that knows more takes the rest for zero. */
export const ATTRIBUTES_BYTES = 112

/** PERF_FORMAT_TOTAL_TIME_ENABLED and _TOTAL_TIME_RUNNING; PERF_FORMAT_GROUP. */
const TIMES = 1 | 2
const GROUP = 8
/** Bit 1 of the flags: what a thread starts is counted too. */
const INHERIT = 2

/** Places of the fields in use, in bytes; identical on x86-64 and arm64. */
const TYPE = 0
const SIZE = 4
const CONFIG = 8
const FORMAT = 32
const FLAGS = 40

/**
 * Enabled at once: a counter that runs from its opening needs no ioctl.
 *
 * @param inherits whether what a thread starts is counted too: such an event can't be read with others.
 */
export function eventAttributes({ class: name, config }: PerfEvent, inherits: boolean): Buffer {
  const bytes = Buffer.alloc(ATTRIBUTES_BYTES)
  bytes.writeUInt32LE(TYPES[name], TYPE)
  bytes.writeUInt32LE(ATTRIBUTES_BYTES, SIZE)
  bytes.writeBigUInt64LE(BigInt(config), CONFIG)
  bytes.writeBigUInt64LE(BigInt(inherits ? TIMES : TIMES | GROUP), FORMAT)
  bytes.writeBigUInt64LE(BigInt(inherits ? INHERIT : 0), FLAGS)
  return bytes
}
