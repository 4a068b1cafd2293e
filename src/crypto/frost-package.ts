import { concat, equalBytes, OstrakaError } from '../base/index.ts'
import type { Ciphersuite, CommitmentTerm } from './frost-ciphersuite.ts'
import type { NonceCommitments } from './frost-nonces.ts'
import type { Element, Group, Scalar } from './group.ts'
import { lagrangeAtZero, requireSlot } from './polynomial.ts'

/** One signer's line of the commitment list. Slots are the x-coordinates of its key's sharing: 1, 2, … */
export interface SigningCommitment extends NonceCommitments {
  readonly slot: number
}

/**
 * The commitment list in ascending order of slot, each with its binding factor: what RFC 9591 section 4.4 hashes is
 * the key, the message and the whole list. Errors: `malformed` for an empty list, a bad slot or one that occurs twice.
 */
export function bindCommitments(
  suite: Ciphersuite,
  publicKey: Element,
  commitments: readonly SigningCommitment[],
  message: Uint8Array,
): CommitmentTerm[] {
  const { group } = suite
  const list = sortCommitments(commitments)
  const slots = list.map(({ slot }) => group.scalarFromInt(slot))
  // encode_group_commitment_list, RFC 9591 section 4.3
  const encodedList = concat(
    ...list.flatMap(({ hiding, binding }, index) => [slots[index]!, hiding, binding]),
  )
  const prefix = concat(suite.keyBytes(publicKey), suite.h4(message), suite.h5(encodedList))
  return list.map(({ slot, hiding, binding }, index) => ({
    slot,
    hiding,
    binding,
    factor: suite.h1(concat(prefix, slots[index]!)),
  }))
}

/**
 * The signer's own term. Errors: `conflict` when its slot is missing, or carries other commitments than its own: then
 * the list was made for someone else (RFC 9591 section 5.2).
 */
export function ownTerm(
  terms: readonly CommitmentTerm[],
  slot: number,
  own: NonceCommitments,
): CommitmentTerm {
  const term = terms.find(candidate => candidate.slot === slot)
  if (term === undefined) {
    throw new OstrakaError('conflict', 'the commitment list lacks the signer', { slot })
  }
  if (!equalBytes(term.hiding, own.hiding) || !equalBytes(term.binding, own.binding)) {
    throw new OstrakaError('conflict', "the commitment list misquotes the signer's commitments", { slot })
  }
  return term
}

/** The interpolating values of RFC 9591 section 4.2, each computed once for all messages of one request. */
export class InterpolatingValues {
  readonly #group: Group
  readonly #known = new Map<string, Scalar>()

  constructor(group: Group) {
    this.#group = group
  }

  /** lambda_i, the coefficient of `slot` in interpolating at zero over the slots of `terms`. */
  at(terms: readonly CommitmentTerm[], slot: number): Scalar {
    const slots = terms.map(term => term.slot)
    const name = `${slot} of ${slots.join()}`
    const value = this.#known.get(name) ?? lagrangeAtZero(this.#group, slots, slot)
    this.#known.set(name, value)
    return value
  }
}

function sortCommitments(commitments: readonly SigningCommitment[]): SigningCommitment[] {
  if (commitments.length === 0) throw new OstrakaError('malformed', 'an empty commitment list')
  for (const { slot } of commitments) requireSlot(slot)
  const list = [...commitments].sort((a, b) => a.slot - b.slot)
  for (const [index, { slot }] of list.entries()) {
    if (slot === list[index - 1]?.slot) {
      throw new OstrakaError('malformed', 'a slot occurs twice in the commitment list', { slot })
    }
  }
  return list
}
