import { concat, utf8 } from '../base/index.ts'
import { type BlockContext, type Ledger, MAX_VOTING, type MemberRecord, quorumOf } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import { openCeremony } from './ceremony-rules.ts'
import { handoffCeremony } from './change-handlers.ts'
import { ceremonyIdOf, keyIdOf } from './context.ts'
import { acceptedMembers, eligibleMembers } from './eligible.ts'
import { NETWORK_KEY, NETWORK_KIND, NOBODY, networkSlots, networkThreshold } from './network-key.ts'
import { paths } from './paths.ts'
import type { Handoff, KeyRecord, RecipientSlot, VersionRecord } from './records.ts'
import { dealingsNeeded, newSecretDealers } from './slots.ts'
import { versionOf } from './version-rules.ts'

/** What the network's key should be with the members there are. */
interface Aim {
  readonly threshold: number
  readonly slots: readonly RecipientSlot[]
}

/**
 * Before a block's transactions. The network makes its own key as soon as there is a block, and tries again when that has
 * failed; reshares it when members come and go, so that each has one slot and a majority is needed; and makes a new
 * secret when so many holders are gone that the old one can neither serve nor be handed on.
 */
export function keepNetworkKey(ledger: Ledger, at: BlockContext): void {
  const key = ledger.get<KeyRecord>(paths.key(NETWORK_KEY))
  if (key !== undefined && key.ceremony.length > 0) return
  const members = eligibleMembers(ledger)
  if (members.length === 0) return
  const version = key && versionOf(ledger, key.keyId, key.activeVersion)
  if (key === undefined || version === undefined) {
    makeVersion(ledger, undefined, aimFor(ledger, members), at)
  } else if (standing(version, members) < version.threshold) {
    makeVersion(ledger, key, aimFor(ledger, members), at)
  } else {
    const aim = aimFor(ledger, members, version.slots)
    if (!isReached(aim, version)) moveVersion(ledger, key, version, aim, at)
  }
}

/**
 * Members whose attestation is not accepted hold nothing, as with other keys, where a quorum of the members is accepted;
 * they count all the same: those who hold slots are never so few that a minority of all could do without the others.
 */
function aimFor(
  ledger: Ledger,
  eligible: readonly MemberRecord[],
  before: readonly RecipientSlot[] = [],
): Aim {
  const accepted = acceptedMembers(ledger)
  const holders = accepted.length >= quorumOf(eligible.length) ? accepted : eligible
  const threshold = networkThreshold(Math.min(eligible.length, MAX_VOTING))
  return { threshold, slots: networkSlots(holders, before) }
}

function standing({ slots }: VersionRecord, members: readonly MemberRecord[]): number {
  return slots.filter(({ peerId }) => members.some(member => member.peerId === peerId)).length
}

function isReached({ threshold, slots }: Aim, version: VersionRecord): boolean {
  const isHeld = ({ peerId }: RecipientSlot): boolean => version.slots.some(old => old.peerId === peerId)
  return threshold === version.threshold && slots.length === version.slots.length && slots.every(isHeld)
}

function moveVersion(
  ledger: Ledger,
  key: KeyRecord,
  version: VersionRecord,
  aim: Aim,
  at: BlockContext,
): void {
  const handoff: Handoff = { ...aim, purpose: 'reshare', creator: NOBODY, shares: aim.slots.length }
  openCeremony(ledger, handoffCeremony(ledger, key, version, handoff, causeOf(at), at))
}

/** Every attempt of a block's hook has an id of its own. */
function causeOf({ blockId }: BlockContext): Uint8Array {
  return sha256(concat(utf8(`${paths.key(NETWORK_KEY)}\0`), blockId))
}

/** nothing -> dealing: the first version when there is no `key` that serves, else the next. */
function makeVersion(
  ledger: Ledger,
  key: KeyRecord | undefined,
  { threshold, slots }: Aim,
  at: BlockContext,
): void {
  const cause = causeOf(at)
  const numbers = { threshold, shares: slots.length }
  const keyId = key?.keyId ?? keyIdOf(cause)
  if (key === undefined) {
    ledger.put(paths.keyName(keyId), { name: NETWORK_KEY })
    ledger.put(paths.key(NETWORK_KEY), newKey(keyId, numbers))
  }
  openCeremony(ledger, {
    ...numbers,
    id: ceremonyIdOf(cause),
    name: NETWORK_KEY,
    keyId,
    version: (key?.activeVersion ?? 0) + 1,
    generation: 0,
    kind: NETWORK_KIND,
    purpose: key === undefined ? 'create' : 'rotate',
    creator: NOBODY,
    slots,
    dealers: newSecretDealers(slots),
    dealingsNeeded: dealingsNeeded(threshold, slots),
    stage: 'dealing',
    height: at.height,
    deadlineMs: at.timeMs + ledger.genesis.timing.dealMs,
    dealt: [],
    disqualified: [],
    acknowledged: [],
  })
}

function newKey(
  keyId: Uint8Array,
  numbers: { readonly threshold: number; readonly shares: number },
): KeyRecord {
  return {
    ...numbers,
    name: NETWORK_KEY,
    keyId,
    kind: NETWORK_KIND,
    owner: NOBODY,
    rules: [],
    isPublic: false,
    policyRevision: 0,
    isExportable: false,
    entropy: 0,
    activeVersion: 0,
    ceremony: new Uint8Array(0),
    lastFailure: '',
  }
}
