import { concat, type Rng, type Secret, toHex, uint64, utf8 } from '../base/index.ts'
import { type DleqDomain, verifyDleq } from './dleq.ts'
import { checkShare, verifyingShare } from './feldman.ts'
import type { Element } from './group.ts'
import { sha256 } from './hash.ts'
import { hashToGroup } from './hash-to-group.ts'
import { combinePartials, combineProven, type ProvenPartial, provenMultiplyByShare } from './partials.ts'
import { ristretto255 } from './ristretto255.ts'
import { framed } from './transcript.ts'

/**
 * The network's randomness: RFC 9497's VOPRF under a key that nobody holds whole, evaluated on the epoch's number. Its
 * context string is its own, so that no partial or proof of a client's derivation can stand for one of these.
 */
const CONTEXT = utf8('ostraka/v1/randomness')
const DOMAIN: DleqDomain = { group: ristretto255, contextString: CONTEXT }
const GROUP_DST = concat(utf8('HashToGroup-'), CONTEXT)
const FALLBACK = utf8('ostraka/v1/randomness/fallback')

/** One slot's part of an epoch's randomness, with the proof that it is right. */
export interface RandomnessPartial {
  readonly slot: number
  readonly element: Element
  readonly proof: ProvenPartial['proof']
}

let newest: { readonly epoch: number; readonly input: Element } | undefined

/** All parts of an epoch are looked at one after another: its input is kept meanwhile. */
function inputOf(epoch: number): Element {
  if (newest?.epoch !== epoch) {
    newest = { epoch, input: hashToGroup(ristretto255, uint64(epoch), GROUP_DST) }
  }
  return newest.input
}

function provenOf({ slot, element, proof }: RandomnessPartial): ProvenPartial {
  return { slot, elements: [element], proof }
}

/**
 * The part of `epoch`'s randomness that the holder of `slot` owes. Undefined when `share` is not the one that
 * `commitments` promise, such as one of an earlier generation: its partial would convict its honest owner.
 */
export function drawPartial(
  epoch: number,
  slot: number,
  share: Secret,
  commitments: readonly Element[],
  rng: Rng,
): RandomnessPartial | undefined {
  if (!checkShare(ristretto255, commitments, slot, share)) return undefined
  const publicShare = verifyingShare(ristretto255, commitments, slot)
  const { elements, proof } = provenMultiplyByShare(DOMAIN, share, [inputOf(epoch)], publicShare, rng)
  return { slot, element: elements[0]!, proof }
}

/** Whether this is what the holder of that slot must say in that epoch. */
export function isRightDraw(
  epoch: number,
  commitments: readonly Element[],
  partial: RandomnessPartial,
): boolean {
  const name = nameOf(epoch, commitments, partial)
  if (known.has(name)) return true
  const publicKey = publicShareOf(commitments, partial.slot)
  const statement = { publicKey, elements: [inputOf(epoch)], evaluated: [partial.element] }
  const isRight = verifyDleq(DOMAIN, statement, partial.proof)
  if (isRight) remember(name)
  return isRight
}

/** Verifying shares by the commitments that they follow from: each slot is looked at in each epoch. */
const publicShares = new WeakMap<readonly Element[], Map<number, Element>>()

function publicShareOf(commitments: readonly Element[], slot: number): Element {
  const shares = publicShares.get(commitments) ?? new Map<number, Element>()
  publicShares.set(commitments, shares)
  const share = shares.get(slot) ?? verifyingShare(ristretto255, commitments, slot)
  shares.set(slot, share)
  return share
}

/**
 * Partials that were found right lately: each is looked at when it comes, with every block that it waits through, and
 * when its own block is applied.
 */
const known = new Set<string>()

/** Two epochs of the largest set of holders. */
const MAX_KNOWN = 128

function nameOf(epoch: number, commitments: readonly Element[], partial: RandomnessPartial): string {
  const { slot, element, proof } = partial
  const parts = [element.bytes, proof.challenge, proof.response, ...commitments.map(each => each.bytes)]
  return toHex(sha256(framed(uint64(epoch), uint64(slot), ...parts)))
}

function remember(name: string): void {
  known.add(name)
  if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!)
}

/**
 * r_epoch, 32 bytes, from at least as many right partials as there are commitments; any such set gives the same.
 * Errors: `insufficient_shares` without partials, `malformed` when a slot occurs twice.
 */
export function combineDraws(epoch: number, partials: readonly RandomnessPartial[]): Uint8Array {
  const [combined] = combinePartials(ristretto255, partials.map(provenOf))
  return outputOf(epoch, combined!)
}

/**
 * `combineDraws` for whoever trusts nobody: every proof is checked against the key's public commitments.
 * Errors: `insufficient_shares`, `bad_partial` with the culprits' `slots`.
 */
export function verifyRandomness(
  epoch: number,
  commitments: readonly Element[],
  partials: readonly RandomnessPartial[],
): Uint8Array {
  const [combined] = combineProven(DOMAIN, commitments, [inputOf(epoch)], partials.map(provenOf))
  return outputOf(epoch, combined!)
}

function outputOf(epoch: number, combined: Element): Uint8Array {
  return sha256(framed(CONTEXT, uint64(epoch), combined.bytes))
}

/** What stands in for r_epoch when too few partials came in time: anyone can foretell it from the one before. */
export function fallbackRandomness(epoch: number, previous: Uint8Array): Uint8Array {
  return sha256(framed(FALLBACK, previous, uint64(epoch)))
}
