import { equalBytes, type Rng, type Secret, toHex } from '../base/index.ts'
import {
  type CommonEvent,
  canonicalBytes,
  type Effect,
  type SignedTransaction,
  type Step,
  type Token,
} from '../wire/index.ts'
import { isHandoff, openCeremonies, standingDealings } from './ceremony-rules.ts'
import { type CeremonyState, dealingName, type Work } from './ceremony-state.ts'
import { completeVersion, endCeremony, eraseRetired, kindOf, scanPage, scanVersions } from './completing.ts'
import { type DealingPlan, makeDealing } from './dealer.ts'
import {
  fetchRecord,
  need,
  onServed,
  reviewEarlyRecords,
  serveRecord,
  shareRecord,
  takeEarlyRecord,
  takeRecord,
} from './fetching.ts'
import { suiteOf } from './kinds.ts'
import { paths } from './paths.ts'
import { hasShares, type Need } from './receiving.ts'
import type { CeremonyRecord, Dealer, DealRecord } from './records.ts'
import { onRecordsLoaded, onRecordTimer, scheduleFirstWalk } from './republishing.ts'
import { erasePage, eraseSealingKeys, renewSealingKey } from './sealing-keys.ts'
import { witnessDeals } from './seen-deals.ts'
import { slotsOf } from './slots.ts'
import { vaultPaths } from './vault.ts'
import { versionOf } from './version-rules.ts'

export type CeremonyEvent =
  | CommonEvent
  /** The ledger moved on to this height; `isJump` when it did so by a snapshot. */
  | { readonly type: 'applied'; readonly height: number; readonly isJump: boolean }
  /** Transactions have come, in a block or on their way to one. */
  | { readonly type: 'heard'; readonly transactions: readonly SignedTransaction[] }
  /** A client's own dealing, to be stored and passed on. */
  | { readonly type: 'offered'; readonly record: Uint8Array }

/** An incomplete acknowledgement is given when this share of the time is left, so that it can still count. */
const PARTIAL_ACKNOWLEDGE_REST = 0.5

export function step(
  state: CeremonyState,
  event: CeremonyEvent,
  nowMs: number,
  rng: Rng,
): Step<CeremonyState> {
  const effects: Effect[] = []
  const work: Work = { state, nowMs, rng, effects, ledger: state.world.ledger() }
  switch (event.type) {
    case 'applied':
      if (event.isJump) scanVersions(work)
      lookAtCeremonies(work)
      reviewEarlyRecords(work)
      eraseRetired(work)
      break
    case 'heard':
      witnessDeals(work, event.transactions)
      break
    case 'offered':
      goOn(work, shareRecord(work, event.record))
      break
    case 'message':
      if (event.message.type === 'record') goOn(work, takeRecord(work, event.message.record, event.from))
      break
    case 'record':
      if (event.record !== null) goOn(work, takeRecord(work, event.record, state.world.peerId))
      break
    case 'answered':
      if (event.answer.ok && event.answer.value.type === 'record' && event.answer.value.record !== null) {
        goOn(work, takeRecord(work, event.answer.value.record, event.from))
      }
      break
    case 'requested':
      if (event.request.type === 'record') serveRecord(work, event.token, event.request.hash)
      break
    case 'loaded':
      if (!onRecordsLoaded(work, event.token, event.entries)) onServed(work, event.token, event.entries)
      break
    case 'failed':
      if (!onRecordsLoaded(work, event.token, undefined)) onServed(work, event.token, [])
      break
    case 'timer':
      onTimer(work, event.id)
  }
  return { state, effects }
}

/** Runs once after recovery, when the ledger has been replayed. */
export function begin(state: CeremonyState, nowMs: number, rng: Rng): Step<CeremonyState> {
  const work: Work = { state, nowMs, rng, effects: [], ledger: state.world.ledger() }
  scanVersions(work)
  lookAtCeremonies(work)
  renewSealingKey(work)
  scheduleFirstWalk(work)
  return { state, effects: work.effects }
}

function onTimer(work: Work, id: Token): void {
  if (onRecordTimer(work, id)) return
  if (id === 'ceremony/sealing') renewSealingKey(work)
  else if (id === 'ceremony/scan') scanPage(work)
  else if (id === 'ceremony/erase') eraseSealingKeys(work)
  else if (id === 'ceremony/erase-page') erasePage(work)
  else if (id.startsWith('ceremony/fetch/')) fetchRecord(work, id.slice('ceremony/fetch/'.length))
  else if (id.startsWith('ceremony/late/')) {
    const ceremony = work.state.tracked.get(id.slice('ceremony/late/'.length))
    if (ceremony !== undefined) acknowledgeIfDue(work, ceremony)
  }
}

/** Does what every open ceremony wants of this node, and finishes those that have ended since. */
function lookAtCeremonies(work: Work): void {
  const { state, ledger } = work
  const ceremonies = openCeremonies(ledger)
  const open = new Set(ceremonies.map(({ id }) => toHex(id)))
  for (const ceremony of ceremonies) {
    state.tracked.set(toHex(ceremony.id), ceremony)
    for (const dealer of ceremony.dealers) dealIfDue(work, ceremony, dealer)
    receiveDealings(work, ceremony)
    acknowledgeIfDue(work, ceremony)
  }
  for (const [id, ceremony] of state.tracked) {
    if (open.has(id)) continue
    state.tracked.delete(id)
    state.acknowledged.delete(id)
    endCeremony(work, ceremony, state.agreedDeals.get(id) ?? [])
    state.agreedDeals.delete(id)
  }
}

function planOf({ state }: Work, ceremony: CeremonyRecord): DealingPlan {
  const { id, keyId, version, kind, threshold, slots } = ceremony
  const { networkId } = state.world
  return { networkId, id, keyId, version, group: suiteOf(kind).group, threshold, recipients: slots }
}

/** Deals once per ceremony and slot: what was dealt is on disk before anyone hears of it, and is only sent again. */
function dealIfDue(work: Work, ceremony: CeremonyRecord, { dealer, fromSlot }: Dealer): void {
  const { state, effects, rng } = work
  const { identity } = state.world
  if (ceremony.stage !== 'dealing' || !equalBytes(dealer, identity.publicKey)) return
  const name = dealingName(ceremony.id, fromSlot)
  const place = ceremony.dealers.findIndex(
    entry => entry.fromSlot === fromSlot && equalBytes(entry.dealer, dealer),
  )
  if (state.submitted.has(name) || ceremony.dealt.includes(place)) return
  let made = state.dealings.get(name)
  if (made === undefined) {
    // two dealings would convict it
    if (ceremony.height <= state.world.replayedHeight()) return
    const secret = isHandoff(ceremony) ? shareOf(work, ceremony, fromSlot) : undefined
    if (isHandoff(ceremony) && secret === undefined) return
    made = makeDealing(planOf(work, ceremony), identity, secret, rng, fromSlot)
    state.dealings.set(name, made)
    effects.push({
      type: 'persist',
      writes: [
        { key: vaultPaths.dealing(ceremony.id, fromSlot), value: canonicalBytes(made) },
        { key: vaultPaths.record(made.recordHash), value: made.record },
      ],
    })
  }
  state.submitted.add(name)
  effects.push({ type: 'submit', transaction: made.deal })
  goOn(work, shareRecord(work, made.record))
}

/** This node's share of the generation that is to be handed on; undefined while it is missing. */
function shareOf(
  { state }: Work,
  { keyId, version, generation }: CeremonyRecord,
  slot: number,
): Secret | undefined {
  return state.shares.get(vaultPaths.share(keyId, version, generation - 1, slot))
}

function receiveDealings(work: Work, ceremony: CeremonyRecord): void {
  const { state, ledger } = work
  const deals = ceremony.dealt.map(place => ledger.get<DealRecord>(paths.deal(ceremony.id, place))!)
  state.agreedDeals.set(toHex(ceremony.id), deals)
  const slots = slotsOf(ceremony.slots, state.world.peerId)
  if (slots.length === 0) return
  for (const place of standingDealings(ceremony)) {
    const dealing = deals[ceremony.dealt.indexOf(place)]!
    if (hasShares(state, dealing, slots)) continue
    const order = ceremony.slots.map(({ slot }) => slot)
    need(work, { ceremony, place, dealing, order, slots })
    takeEarlyRecord(work, dealing.recordHash)
  }
}

/** After a record has filled a need: its ceremony, or the version that waits for it, may go on. */
function goOn(work: Work, received: Need | undefined): void {
  if (received === undefined) return
  const { id, keyId, version } = received.ceremony
  const open = work.ledger.get<CeremonyRecord>(paths.ceremony(id))
  if (open !== undefined) {
    acknowledgeIfDue(work, open)
    return
  }
  const active = versionOf(work.ledger, keyId, version)
  if (active !== undefined) completeVersion(work, active, kindOf(work, active))
}

/** Acknowledges all dealings at once when their shares are here; late in the stage, those that are. */
function acknowledgeIfDue(work: Work, ceremony: CeremonyRecord): void {
  const { state, effects, nowMs, ledger } = work
  const slots = slotsOf(ceremony.slots, state.world.peerId)
  if (slots.length === 0 || ceremony.stage !== 'acknowledging') return
  const standing = standingDealings(ceremony)
  const held = standing.filter(place =>
    hasShares(state, ledger.get<DealRecord>(paths.deal(ceremony.id, place))!, slots),
  )
  const lateMs = ceremony.deadlineMs - state.world.acknowledgeMs * PARTIAL_ACKNOWLEDGE_REST
  if (held.length < standing.length && nowMs < lateMs) {
    effects.push({ type: 'timer', id: `ceremony/late/${toHex(ceremony.id)}`, atMs: lateMs })
    return
  }
  const word = held.join()
  if (held.length === 0 || state.acknowledged.get(toHex(ceremony.id)) === word) return
  state.acknowledged.set(toHex(ceremony.id), word)
  effects.push({
    type: 'submit',
    transaction: { type: 'acknowledge', ceremony: ceremony.id, dealings: held },
  })
}
