/** Attributes as OTLP key-value pairs: opentelemetry/proto/common/v1/common.proto. */
import type { Attributes, AttributeValue } from '@opentelemetry/api'
import { messageField, textField } from './protobuf.ts'

// Tags of KeyValue, AnyValue and ArrayValue.
const KEY = 0x0a
const VALUE = 0x12
const STRING = 0x0a
const BOOL = 0x10
const INT = 0x18
const DOUBLE = 0x21
const ARRAY = 0x2a
const ARRAY_VALUES = 0x0a

/** Every pair as a field with that tag; those without a value are left out. */
export function encodeAttributes(attributes: Attributes, tag: number): Buffer {
  const pairs: Buffer[] = []
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null) continue
    const pair = Buffer.concat([textField(KEY, key), messageField(VALUE, encodeValue(value))])
    pairs.push(messageField(tag, pair))
  }
  return Buffer.concat(pairs)
}

function encodeValue(value: AttributeValue | null | undefined): Buffer {
  if (Array.isArray(value)) {
    const items = value.map((item) => messageField(ARRAY_VALUES, encodeValue(item)))
    return messageField(ARRAY, Buffer.concat(items))
  }
  switch (typeof value) {
    case 'string':
      return textField(STRING, value)
    case 'boolean':
      return Buffer.from([BOOL, value ? 1 : 0])
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 63
        ? encodeInteger(value)
        : encodeDouble(value)
    default:
      // Neither is allowed within an array, nor reaches us from outside of one.
      return Buffer.alloc(0)
  }
}

/** A varint of the 64-bit two's complement. */
function encodeInteger(value: number): Buffer {
  const bytes = [INT]
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

function encodeDouble(value: number): Buffer {
  const bytes = Buffer.alloc(9)
  bytes[0] = DOUBLE
  bytes.writeDoubleLE(value, 1)
  return bytes
}
