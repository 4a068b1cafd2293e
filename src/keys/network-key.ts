import { compareBytes, equalBytes, type PeerId, utf8 } from '../base/index.ts'
import { MAX_VOTING, type MemberRecord } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import type { RecipientSlot } from './records.ts'

/** The network's own key: it makes the randomness of rotation, and serves no one's requests. */
export const NETWORK_KEY = 'beacon'

/** The owner of a key that nobody owns: no principal's public key is as short, so none can ever sign as it. */
export const NOBODY: Uint8Array = new Uint8Array(0)

/** The key of the network has the plain VOPRF suite. */
export const NETWORK_KIND = 'ristretto255'

export function isNetworkKey({ name }: { readonly name: string }): boolean {
  return name === NETWORK_KEY
}

export function isOwnedBy({ owner }: { readonly owner: Uint8Array }, signer: Uint8Array): boolean {
  return owner.length > 0 && equalBytes(owner, signer)
}

/**
 * A majority of the validators: no minority of them knows anything of an epoch's randomness beforehand, while a quorum,
 * which is needed to open an epoch, always has a majority in it.
 */
export function networkThreshold(validators: number): number {
  return Math.floor(validators / 2) + 1
}

/**
 * One slot for each of the members that weigh most, as many as may vote, chosen as validators are. Whoever holds one
 * keeps it as long as it is eligible: scores that come and go must not move the key about.
 */
export function networkSlots(
  eligible: readonly MemberRecord[],
  before: readonly RecipientSlot[] = [],
): RecipientSlot[] {
  const members = new Map<PeerId, MemberRecord>(eligible.map(member => [member.peerId, member]))
  const kept = before.flatMap(({ slot, peerId }) => {
    const member = members.get(peerId)
    return member === undefined ? [] : [{ slot, peerId, sealingKey: member.sealingKey }]
  })
  if (kept.length >= Math.min(MAX_VOTING, eligible.length)) return kept
  const others = eligible
    .filter(({ peerId }) => !kept.some(held => held.peerId === peerId))
    .map(member => ({ member, hash: sha256(utf8(member.peerId)) }))
    .sort((a, b) => b.member.weight - a.member.weight || compareBytes(a.hash, b.hash))
    .slice(0, MAX_VOTING - kept.length)
  const taken = new Set(kept.map(({ slot }) => slot))
  const free = Array.from({ length: MAX_VOTING }, (_, index) => index + 1).filter(slot => !taken.has(slot))
  const added = others.map(({ member: { peerId, sealingKey } }, index) => ({
    slot: free[index]!,
    peerId,
    sealingKey,
  }))
  return [...kept, ...added].sort((a, b) => a.slot - b.slot)
}
