/**
 * Reads messages in the protobuf wire format (protobuf.dev, "Encoding"): as much of it as three answers of the CRI
 * need. The usual library costs 10 MB of resident memory.
 */

/** A message that is cut short, or is none. */
class ProtobufError extends Error {
  override name = 'ProtobufError'
}

/** A number (wire types 0, 1 and 5; beyond 2^53 rounded), or the bytes of a text or message (type 2). */
export type FieldValue = number | Buffer

/**
 * Calls back for each field, in the order of the message.
 *
 * @throws ProtobufError
 */
export function readFields(
  bytes: Buffer,
  onField: (number: number, value: FieldValue) => void,
): void {
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) throw new ProtobufError('a number is cut short')
      const byte = bytes[at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  const take = (length: number) => {
    if (at + length > bytes.length) throw new ProtobufError('a field is cut short')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const type = tag % 8
    const number = Math.floor(tag / 8)
    if (type === 0) onField(number, varint())
    else if (type === 1) onField(number, Number(take(8).readBigUInt64LE()))
    else if (type === 2) onField(number, take(varint()))
    else if (type === 5) onField(number, take(4).readUInt32LE())
    else throw new ProtobufError(`wire type ${type} is none`)
  }
}

/** The text of a field; empty for a number. */
export function text(value: FieldValue): string {
  return typeof value === 'number' ? '' : value.toString('utf8')
}

/** A field that is a message; empty for a number. */
export function message(value: FieldValue): Buffer {
  return typeof value === 'number' ? Buffer.alloc(0) : value
}
