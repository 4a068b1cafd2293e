import { concat, type Rng, Secret, utf8 } from '../base/index.ts'
import type { Group, Scalar } from './group.ts'
import { sha512 } from './hash.ts'
import { framed, uint16 } from './transcript.ts'

/** Fresh bytes of each derivation: nobody who lacks them finds the result, even where the hedging secret is known. */
const FRESH_BYTES = 32

/** The closed list of what is derived here. Derivations for two purposes never meet. */
export type SecretPurpose =
  | 'aead-nonce'
  | 'blind'
  | 'coefficient'
  | 'contribution'
  | 'dleq-nonce'
  | 'ephemeral'
  | 'frost-randomness'
  | 'hedge'
  | 'possession-nonce'
  | 'sealing-key'

/**
 * The one source of secret nonces, ephemerals and coefficients: 64 bytes of H(purpose, secret, fresh randomness, statement)
 * with SHA-512. A broken or repeated `rng` alone reveals nothing while `secret` is secret, and never gives two statements
 * the same result. `statement` is the whole of what the result serves: all that a proof claims, all that a sealing names.
 * The caller wipes the result. Source: RFC 9591 section 4.1 and draft-irtf-cfrg-det-sigs-with-noise.
 */
export function secretBytes(
  purpose: SecretPurpose,
  secret: Secret,
  rng: Rng,
  statement: Uint8Array,
): Uint8Array {
  const fresh = rng.bytes(FRESH_BYTES)
  const input = concat(
    utf8('ostraka/1/secret/'),
    framed(utf8(purpose), secret.expose(), fresh, sha512(statement)),
  )
  const digest = sha512(input)
  input.fill(0)
  fresh.fill(0)
  return digest
}

/** `secretBytes` as a scalar of `group`; uniform, and zero with negligible probability. */
export function secretScalar(
  group: Group,
  purpose: SecretPurpose,
  secret: Secret,
  rng: Rng,
  statement: Uint8Array,
): Scalar {
  const wide = secretBytes(purpose, secret, rng, concat(utf8(`${group.name}\0`), statement))
  const scalar = group.scalarFromWide(wide)
  wide.fill(0)
  return scalar
}

/** A source of `secretBytes` for algorithms that draw their randomness themselves; each call has a number of its own. */
export function hedgedRng(purpose: SecretPurpose, secret: Secret, rng: Rng, statement: Uint8Array): Rng {
  let calls = 0
  return {
    bytes(length) {
      const wide = secretBytes(purpose, secret, rng, framed(uint16(calls++), statement))
      const bytes = wide.slice(0, length)
      wide.fill(0)
      return bytes
    },
  }
}

/** A scalar that no other secret vouches for: a key of its own, such as a client's one-time key. */
export function newSecretScalar(
  group: Group,
  purpose: SecretPurpose,
  rng: Rng,
  statement: Uint8Array,
): Scalar {
  const own = new Secret(rng.bytes(FRESH_BYTES))
  const scalar = secretScalar(group, purpose, own, rng, statement)
  own.wipe()
  return scalar
}
