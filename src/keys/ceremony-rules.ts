import { compareBytes, equalBytes, OstrakaError, type PeerId, peerIdOf } from '../base/index.ts'
import type { Ledger } from '../control/index.ts'
import {
  type Element,
  groupByName,
  publicKeyFromEdwards,
  signingSuite,
  sumCommitments,
} from '../crypto/index.ts'
import type { KeyKind } from '../wire/index.ts'
import { suiteOf } from './kinds.ts'
import { paths } from './paths.ts'
import type {
  CeremonyRecord,
  ConvictionRecord,
  DealRecord,
  KeyRecord,
  OpenCeremonies,
  VersionRecord,
} from './records.ts'
import { dealingsNeeded, slotsNeeded, slotsOf } from './slots.ts'

/** What the transitions below need to know of the block they happen in. */
export interface Moment {
  readonly height: number
  readonly timeMs: number
}

export function openCeremonies(ledger: Ledger): readonly Uint8Array[] {
  return ledger.get<OpenCeremonies>(paths.openCeremonies)?.ids ?? []
}

export function requireCeremony(ledger: Ledger, id: Uint8Array): CeremonyRecord {
  const ceremony = ledger.get<CeremonyRecord>(paths.ceremony(id))
  if (ceremony === undefined) throw new OstrakaError('not_found', 'no such ceremony is open')
  return ceremony
}

export function isMember(list: readonly Uint8Array[], item: Uint8Array): boolean {
  return list.some(other => equalBytes(other, item))
}

/** nothing -> dealing */
export function openCeremony(ledger: Ledger, ceremony: CeremonyRecord): void {
  ledger.put(paths.ceremony(ceremony.id), ceremony)
  ledger.put(paths.openCeremonies, { ids: [...openCeremonies(ledger), ceremony.id].sort(compareBytes) })
  ledger.wakeAt(ceremony.deadlineMs, paths.ceremony(ceremony.id))
}

/** The dealers whose dealings stand, ascending. */
export function standingDealers(ceremony: CeremonyRecord): Uint8Array[] {
  return ceremony.dealt.filter(dealer => !isMember(ceremony.disqualified, dealer)).sort(compareBytes)
}

function needed(ceremony: CeremonyRecord): number {
  return ceremony.origin === 'import' ? 1 : dealingsNeeded(ceremony.threshold, ceremony.slots)
}

/** dealing -> acknowledging, or aborted when too few dealings stand. */
export function endDealing(
  ledger: Ledger,
  ceremony: CeremonyRecord,
  acknowledgeMs: number,
  at: Moment,
): void {
  if (standingDealers(ceremony).length < needed(ceremony)) {
    abort(ledger, ceremony, 'too few dealers dealt in time')
    return
  }
  const next: CeremonyRecord = { ...ceremony, stage: 'acknowledging', deadlineMs: at.timeMs + acknowledgeMs }
  ledger.put(paths.ceremony(ceremony.id), next)
  ledger.wakeAt(next.deadlineMs, paths.ceremony(next.id))
}

/** After each deal: the stage ends early once everyone who is to deal has dealt or is out. */
export function dealingIsComplete(ceremony: CeremonyRecord): boolean {
  return ceremony.dealers.every(
    dealer => isMember(ceremony.dealt, dealer) || isMember(ceremony.disqualified, dealer),
  )
}

/** How many slots are held by nodes that acknowledged all of `dealers`. */
function acknowledgedSlots(ceremony: CeremonyRecord, dealers: readonly Uint8Array[]): number {
  let count = 0
  for (const entry of ceremony.acknowledged) {
    if (dealers.every(dealer => isMember(entry.dealers, dealer))) {
      count += slotsOf(ceremony.slots, entry.peerId).length
    }
  }
  return count
}

/** acknowledging -> active, at once when every slot has acknowledged every dealing that stands. */
export function activateIfComplete(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): boolean {
  const dealers = standingDealers(ceremony)
  if (dealers.length < needed(ceremony)) return false
  if (acknowledgedSlots(ceremony, dealers) < ceremony.slots.length) return false
  activate(ledger, ceremony, dealers, at)
  return true
}

/**
 * acknowledging -> active or aborted, at the deadline. A dealer who withheld its record from some holders must not
 * stop the others: the dealer with the fewest acknowledgements is left out until the rest suffice.
 */
export function settle(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): void {
  const enough = slotsNeeded(ceremony.threshold, ceremony.slots.length)
  let dealers = standingDealers(ceremony)
  while (dealers.length >= needed(ceremony)) {
    if (acknowledgedSlots(ceremony, dealers) >= enough) {
      activate(ledger, ceremony, dealers, at)
      return
    }
    const weakest = dealers
      .map(dealer => ({ dealer, slots: acknowledgedSlots(ceremony, [dealer]) }))
      .reduce((low, entry) => (entry.slots < low.slots ? entry : low)).dealer
    dealers = dealers.filter(dealer => !equalBytes(dealer, weakest))
  }
  abort(ledger, ceremony, 'too few holders acknowledged their shares in time')
}

function close(ledger: Ledger, ceremony: CeremonyRecord): void {
  for (const dealer of ceremony.dealt) ledger.delete(paths.deal(ceremony.id, dealer))
  ledger.delete(paths.ceremony(ceremony.id))
  ledger.put(paths.openCeremonies, {
    ids: openCeremonies(ledger).filter(id => !equalBytes(id, ceremony.id)),
  })
}

/** any stage -> aborted: the name can be tried again at once. */
export function abort(ledger: Ledger, ceremony: CeremonyRecord, reason: string): void {
  const key = ledger.get<KeyRecord>(paths.key(ceremony.name))!
  ledger.put(paths.key(ceremony.name), { ...key, ceremony: new Uint8Array(0), lastFailure: reason })
  close(ledger, ceremony)
}

/** The public key as a standard client of this kind takes it. */
export function encodePublicKey(kind: KeyKind, publicKey: Element): Uint8Array {
  if (kind === 'x25519') return publicKeyFromEdwards(publicKey)
  if (kind === 'ristretto255') return publicKey.bytes
  return signingSuite(kind).encodePublicKey(publicKey)
}

function activate(
  ledger: Ledger,
  ceremony: CeremonyRecord,
  dealers: readonly Uint8Array[],
  at: Moment,
): void {
  const group = groupByName(suiteOf(ceremony.kind).group)
  const deals = dealers.map(dealer => ledger.get<DealRecord>(paths.deal(ceremony.id, dealer))!)
  const joint = sumCommitments(
    group,
    deals.map(deal => deal.commitments.map(bytes => group.decodeAllowingIdentity(bytes))),
  )
  const publicKey = joint[0]!
  if (group.isIdentity(publicKey)) {
    abort(ledger, ceremony, 'the dealings cancel out')
    return
  }
  const version: VersionRecord = {
    keyId: ceremony.keyId,
    version: ceremony.version,
    state: 'active',
    ceremony: ceremony.id,
    publicKey: encodePublicKey(ceremony.kind, publicKey),
    threshold: ceremony.threshold,
    slots: ceremony.slots.map(({ slot, peerId }) => ({ slot, peerId })),
    commitments: joint.map(element => element.bytes),
    dealers: deals.map(({ dealer, commitments, recordHash }) => ({ dealer, commitments, recordHash })),
    height: at.height,
  }
  const key = ledger.get<KeyRecord>(paths.key(ceremony.name))!
  ledger.put(paths.version(ceremony.keyId, ceremony.version), version)
  ledger.put(paths.key(ceremony.name), {
    ...key,
    activeVersion: ceremony.version,
    ceremony: new Uint8Array(0),
    lastFailure: '',
  })
  close(ledger, ceremony)
}

/**
 * Names a node for good, and takes its dealings out of every open ceremony. Proof that falls on a principal who is no
 * node (an importing client) convicts nobody, but its dealing is out all the same.
 */
export function convict(
  ledger: Ledger,
  culprit: Uint8Array,
  reason: ConvictionRecord['reason'],
  at: Moment & { readonly transactionId: Uint8Array },
): void {
  const peerId: PeerId = peerIdOf(culprit)
  if (ledger.get(`member/${peerId}`) !== undefined && ledger.get(paths.conviction(peerId)) === undefined) {
    const { height, transactionId } = at
    ledger.put(paths.conviction(peerId), { peerId, reason, height, transactionId })
  }
  for (const id of openCeremonies(ledger)) {
    const ceremony = requireCeremony(ledger, id)
    if (!isMember(ceremony.dealers, culprit) || isMember(ceremony.disqualified, culprit)) continue
    disqualify(ledger, ceremony, culprit, at)
  }
}

function disqualify(ledger: Ledger, ceremony: CeremonyRecord, dealer: Uint8Array, at: Moment): void {
  const next: CeremonyRecord = { ...ceremony, disqualified: [...ceremony.disqualified, dealer] }
  ledger.put(paths.ceremony(next.id), next)
  const possible = next.dealers.length - next.disqualified.length
  if (possible < needed(next)) abort(ledger, next, 'too many dealers are disqualified')
  else if (next.stage === 'dealing') {
    if (dealingIsComplete(next)) endDealing(ledger, next, ledger.genesis.timing.acknowledgeMs, at)
  } else if (standingDealers(next).length < needed(next)) {
    abort(ledger, next, 'too many dealings are disqualified')
  } else activateIfComplete(ledger, next, at)
}
