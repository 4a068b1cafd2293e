import { concat, type Rng, type Secret, utf8 } from '../base/index.ts'
import type { DleqProof } from './dleq.ts'
import type { Element, Group, Scalar } from './group.ts'
import { sha512 } from './hash.ts'
import { hashToScalar } from './hash-to-group.ts'
import { secretScalar } from './secret-scalars.ts'
import { framed } from './transcript.ts'

/** A Schnorr proof: challenge and response, as a DLEQ proof has them. */
export type PossessionProof = DleqProof

/**
 * Proves knowledge of the discrete logarithm `secret` of `element` (Schnorr, Fiat-Shamir), bound to `context`: the
 * bytes that name network, key, version and dealer. It stops a dealer from answering others' commitments (rogue keys).
 */
export function provePossession(
  group: Group,
  secret: Secret,
  element: Element,
  context: Uint8Array,
  rng: Rng,
): PossessionProof {
  const nonce = secretScalar(group, 'possession-nonce', secret, rng, framed(element.bytes, context))
  const challenge = challengeOf(group, element, group.multiplyBase(nonce), context)
  const product = group.scalarMultiply(challenge, secret.expose())
  const response = group.scalarSubtract(nonce, product)
  nonce.fill(0)
  product.fill(0)
  return { challenge, response }
}

/** Whether the proof shows knowledge of `element`'s discrete logarithm under this very context. */
export function verifyPossession(
  group: Group,
  element: Element,
  context: Uint8Array,
  proof: PossessionProof,
): boolean {
  let challenge: Scalar
  let response: Scalar
  try {
    challenge = group.decodeScalar(proof.challenge)
    response = group.decodeScalar(proof.response)
  } catch {
    return false
  }
  const nonce = group.add(group.multiplyBase(response), group.publicMultiplySum([[challenge, element]]))
  return group.isZeroScalar(group.scalarSubtract(challengeOf(group, element, nonce, context), challenge))
}

function challengeOf(group: Group, element: Element, nonce: Element, context: Uint8Array): Scalar {
  const message = framed(group.base.bytes, element.bytes, nonce.bytes, sha512(context))
  return hashToScalar(group, message, concat(utf8('OstrakaPossessionV1-'), utf8(group.name)))
}
