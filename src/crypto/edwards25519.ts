import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { Group } from './group.ts'
import { littleEndian } from './scalars25519.ts'
import { sodium } from './sodium.ts'
import { makeSodiumGroup } from './sodium-group.ts'

const { Point } = ed25519

/** The prime-order subgroup of edwards25519 (RFC 8032 section 5.1); encodings are canonical and cofactor-free. */
export const edwards25519: Group = makeSodiumGroup<EdwardsPoint>({
  name: 'edwards25519',
  baseBytes: Point.BASE.toBytes(),
  identityBytes: littleEndian(1n),
  zero: Point.ZERO,
  decodePoint: bytes => Point.fromBytes(bytes, false),
  encodePoint: point => point.toBytes(),
  // canonical, not of small order, on the curve and in the main subgroup
  isValid: bytes => sodium.crypto_core_ed25519_is_valid_point(bytes),
  multiplyBase: scalar => sodium.crypto_scalarmult_ed25519_base_noclamp(scalar),
  multiply: (bytes, scalar) => sodium.crypto_scalarmult_ed25519_noclamp(scalar, bytes),
  add: (a, b) => sodium.crypto_core_ed25519_add(a, b),
  subtract: (a, b) => sodium.crypto_core_ed25519_sub(a, b),
})
