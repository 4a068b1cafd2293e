import type { EdwardsPoint } from '@noble/curves/abstract/edwards.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import type { Group } from './group.ts'
import { littleEndian } from './scalars25519.ts'
import { sodium } from './sodium.ts'
import { makeSodiumGroup } from './sodium-group.ts'

const { Point } = ed25519
const { Fp } = Point
const { d } = Point.CURVE()

const BASE_BYTES = Point.BASE.toBytes()
const { x: BASE_X, y: BASE_Y } = Point.BASE

/** The prime-order subgroup of edwards25519 (RFC 8032 section 5.1); encodings are canonical and cofactor-free. */
export const edwards25519: Group = makeSodiumGroup<EdwardsPoint>({
  name: 'edwards25519',
  baseBytes: BASE_BYTES,
  identityBytes: littleEndian(1n),
  zero: Point.ZERO,
  decodePoint,
  encodePoint: point => point.toBytes(),
  // canonical, not of small order, on the curve and in the main subgroup
  isValid: bytes => sodium.crypto_core_ed25519_is_valid_point(bytes),
  multiplyBase: scalar => sodium.crypto_scalarmult_ed25519_base_noclamp(scalar),
  multiply: (bytes, scalar) => sodium.crypto_scalarmult_ed25519_noclamp(scalar, bytes),
  add: (a, b) => sodium.crypto_core_ed25519_add(a, b),
  subtract: (a, b) => sodium.crypto_core_ed25519_sub(a, b),
})

/**
 * A validated encoding as noble's point, without the square root in BigInts that is most of noble's decoding, and most
 * of what verifying a dealing costs. libsodium adds the base point in less than a quarter of that time, and the sum's
 * y-coordinate, (y * yB + x * xB) / (1 - d * x * xB * y * yB), tells x. The divisor below is never zero: d would be
 * -1 / (y * yB)^2 and so a square, as -1 is one modulo 2^255 - 19, and the curve is complete because d is none.
 */
function decodePoint(bytes: Uint8Array): EdwardsPoint {
  const y = yOf(bytes)
  const sumY = yOf(sodium.crypto_core_ed25519_add(bytes, BASE_BYTES))
  const product = Fp.mul(y, BASE_Y)
  const divisor = Fp.mul(BASE_X, Fp.add(Fp.ONE, Fp.mul(d, Fp.mul(product, sumY))))
  return Point.fromAffine({ x: Fp.mul(Fp.sub(sumY, product), Fp.inv(divisor)), y })
}

/** The encoding less its last bit, which is the sign of x (RFC 8032 section 5.1.2). */
function yOf(encoded: Uint8Array): bigint {
  return BigInt.asUintN(255, bytesToNumberLE(encoded))
}
