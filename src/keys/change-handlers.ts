import { OstrakaError, type PeerId, publicKeyOf } from '../base/index.ts'
import {
  chargeBytes,
  type Ledger,
  type MemberRecord,
  memberPath,
  type TransactionContext,
  takeVersion,
} from '../control/index.ts'
import type { ChangeKey } from '../wire/index.ts'
import { openCeremony } from './ceremony-rules.ts'
import { causeOf, ceremonyIdOf } from './context.ts'
import { ceremonyLogBytes, requireRoom } from './creations.ts'
import { acceptedMembers, eligibleMembers } from './eligible.ts'
import { isOwnedBy } from './network-key.ts'
import { paths } from './paths.ts'
import type { Dealer, Handoff, KeyRecord, NewCeremony, RecipientSlot, VersionRecord } from './records.ts'
import { assignSlots, dealingsNeeded, newSecretDealers, tooFewSlots } from './slots.ts'
import { type Moment, versionOf } from './version-rules.ts'

export function ownedKey(ledger: Ledger, name: string, at: TransactionContext): KeyRecord {
  const key = ledger.get<KeyRecord>(paths.key(name))
  if (key === undefined) throw new OstrakaError('unknown_key', 'no key of this name', { key: name })
  if (!isOwnedBy(key, at.signer)) throw new OstrakaError('forbidden', 'only its owner changes a key')
  return key
}

/**
 * Opens a rotation, refresh or reshare. Errors: `unknown_key`, `forbidden`, `conflict` (another version or generation, or
 * an open ceremony), `version_destroyed`, `malformed`, `not_enough_nodes`, `insufficient_shares`, `overloaded` { quota, limit, retryAfterMs? }.
 */
export function changeKey(ledger: Ledger, change: ChangeKey, at: TransactionContext): void {
  const key = ownedKey(ledger, change.name, at)
  const version = versionOf(ledger, key.keyId, key.activeVersion)
  if (
    version === undefined ||
    version.version !== change.version ||
    version.generation !== change.generation
  ) {
    throw new OstrakaError('conflict', 'the key has changed meanwhile', {
      version: key.activeVersion,
      generation: version?.generation ?? 0,
    })
  }
  const threshold = change.threshold ?? key.threshold
  const shares = change.shares ?? key.shares
  if (threshold > shares) throw new OstrakaError('malformed', 'the threshold is above the number of shares')
  requireRoom(ledger, at.signer)
  if (change.change === 'rotate') {
    takeVersion(ledger, at.signer)
    openCharged(ledger, rotation(ledger, key, threshold, shares, at), at)
    return
  }
  if (version.state === 'destroyed') {
    throw new OstrakaError(
      'version_destroyed',
      'nobody has shares of it to hand on: rotate makes a new secret',
    )
  }
  const slots =
    change.change === 'refresh'
      ? refreshedSlots(ledger, version)
      : assignedSlots(ledger, key.keyId, change.holders, threshold, shares)
  const handoff: Handoff =
    change.change === 'refresh'
      ? { purpose: 'refresh', creator: at.signer, threshold: version.threshold, shares: key.shares, slots }
      : { purpose: 'reshare', creator: at.signer, threshold, shares, slots }
  openCharged(ledger, handoffCeremony(ledger, key, version, handoff, causeOf(at), at), at)
}

function openCharged(ledger: Ledger, ceremony: NewCeremony, { signer }: TransactionContext): void {
  const { slots, dealers, threshold } = ceremony
  chargeBytes(ledger, signer, ceremonyLogBytes(slots, dealers.length, threshold))
  openCeremony(ledger, ceremony)
}

function assignedSlots(
  ledger: Ledger,
  keyId: Uint8Array,
  holders: readonly PeerId[] | undefined,
  threshold: number,
  shares: number,
): RecipientSlot[] {
  if (threshold === 1 && eligibleMembers(ledger).length > 1) {
    throw new OstrakaError('malformed', 'a threshold of 1 would leave the whole key on one node')
  }
  const members = acceptedMembers(ledger)
  const wanted = holders === undefined ? members : members.filter(member => holders.includes(member.peerId))
  const slots = assignSlots(keyId, wanted, threshold, shares)
  if (slots.length < threshold) {
    throw tooFewSlots(threshold, slots.length)
  }
  return slots
}

/** The same slots at the same nodes, under the sealing keys that they have now. */
export function refreshedSlots(ledger: Ledger, version: VersionRecord): RecipientSlot[] {
  return version.slots.map(({ slot, peerId, sealingKey }) => {
    const member = ledger.get<MemberRecord>(memberPath(peerId))
    return { slot, peerId, sealingKey: member?.sealingKey ?? sealingKey }
  })
}

function rotation(
  ledger: Ledger,
  key: KeyRecord,
  threshold: number,
  shares: number,
  at: TransactionContext,
): NewCeremony {
  const slots = assignedSlots(ledger, key.keyId, undefined, threshold, shares)
  return {
    id: ceremonyIdOf(causeOf(at)),
    name: key.name,
    keyId: key.keyId,
    version: key.activeVersion + 1,
    generation: 0,
    kind: key.kind,
    purpose: 'rotate',
    creator: at.signer,
    height: at.height,
    threshold,
    shares,
    slots,
    dealers: newSecretDealers(slots),
    dealingsNeeded: dealingsNeeded(threshold, slots),
    stage: 'dealing',
    deadlineMs: at.timeMs + ledger.genesis.timing.dealMs,
    dealt: [],
    disqualified: [],
    acknowledged: [],
  }
}

/** Every slot whose node is still trusted deals its share on. Errors: `insufficient_shares` when those are too few. */
export function handoffCeremony(
  ledger: Ledger,
  key: KeyRecord,
  version: VersionRecord,
  handoff: Handoff,
  cause: Uint8Array,
  at: Moment,
): NewCeremony {
  const trusted = new Set(eligibleMembers(ledger).map(member => member.peerId))
  const dealers: Dealer[] = version.slots
    .filter(slot => trusted.has(slot.peerId))
    .map(({ slot, peerId }) => ({ dealer: publicKeyOf(peerId), fromSlot: slot }))
  if (dealers.length < version.threshold) {
    throw new OstrakaError('insufficient_shares', 'too few holders are left to hand the key on', {
      needed: version.threshold,
      answered: dealers.length,
    })
  }
  const { purpose, creator, threshold, shares, slots } = handoff
  return {
    id: ceremonyIdOf(cause),
    name: key.name,
    keyId: key.keyId,
    version: version.version,
    generation: version.generation + 1,
    kind: key.kind,
    purpose,
    creator,
    height: at.height,
    threshold,
    shares,
    slots,
    dealers,
    dealingsNeeded: version.threshold,
    stage: 'dealing',
    deadlineMs: at.timeMs + ledger.genesis.timing.dealMs,
    dealt: [],
    disqualified: [],
    acknowledged: [],
  }
}
