import { edwards25519 } from './edwards25519.ts'
import {
  badCommitment,
  type Ciphersuite,
  type CommitmentTerm,
  rfc9591Ciphersuite,
  sha512Hashes,
} from './frost-ciphersuite.ts'
import type { Element, Scalar } from './group.ts'
import { verifyEd25519 } from './identity.ts'
import { sodium } from './sodium.ts'

const POINT_BYTES = 32

/**
 * FROST(Ed25519, SHA-512), RFC 9591 section 6.1: signatures are ordinary Ed25519 ones, verified by the platform.
 */
export const frostEd25519: Ciphersuite = {
  ...rfc9591Ciphersuite(edwards25519, 'FROST-ED25519-SHA512-v1', sha512Hashes(edwards25519), ''),
  sumCommitments,
  isValid: (publicKey, message, signature) => verifyEd25519(publicKey.bytes, message, signature),
}

/**
 * The group commitment straight on encodings, as most of a signature's time is spent here. Each E_i is checked by
 * libsodium's multiplication itself, which refuses non-canonical, small-order and mixed-order points; each D_i by
 * `is_valid_point`, the same check alone. Addition only checks that its operands lie on the curve.
 *
 * Leaving the D_i to the final verification would also never let a wrong signature out: a torsion component of R
 * fails Ed25519 as the platform verifies it, without cofactor. But then an honest holder would sign for a commitment
 * list that RFC 9591 section 3.1 calls invalid, and one bad D_i would cost the whole request instead of its sender.
 */
function sumCommitments(terms: readonly CommitmentTerm[], own?: Element): Uint8Array {
  const summands = own === undefined ? [] : [own.bytes]
  for (const { slot, hiding, binding, factor } of terms) {
    if (hiding.length !== POINT_BYTES || binding.length !== POINT_BYTES) throw badCommitment(slot)
    if (!sodium.crypto_core_ed25519_is_valid_point(hiding)) throw badCommitment(slot)
    summands.push(hiding, multiply(slot, binding, factor))
  }
  return summands.reduce((sum, summand) => sodium.crypto_core_ed25519_add(sum, summand))
}

function multiply(slot: number, binding: Uint8Array, factor: Scalar): Uint8Array {
  try {
    return sodium.crypto_scalarmult_ed25519_noclamp(factor, binding)
  } catch {
    throw badCommitment(slot)
  }
}
