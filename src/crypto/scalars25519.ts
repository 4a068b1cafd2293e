import { equalBytes, OstrakaError, type Rng } from '../base/index.ts'
import type { Group, Scalar } from './group.ts'
import { sodium } from './sodium.ts'

/** L, the prime order of the edwards25519 subgroup and of ristretto255 (RFC 8032 section 5.1, RFC 9496 section 4). */
export const ORDER_25519: bigint = 2n ** 252n + 27742317777372353535851937790883648493n

const ORDER_BYTES = littleEndian(ORDER_25519)

/** The part of Group that is arithmetic in the scalar field. */
export type ScalarField = Pick<
  Group,
  | 'order'
  | 'scalarBytes'
  | 'randomScalar'
  | 'scalarFromInt'
  | 'scalarFromWide'
  | 'decodeScalar'
  | 'scalarAdd'
  | 'scalarSubtract'
  | 'scalarMultiply'
  | 'scalarNegate'
  | 'scalarInvert'
  | 'isZeroScalar'
>

/** Constant-time arithmetic modulo L on canonical little-endian bytes, by libsodium. */
export const scalars25519: ScalarField = {
  order: ORDER_25519,
  scalarBytes: 32,
  randomScalar,
  scalarFromInt,
  scalarFromWide,
  decodeScalar,
  scalarAdd: (a, b) => sodium.crypto_core_ed25519_scalar_add(a, b),
  scalarSubtract: (a, b) => sodium.crypto_core_ed25519_scalar_sub(a, b),
  scalarMultiply: (a, b) => sodium.crypto_core_ed25519_scalar_mul(a, b),
  scalarNegate: a => sodium.crypto_core_ed25519_scalar_negate(a),
  scalarInvert,
  isZeroScalar,
}

function randomScalar(rng: Rng): Scalar {
  for (;;) {
    const wide = rng.bytes(64)
    const scalar = scalarFromWide(wide)
    wide.fill(0)
    if (!isZeroScalar(scalar)) return scalar
  }
}

function scalarFromInt(value: number): Scalar {
  return littleEndian(BigInt(requireSmallInt(value)))
}

function scalarFromWide(bytes: Uint8Array): Scalar {
  if (bytes.length !== 64) throw new OstrakaError('internal', 'a wide scalar has 64 bytes')
  return sodium.crypto_core_ed25519_scalar_reduce(bytes)
}

function decodeScalar(bytes: Uint8Array): Scalar {
  if (bytes.length !== 32) throw new OstrakaError('malformed', 'a scalar has 32 bytes')
  // Compares with L in constant time: subtracts and looks at the last borrow.
  let borrow = 0
  for (let i = 0; i < 32; i++) borrow = (bytes[i]! - ORDER_BYTES[i]! - borrow) >>> 31
  if (borrow === 0) throw new OstrakaError('malformed', 'the scalar is not reduced modulo the group order')
  return new Uint8Array(bytes)
}

function scalarInvert(a: Scalar): Scalar {
  if (isZeroScalar(a)) throw new OstrakaError('internal', 'zero has no inverse')
  return sodium.crypto_core_ed25519_scalar_invert(a)
}

function isZeroScalar(a: Scalar): boolean {
  let bits = 0
  for (const byte of a) bits |= byte
  return bits === 0
}

/** Refuses what is not a small non-negative integer; 2^31 bounds slots and counts far from any rounding. */
export function requireSmallInt(value: number): number {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 31) {
    throw new OstrakaError('internal', 'not a small non-negative integer', { value })
  }
  return value
}

/** A public integer below 2^256 as 32 little-endian bytes. */
export function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 4; i++)
    view.setBigUint64(i * 8, (value >> BigInt(i * 64)) & 0xffff_ffff_ffff_ffffn, true)
  return bytes
}

/** Bytes that are all zero: the scalar zero, ristretto255's identity. */
export function isAllZero(bytes: Uint8Array): boolean {
  return equalBytes(bytes, new Uint8Array(bytes.length))
}
