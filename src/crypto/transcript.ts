import { concat } from '../base/index.ts'

/** I2OSP(length, 2) || bytes for every part (RFC 9497's framing): no two lists of parts share an encoding. */
export function framed(...parts: readonly Uint8Array[]): Uint8Array {
  return concat(...parts.flatMap(part => [uint16(part.length), part]))
}

/** I2OSP(value, 2). */
export function uint16(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value & 255])
}
