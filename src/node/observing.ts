import { type GossipVerdict, type PeerId, type Rng, toHex } from '../base/index.ts'
import { attestationStanding, epochStartMs, type MemberRecord, viewLog } from '../control/index.ts'
import { type ConvictionRecord, gatewayCounters } from '../keys/index.ts'
import {
  coordinateOf,
  type FineRecord,
  FULL_SCORE,
  hearBeacon,
  makeReport,
  medianRoundTrip,
  moved,
  noteBeat,
  type ReportRecord,
  trustOf,
  trustPaths,
} from '../trust/index.ts'
import type { Transaction } from '../wire/index.ts'
import type { TrustView } from './port.ts'
import { memberOf, type NodeState, reading } from './state.ts'

/** Refusals in one interval that say nothing of a peer: a lost answer, a burst at the wrong moment. */
const EXCESS_TOLERANCE = 64

/** Judges a gossiped beacon. One that comes straight from its author also says how far that node's log is. */
export function judgeBeacon(
  state: NodeState,
  from: PeerId,
  bytes: Uint8Array,
  nowMs: number,
): { readonly verdict: GossipVerdict; readonly height?: number } {
  const standing = (peerId: PeerId): MemberRecord | undefined => {
    const member = memberOf(state, peerId)
    return member?.state === 'removed' ? undefined : member
  }
  const { heard } = state.beacons
  const before = heard.get(from)
  const verdict = hearBeacon(state.beacons, bytes, standing, nowMs)
  const now = heard.get(from)
  return now === undefined || now === before ? { verdict } : { verdict, height: now.beacon.height }
}

/** One interval has passed: what this node has to tell the control log of the others, if it is time. */
export function observeBeat(state: NodeState, nowMs: number): Transaction[] {
  const { beacons, observations, ledger, options } = state
  const members = reading(ledger).list<MemberRecord>('member/')
  const subjects = members
    .map(entry => entry.value)
    .filter(member => member.state === 'active' || member.state === 'suspended')
    .filter(member => member.peerId !== state.peerId)
    .map(member => member.peerId)
  noteBeat(
    observations,
    subjects,
    peerId => beacons.heard.get(peerId)?.heardMs,
    peerId => state.budgets.takeExcess(peerId, EXCESS_TOLERANCE, nowMs),
    nowMs,
  )
  const transactions: Transaction[] = [...beacons.conflicts.values()].map(evidence => ({
    type: 'report-evidence',
    evidence,
  }))
  beacons.conflicts.clear()
  const self = members.find(entry => entry.value.peerId === state.peerId)?.value
  if (self?.state === 'joining' && !viewLog(state.log, nowMs).isSyncing) transactions.push({ type: 'arrive' })
  if (self?.state !== 'active') return transactions
  const { epoch } = ledger.chain
  const counters = gatewayCounters(state.gateway)
  const report = makeReport(
    observations,
    {
      epoch,
      endsMs: epochStartMs(options.genesis, epoch + 1),
      subjects,
      wrong: peerId => counters[`operation_bad_partials/${peerId}`] ?? 0,
      roundTripMs: peerId => medianRoundTrip(state.roundTrips, peerId),
    },
    nowMs,
  )
  return report === undefined ? transactions : [...transactions, report]
}

/** Each peer has its turn once in so many beats: pings both ways are a good part of what an idle network sends. */
const PING_TURNS = 6

/** Who is pinged at this beat: those whose turn it is, and those whose round trip is not known yet. */
export function peersToPing(state: NodeState): PeerId[] {
  const turn = state.pingTurn++ % PING_TURNS
  return [...state.connected].filter(
    (peerId, index) => index % PING_TURNS === turn || medianRoundTrip(state.roundTrips, peerId) === null,
  )
}

/** A ping has come back: this node's coordinate moves. The median of the recent ones keeps single outliers out. */
export function observeRoundTrip(state: NodeState, from: PeerId, rng: Rng): void {
  const heard = state.beacons.heard.get(from)
  const roundTripMs = medianRoundTrip(state.roundTrips, from)
  if (heard === undefined || roundTripMs === null) return
  state.coordinate = moved(state.coordinate, coordinateOf(heard.beacon.coordinate), roundTripMs, rng)
}

/** The trust vector, and the trust graph: who says what of whom. */
export function trustView(state: NodeState): TrustView {
  const ledger = reading(state.ledger)
  const vector = trustOf(ledger)
  const known = new Map(vector.scores.map(entry => [entry.peerId, entry]))
  const members = ledger.list<MemberRecord>('member/').map(entry => entry.value)
  return {
    epoch: vector.epoch,
    scores: members.map(({ peerId, state: standing, weight }) => ({
      peerId,
      state: standing,
      score: weight,
      attestation: attestationStanding(ledger, peerId),
      opinion: (known.get(peerId)?.opinion ?? FULL_SCORE) / FULL_SCORE,
      fines: ledger.get<FineRecord>(trustPaths.fine(peerId))?.fines.length ?? 0,
    })),
    reports: ledger.list<ReportRecord>(trustPaths.reports).map(({ path, value }) => ({
      reporter: path.slice(trustPaths.reports.length),
      epoch: value.epoch,
      observations: value.observations,
    })),
    convictions: ledger
      .list<ConvictionRecord>('conviction/')
      .map(({ value: { peerId, reason, height, transactionId } }) => ({
        ...{ peerId, reason, height },
        transactionId: toHex(transactionId),
      })),
  }
}
