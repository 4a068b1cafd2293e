import { ristretto255 as noble } from '@noble/curves/ed25519.js'
import type { Group } from './group.ts'
import { sodium } from './sodium.ts'
import { makeSodiumGroup } from './sodium-group.ts'

const { Point } = noble

/** ristretto255 (RFC 9496). */
export const ristretto255: Group = makeSodiumGroup<typeof Point.BASE>({
  name: 'ristretto255',
  baseBytes: Point.BASE.toBytes(),
  identityBytes: new Uint8Array(32),
  zero: Point.ZERO,
  decodePoint: bytes => Point.fromBytes(bytes),
  encodePoint: point => point.toBytes(),
  isValid: bytes => sodium.crypto_core_ristretto255_is_valid_point(bytes),
  multiplyBase: scalar => sodium.crypto_scalarmult_ristretto255_base(scalar),
  multiply: (bytes, scalar) => sodium.crypto_scalarmult_ristretto255(scalar, bytes),
  add: (a, b) => sodium.crypto_core_ristretto255_add(a, b),
  subtract: (a, b) => sodium.crypto_core_ristretto255_sub(a, b),
})
