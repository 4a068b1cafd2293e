import { createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto'
import { concat, OstrakaError, toBase64Url } from '../base/index.ts'

/** The public keys with which TPMs sign in practice; integers are big-endian, as TPMs marshal them. */
export type TpmPublicKey =
  | { readonly type: 'ecdsa-p256'; readonly x: Uint8Array; readonly y: Uint8Array }
  | { readonly type: 'rsassa'; readonly modulus: Uint8Array; readonly exponent: number }

const COORDINATE_BYTES = 32

/** NIST SP 800-57: below 2048 bits RSA is no signature any more; TPMs offer up to 3072. */
const RSA_BYTES: readonly number[] = [256, 384]

/** Any other has no use in a TPM, and 3 has been trouble. */
const RSA_EXPONENT = 65_537

/** Left-padded to a coordinate's length. Errors: `malformed` for one that is longer. */
function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length > COORDINATE_BYTES) throw new OstrakaError('malformed', 'longer than a P-256 integer')
  return concat(new Uint8Array(COORDINATE_BYTES - bytes.length), bytes)
}

function jwkOf(key: TpmPublicKey): JsonWebKey {
  if (key.type === 'ecdsa-p256') {
    return { kty: 'EC', crv: 'P-256', x: toBase64Url(padded(key.x)), y: toBase64Url(padded(key.y)) }
  }
  const { modulus, exponent } = key
  if (!RSA_BYTES.includes(modulus.length) || modulus[0]! < 0x80 || exponent !== RSA_EXPONENT) {
    throw new OstrakaError('malformed', 'an RSA key of 2048 or 3072 bits with exponent 65537 is needed')
  }
  return { kty: 'RSA', n: toBase64Url(modulus), e: 'AQAB' }
}

/** Errors: `malformed` for a point that is not on the curve, and for RSA keys of other sizes. */
function parse(key: TpmPublicKey): KeyObject {
  const jwk = jwkOf(key)
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch {
    throw new OstrakaError('malformed', 'no such public key exists')
  }
}

/**
 * Whether `signature` is this key's over SHA-256 of `message`: ECDSA (FIPS 186-5) with `signature` = r ‖ s, each
 * 32 bytes or fewer as `parts` says, or RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) with one part. Errors: `malformed`.
 */
export function verifyTpmSignature(
  key: TpmPublicKey,
  message: Uint8Array,
  parts: readonly Uint8Array[],
): boolean {
  const parsed = parse(key)
  if (key.type === 'rsassa') return parts.length === 1 && verify('sha256', message, parsed, parts[0]!)
  if (parts.length !== 2) return false
  const signature = concat(padded(parts[0]!), padded(parts[1]!))
  return verify('sha256', message, { key: parsed, dsaEncoding: 'ieee-p1363' }, signature)
}
