import { compareBytes, concat, OstrakaError, type PeerId, publicKeyOf, utf8 } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'
import type { Member } from '../wire/index.ts'
import type { Dealer, RecipientSlot } from './records.ts'

/** Nobody carries more than max(1, t-2) slots: one host's secrets stay well below the threshold. */
export function mostSlotsPerNode(threshold: number): number {
  return Math.max(1, threshold - 2)
}

/**
 * Which member holds which slot: members in the order of H(keyId || peerId), one slot each, then around again up to
 * the cap. Fewer slots than wanted come back when the members are too few.
 */
export function assignSlots(
  keyId: Uint8Array,
  members: readonly Member[],
  threshold: number,
  wanted: number,
): RecipientSlot[] {
  const ordered = members
    .map(member => ({ member, rank: sha256(concat(keyId, utf8(member.peerId))) }))
    .sort((a, b) => compareBytes(a.rank, b.rank))
    .map(entry => entry.member)
  const count = Math.min(wanted, ordered.length * mostSlotsPerNode(threshold))
  return Array.from({ length: count }, (_, index) => {
    const { peerId, sealingKey } = ordered[index % ordered.length]!
    return { slot: index + 1, peerId, sealingKey }
  })
}

/** The members cannot hold as many shares as an operation would need. */
export function tooFewSlots(threshold: number, available: number): OstrakaError {
  const each = mostSlotsPerNode(threshold)
  const text =
    `the members can hold ${available} shares, ${each === 1 ? 'one' : `at most ${each}`} each, ` +
    `and the threshold is ${threshold}`
  return new OstrakaError('not_enough_nodes', text, { needed: threshold, available, perNode: each })
}

/** The distinct nodes of a list of slots, ascending. */
export function nodesOf(slots: readonly { readonly peerId: PeerId }[]): PeerId[] {
  return [...new Set(slots.map(slot => slot.peerId))].sort()
}

/** Every node among the slots deals a part of the new secret. */
export function newSecretDealers(slots: readonly RecipientSlot[]): Dealer[] {
  return nodesOf(slots).map(peerId => ({ dealer: publicKeyOf(peerId), fromSlot: 0 }))
}

export function slotsOf<S extends { readonly peerId: PeerId }>(slots: readonly S[], peerId: PeerId): S[] {
  return slots.filter(slot => slot.peerId === peerId)
}

/** How many slots must have acknowledged before a version may serve without the rest. */
export function slotsNeeded(threshold: number, slots: number): number {
  return threshold + Math.ceil((slots - threshold) / 2)
}

/**
 * How many dealings must stand: as many as the threshold, so that no coalition below it knows the whole secret;
 * all the nodes where there are fewer than that.
 */
export function dealingsNeeded(threshold: number, slots: readonly { readonly peerId: PeerId }[]): number {
  return Math.min(threshold, nodesOf(slots).length)
}
