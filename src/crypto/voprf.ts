import { concat, OstrakaError, type Rng, Secret, utf8 } from '../base/index.ts'
import { type DleqDomain, type DleqProof, proveDleq, verifyDleq } from './dleq.ts'
import type { Element, Group, Scalar } from './group.ts'
import { sha512 } from './hash.ts'
import { hashToGroup } from './hash-to-group.ts'
import { combineProven, type ProvenPartial, provenMultiplyByShare } from './partials.ts'
import { secretScalar } from './secret-scalars.ts'
import { framed } from './transcript.ts'

/** RFC 9497 section 3.1; the two modes give different outputs, as each has its own context string. */
export type OprfMode = 'oprf' | 'voprf'

const MODE_BYTES: Readonly<Record<OprfMode, number>> = { oprf: 0, voprf: 1 }

/** RFC 9497 section 1.2: a private input's length is framed in two bytes. */
const MAX_INPUT_BYTES = 0xffff

/** What a client keeps between `blind` and `finalize`, and the element that it sends. */
export interface Blinded {
  readonly blind: Secret
  readonly element: Element
}

/** CreateContextString (RFC 9497 section 3.1) of the suite ristretto255-SHA512. */
export function oprfContextString(mode: OprfMode): Uint8Array {
  return concat(utf8('OPRFV1-'), new Uint8Array([MODE_BYTES[mode]]), utf8('-ristretto255-SHA512'))
}

/** Where the DLEQ proofs of that mode's evaluations are valid. The group is ristretto255, or toy in simulations. */
export function oprfDomain(group: Group, mode: OprfMode = 'voprf'): DleqDomain {
  return { group, contextString: oprfContextString(mode) }
}

/** HashToGroup (RFC 9497 section 4.1). Errors: `too_large` beyond 65,535 bytes. */
export function hashInput(group: Group, input: Uint8Array, mode: OprfMode = 'voprf'): Element {
  if (input.length > MAX_INPUT_BYTES) {
    throw new OstrakaError('too_large', 'an input has at most 65535 bytes', { sizeBytes: input.length })
  }
  return hashToGroup(group, input, concat(utf8('HashToGroup-'), oprfContextString(mode)))
}

/** Blind (RFC 9497 section 3.3.1): the element reveals nothing of the input. */
export function blind(group: Group, input: Uint8Array, rng: Rng, mode: OprfMode = 'voprf'): Blinded {
  // the input is the client's secret
  const hedge = new Secret(input.slice())
  const scalar = secretScalar(group, 'blind', hedge, rng, oprfContextString(mode))
  hedge.wipe()
  return blindWith(group, input, scalar, mode)
}

/** `blind` with the RFC's blind, of which it takes ownership. */
export function blindWith(group: Group, input: Uint8Array, scalar: Scalar, mode: OprfMode): Blinded {
  return { blind: new Secret(scalar), element: group.multiply(hashInput(group, input, mode), scalar) }
}

/** One holder's BlindEvaluate (RFC 9497 section 3.3.2) of a batch under its share, with one proof. */
export function evaluatePartial(
  group: Group,
  share: Secret,
  elements: readonly Element[],
  publicShare: Element,
  rng: Rng,
  mode: OprfMode = 'voprf',
): { readonly elements: Element[]; readonly proof: DleqProof } {
  return provenMultiplyByShare(oprfDomain(group, mode), share, elements, publicShare, rng)
}

/** The proof of `evaluatePartial` for elements that `multiplyByShare` has evaluated already, a few at a time. */
export function proveEvaluated(
  group: Group,
  share: Secret,
  elements: readonly Element[],
  evaluated: readonly Element[],
  publicShare: Element,
  rng: Rng,
): DleqProof {
  return proveDleq(oprfDomain(group), share, { publicKey: publicShare, elements, evaluated }, rng)
}

/** Whether `evaluated` is the share behind `publicShare` times `elements`. */
export function verifyPartial(
  group: Group,
  elements: readonly Element[],
  publicShare: Element,
  evaluated: readonly Element[],
  proof: DleqProof,
  mode: OprfMode = 'voprf',
): boolean {
  return verifyDleq(oprfDomain(group, mode), { publicKey: publicShare, elements, evaluated }, proof)
}

/**
 * What a client does with the partials that a gateway relays: checks each against the key's public commitments
 * (whose first is the RFC's pkS) and combines them, so that it need trust no gateway.
 * Errors: `insufficient_shares`, `bad_partial` with the culprits' `slots`.
 */
export function verifyBlindedEvaluation(
  group: Group,
  commitments: readonly Element[],
  blindedElements: readonly Element[],
  partials: readonly ProvenPartial[],
  mode: OprfMode = 'voprf',
): Element[] {
  return combineProven(oprfDomain(group, mode), commitments, blindedElements, partials)
}

/** Finalize (RFC 9497 section 3.3.1) without its proof check, which `verifyBlindedEvaluation` does: 64 bytes. */
export function finalize(group: Group, input: Uint8Array, blinding: Secret, evaluated: Element): Secret {
  const inverse = group.scalarInvert(blinding.expose())
  const unblinded = group.multiply(evaluated, inverse)
  inverse.fill(0)
  return finalizeDirect(input, unblinded)
}

/** The last step of Evaluate (RFC 9497 section 3.3.1) on the combined, never blinded element: 64 bytes. */
export function finalizeDirect(input: Uint8Array, evaluated: Element): Secret {
  return new Secret(sha512(framed(input, evaluated.bytes), utf8('Finalize')))
}
