import { OstrakaError, type Rng, type Secret } from '../base/index.ts'
import { type DleqDomain, type DleqProof, proveDleq, verifyDleq } from './dleq.ts'
import { verifyingShare } from './feldman.ts'
import type { Element, Group } from './group.ts'
import { lagrangeAtZero, requireDistinctSlots } from './polynomial.ts'

/** One slot's results, in the order of the batch's inputs. */
export interface SlotPartial {
  readonly slot: number
  readonly elements: readonly Element[]
}

/** One slot's results with the proof that they are its share times the inputs. */
export interface ProvenPartial extends SlotPartial {
  readonly proof: DleqProof
}

/** share * element for every element of the batch; where an AEAD tag would betray a wrong result, it needs no proof. */
export function multiplyByShare(group: Group, share: Secret, elements: readonly Element[]): Element[] {
  return elements.map(element => group.multiply(element, share.expose()))
}

/** `multiplyByShare` with one proof for the whole batch. `publicShare` is the slot's verifying share. */
export function provenMultiplyByShare(
  domain: DleqDomain,
  share: Secret,
  elements: readonly Element[],
  publicShare: Element,
  rng: Rng,
): { readonly elements: Element[]; readonly proof: DleqProof } {
  const evaluated = multiplyByShare(domain.group, share, elements)
  const proof = proveDleq(domain, share, { publicKey: publicShare, elements, evaluated }, rng)
  return { elements: evaluated, proof }
}

/** Lagrange interpolation at 0 in the exponent: secret * input, for each input of the batch. */
export function combinePartials(group: Group, partials: readonly SlotPartial[]): Element[] {
  const slots = partials.map(partial => partial.slot)
  requireDistinctSlots(slots)
  const [first] = partials
  if (first === undefined) throw new OstrakaError('insufficient_shares', 'no partials', { answered: 0 })
  if (partials.some(partial => partial.elements.length !== first.elements.length)) {
    throw new OstrakaError('malformed', 'partials of different batches')
  }
  const weights = slots.map(slot => lagrangeAtZero(group, slots, slot))
  return first.elements.map((_, index) =>
    group.publicMultiplySum(partials.map((partial, i) => [weights[i]!, partial.elements[index]!] as const)),
  )
}

/** The slots whose partial is not their share times `inputs`, judged against the key's public commitments. */
export function findBadPartials(
  domain: DleqDomain,
  commitments: readonly Element[],
  inputs: readonly Element[],
  partials: readonly ProvenPartial[],
): number[] {
  return partials
    .filter(({ slot, elements, proof }) => {
      const publicKey = verifyingShare(domain.group, commitments, slot)
      return !verifyDleq(domain, { publicKey, elements: inputs, evaluated: elements }, proof)
    })
    .map(partial => partial.slot)
}

/**
 * Checks every partial, then combines them, trusting nobody.
 * Errors: `insufficient_shares` with fewer partials than commitments, `bad_partial` with the culprits' `slots`.
 */
export function combineProven(
  domain: DleqDomain,
  commitments: readonly Element[],
  inputs: readonly Element[],
  partials: readonly ProvenPartial[],
): Element[] {
  if (partials.length < commitments.length) {
    throw new OstrakaError('insufficient_shares', 'fewer partials than the threshold', {
      needed: commitments.length,
      answered: partials.length,
    })
  }
  const slots = findBadPartials(domain, commitments, inputs, partials)
  if (slots.length > 0) throw new OstrakaError('bad_partial', 'a partial does not fit its proof', { slots })
  return combinePartials(domain.group, partials)
}
