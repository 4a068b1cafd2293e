import { OstrakaError, Secret } from '../base/index.ts'
import { littleEndian, ORDER_25519 } from './scalars25519.ts'

const ORDER = littleEndian(ORDER_25519)
const EIGHT_TIMES_ORDER = littleEndian(8n * ORDER_25519)

/** L ≡ 5 (mod 8), and 5 · 5 ≡ 1. */
const INVERSE_OF_ORDER_MOD_8 = 5

/**
 * The RFC 7748 private key that does what `scalar` (little-endian, below L) does: same public key, same shared secrets.
 *
 * X25519 clamps: it takes multiples of 8 from 2^254 to 2^255. Of the numbers that are s modulo L exactly one, k, is below
 * 8L and a multiple of 8; and since u(P) = u(-P), 8L - k does as well. 8L is just above 2^255, so one of the two has the
 * right size, but for k below 2^128 or so, which no random scalar meets. Copies; the scalar stays the caller's to wipe.
 */
export function privateKeyFromScalar(scalar: Secret): Secret {
  const s = scalar.expose()
  // s + j·L ≡ 0 (mod 8)
  const j = ((8 - (s[0]! & 7)) * INVERSE_OF_ORDER_MOD_8) & 7
  const k = new Uint8Array(32)
  let carry = 0
  for (let i = 0; i < 32; i++) {
    const sum = s[i]! + j * ORDER[i]! + carry
    k[i] = sum & 0xff
    carry = sum >> 8
  }
  if (isClamped(k)) return new Secret(k)
  let borrow = 0
  for (let i = 0; i < 32; i++) {
    const difference = EIGHT_TIMES_ORDER[i]! - k[i]! - borrow
    k[i] = difference & 0xff
    borrow = difference < 0 ? 1 : 0
  }
  if (isClamped(k)) return new Secret(k)
  k.fill(0)
  throw new OstrakaError('internal', 'this scalar has no clamped form')
}

/** RFC 7748 section 5, decodeScalar25519: nothing would be changed. */
function isClamped(k: Uint8Array): boolean {
  return (k[0]! & 7) === 0 && (k[31]! & 0xc0) === 0x40
}
