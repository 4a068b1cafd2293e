import { OstrakaError, Secret } from '../base/index.ts'
import { edwards25519 } from './edwards25519.ts'
import { sha512 } from './hash.ts'

/**
 * The secret scalar of a 32-byte Ed25519 seed (RFC 8032 section 5.1.5, steps 1 to 3), reduced modulo L, so that an
 * ordinary key can be imported and shared: its public key stays the same. Errors: `malformed`.
 */
export function scalarFromSeed(seed: Secret): Secret {
  if (seed.length !== 32) throw new OstrakaError('malformed', 'an Ed25519 seed has 32 bytes')
  const digest = sha512(seed.expose())
  const scalar = clampedScalar(digest.subarray(0, 32))
  digest.fill(0)
  return scalar
}

/** Clamps 32 bytes (RFC 7748 section 5, decodeScalar25519) and reduces them modulo L; the bytes stay as they are. */
export function clampedScalar(bytes: Uint8Array): Secret {
  const wide = new Uint8Array(64)
  wide.set(bytes)
  wide[0]! &= 248
  wide[31]! &= 127
  wide[31]! |= 64
  const scalar = new Secret(edwards25519.scalarFromWide(wide))
  wide.fill(0)
  return scalar
}
