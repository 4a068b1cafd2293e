import { equalBytes, OstrakaError, type PeerId, peerIdOf } from '../base/index.ts'
import {
  beginStage,
  endStage,
  giveVersionBack,
  hasHonestProposer,
  type Ledger,
  type LedgerReader,
  memberPath,
  passLead,
  quorumOf,
} from '../control/index.ts'
import { leaveDigest } from './closed-ceremonies.ts'
import { deferHandoff } from './handoff-queue.ts'
import { isNetworkKey } from './network-key.ts'
import { paths } from './paths.ts'
import type {
  CeremonyRecord,
  ConvictionRecord,
  DealRecord,
  FailuresRecord,
  KeyRecord,
  NewCeremony,
  Purpose,
} from './records.ts'
import { slotsNeeded, slotsOf } from './slots.ts'
import { activeVersionOf, certifySoon, type Moment, putVersion } from './version-rules.ts'

/** All of them, by id: few run at a time. */
export function openCeremonies(ledger: LedgerReader): readonly CeremonyRecord[] {
  return ledger.list<CeremonyRecord>(paths.openCeremonies).map(({ value }) => value)
}

export function requireCeremony(ledger: LedgerReader, id: Uint8Array): CeremonyRecord {
  const ceremony = ledger.get<CeremonyRecord>(paths.ceremony(id))
  if (ceremony === undefined) throw new OstrakaError('not_found', 'no such ceremony is open')
  return ceremony
}

/** Whether the ceremony makes new shares of a secret that exists, out of its old shares. */
export function isHandoff({ purpose }: { readonly purpose: Purpose }): boolean {
  return purpose === 'refresh' || purpose === 'reshare' || purpose === 'repair'
}

/** Whether the network opened this handoff by itself. Its own key is no such matter. */
export function isOwnHandoff(ceremony: CeremonyRecord): boolean {
  return isHandoff(ceremony) && ceremony.creator.length === 0 && !isNetworkKey(ceremony)
}

/**
 * Whether the stage, whose time is over, may end: f+1 proposers had blocks in it, so an honest one could take what the
 * others left out. Otherwise other ranks propose, one block each and without a pause, until it may.
 */
export function mayEndStage(ledger: Ledger, { id, stageHeight }: CeremonyRecord, at: Moment): boolean {
  if (hasHonestProposer(ledger, stageHeight)) return true
  passLead(ledger)
  ledger.wakeAt(at.timeMs + 1, paths.ceremony(id))
  return false
}

/** nothing -> dealing. Errors: `conflict` while another ceremony of the key is open. */
export function openCeremony(ledger: Ledger, opened: NewCeremony): void {
  const ceremony: CeremonyRecord = { ...opened, stageHeight: opened.height }
  const key = ledger.get<KeyRecord>(paths.key(ceremony.name))!
  if (key.ceremony.length > 0) throw new OstrakaError('conflict', 'another ceremony of this key is open')
  ledger.put(paths.key(ceremony.name), { ...key, ceremony: ceremony.id })
  ledger.put(paths.ceremony(ceremony.id), ceremony)
  ledger.wakeAt(ceremony.deadlineMs, paths.ceremony(ceremony.id))
  beginStage(ledger, ceremony.deadlineMs - ledger.timeMs)
  // a client that is to deal wants the plan proven first
  if (ceremony.purpose === 'import') certifySoon(ledger)
}

/** The dealings that stand, by place, ascending. */
export function standingDealings(ceremony: CeremonyRecord): number[] {
  return ceremony.dealt.filter(place => !ceremony.disqualified.includes(place)).sort((a, b) => a - b)
}

/** dealing -> acknowledging, or aborted when too few dealings stand. */
export function endDealing(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): void {
  if (standingDealings(ceremony).length < ceremony.dealingsNeeded) {
    abort(ledger, ceremony, 'too few dealers dealt in time')
    return
  }
  const deadlineMs = at.timeMs + ledger.genesis.timing.acknowledgeMs
  const next: CeremonyRecord = { ...ceremony, stage: 'acknowledging', deadlineMs, stageHeight: at.height }
  ledger.put(paths.ceremony(ceremony.id), next)
  endStage(ledger)
  beginStage(ledger, ledger.genesis.timing.acknowledgeMs)
  ledger.wakeAt(deadlineMs, paths.ceremony(next.id))
}

/** Whether everyone who is to deal has dealt or is out. */
function dealingIsComplete(ceremony: CeremonyRecord): boolean {
  return ceremony.dealers.every(
    (_, place) => ceremony.dealt.includes(place) || ceremony.disqualified.includes(place),
  )
}

/**
 * Once all have spoken but as many as may be faulty, the rest of them have this share of the stage's time: the dead do
 * not hold the living up, and who is merely late recovers its shares afterwards.
 */
const GRACE_SHARE = 1 / 4

function hasten(ledger: Ledger, ceremony: CeremonyRecord, stageMs: number, at: Moment): void {
  const deadlineMs = at.timeMs + Math.ceil(stageMs * GRACE_SHARE)
  if (deadlineMs >= ceremony.deadlineMs) return
  ledger.put(paths.ceremony(ceremony.id), { ...ceremony, deadlineMs })
  ledger.wakeAt(deadlineMs, paths.ceremony(ceremony.id))
}

/** dealing -> acknowledging at once when nobody is left to deal, and soon when few are. */
export function endDealingIfDue(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): void {
  if (dealingIsComplete(ceremony)) {
    endDealing(ledger, ceremony, at)
    return
  }
  const { dealers, dealingsNeeded } = ceremony
  const faulty = Math.max(1, Math.floor((dealers.length - 1) / 3))
  const enough = Math.max(dealingsNeeded, dealers.length - faulty)
  if (standingDealings(ceremony).length >= enough) hasten(ledger, ceremony, ledger.genesis.timing.dealMs, at)
}

/** How many slots are held by nodes that acknowledged all of `dealings`. */
function acknowledgedSlots(ceremony: CeremonyRecord, dealings: readonly number[]): number {
  let count = 0
  for (const entry of ceremony.acknowledged) {
    if (dealings.every(place => entry.dealings.includes(place))) {
      count += slotsOf(ceremony.slots, entry.peerId).length
    }
  }
  return count
}

/**
 * The dealings that a version is made of, from those that may serve: all of them when the secret is new; when it is
 * handed on, exactly as many as its threshold, since that many points determine it.
 */
function chosen(ceremony: CeremonyRecord, dealings: readonly number[]): readonly number[] {
  return isHandoff(ceremony) ? dealings.slice(0, ceremony.dealingsNeeded) : dealings
}

/** acknowledging -> active at once when every slot has acknowledged every dealing that stands, and soon when enough have. */
export function activateIfDue(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): void {
  const dealings = standingDealings(ceremony)
  if (dealings.length < ceremony.dealingsNeeded) return
  const acknowledged = acknowledgedSlots(ceremony, dealings)
  if (acknowledged === ceremony.slots.length) activate(ledger, ceremony, chosen(ceremony, dealings), at)
  else if (acknowledged >= acknowledgementsNeeded(ceremony)) {
    hasten(ledger, ceremony, ledger.genesis.timing.acknowledgeMs, at)
  }
}

/**
 * How many slots must have acknowledged. The network's own key needs no more than what makes a block, or one dead member
 * of four would keep the network from ever having it.
 */
function acknowledgementsNeeded(ceremony: CeremonyRecord): number {
  const { threshold, slots } = ceremony
  return isNetworkKey(ceremony) ? quorumOf(slots.length) : slotsNeeded(threshold, slots.length)
}

/**
 * acknowledging -> active or aborted, at the deadline. A dealer who withheld its record from some holders must not
 * stop the others: the dealing with the fewest acknowledgements is left out until the rest suffice.
 */
export function settle(ledger: Ledger, ceremony: CeremonyRecord, at: Moment): void {
  const enough = acknowledgementsNeeded(ceremony)
  let dealings = standingDealings(ceremony)
  while (dealings.length >= ceremony.dealingsNeeded) {
    const these = chosen(ceremony, dealings)
    if (acknowledgedSlots(ceremony, these) >= enough) {
      activate(ledger, ceremony, these, at)
      return
    }
    const weakest = these
      .map(place => ({ place, slots: acknowledgedSlots(ceremony, [place]) }))
      .reduce((low, entry) => (entry.slots < low.slots ? entry : low)).place
    dealings = dealings.filter(place => place !== weakest)
  }
  abort(ledger, ceremony, 'too few holders acknowledged their shares in time')
}

function close(ledger: Ledger, ceremony: CeremonyRecord, lastFailure: string): void {
  leaveDigest(ledger, ceremony, ledger)
  endStage(ledger)
  const key = ledger.get<KeyRecord>(paths.key(ceremony.name))!
  ledger.put(paths.key(ceremony.name), { ...key, ceremony: new Uint8Array(0), lastFailure })
  for (const place of ceremony.dealt) ledger.delete(paths.deal(ceremony.id, place))
  ledger.delete(paths.ceremony(ceremony.id))
  ledger.cancelWake(paths.ceremony(ceremony.id))
}

/**
 * any stage -> aborted: the key stays as it was, and the ceremony can be tried again at once. Of a key that was to be
 * created nothing stays.
 */
export function abort(ledger: Ledger, ceremony: CeremonyRecord, reason: string): void {
  close(ledger, ceremony, reason)
  if (!isHandoff(ceremony)) giveVersionBack(ledger, ceremony.creator)
  const { name, keyId, version } = ceremony
  if (ledger.get<KeyRecord>(paths.key(name))!.activeVersion === 0) forgetCreation(ledger, name, keyId, reason)
  else deferHandoff(ledger, keyId, version)
}

/** As many failed creations are remembered, so that whoever waits for one learns why. */
const REMEMBERED_FAILURES = 64

/** Nothing stays of a key that was not made, but why. */
export function forgetCreation(ledger: Ledger, name: string, keyId: Uint8Array, reason: string): void {
  ledger.delete(paths.key(name))
  ledger.delete(paths.keyName(keyId))
  const { creations } = ledger.get<FailuresRecord>(paths.failures) ?? { creations: [] }
  const failure = { name, reason, height: ledger.height }
  const latest = [...creations.filter(known => known.name !== name), failure].slice(-REMEMBERED_FAILURES)
  ledger.put(paths.failures, { creations: latest } satisfies FailuresRecord)
}

function activate(ledger: Ledger, ceremony: CeremonyRecord, places: readonly number[], at: Moment): void {
  const dealings = places.map(place => ledger.get<DealRecord>(paths.deal(ceremony.id, place))!)
  const base = isHandoff(ceremony) ? activeVersionOf(ledger, ceremony) : undefined
  const failure = putVersion(ledger, ceremony, dealings, base, at)
  if (failure === undefined) close(ledger, ceremony, '')
  else abort(ledger, ceremony, failure)
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
  if (ledger.get(memberPath(peerId)) !== undefined && ledger.get(paths.conviction(peerId)) === undefined) {
    const { height, transactionId } = at
    ledger.put(paths.conviction(peerId), { peerId, reason, height, transactionId })
  }
  for (const ceremony of openCeremonies(ledger)) {
    ledger.isolate(paths.ceremony(ceremony.id), () => disqualify(ledger, ceremony, culprit, at))
  }
}

function disqualify(ledger: Ledger, ceremony: CeremonyRecord, culprit: Uint8Array, at: Moment): void {
  const places = ceremony.dealers.flatMap(({ dealer }, place) =>
    equalBytes(dealer, culprit) && !ceremony.disqualified.includes(place) ? [place] : [],
  )
  if (places.length === 0) return
  const next: CeremonyRecord = { ...ceremony, disqualified: [...ceremony.disqualified, ...places] }
  ledger.put(paths.ceremony(next.id), next)
  const possible = next.dealers.length - next.disqualified.length
  if (possible < next.dealingsNeeded) abort(ledger, next, 'too many dealers are disqualified')
  else if (next.stage === 'dealing') {
    endDealingIfDue(ledger, next, at)
  } else if (standingDealings(next).length < next.dealingsNeeded) {
    abort(ledger, next, 'too many dealings are disqualified')
  } else activateIfDue(ledger, next, at)
}
