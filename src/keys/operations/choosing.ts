import { compareBytes, compareText, type PeerId, utf8 } from '../../base/index.ts'
import { sha256 } from '../../crypto/index.ts'

/** Latencies within one step count as equal, so that near neighbours share the work. */
const LATENCY_STEP_MS = 5

/** What every further holder costs: its own work, and one more chance to be slow. */
const HOLDER_COST_MS = 5

/** A request waiting at the holder already; small, as it only has to break ties between idle and busy. */
const IN_FLIGHT_COST_MS = 1

/** The network between members; a request to oneself has none. */
const NETWORK_COST_MS = 1

/** Agreed distrust weighs as a latency would, up to this. */
const DISTRUST_COST_MS = 100

/** Those without a connection are asked when no better are left, those that have just failed after them. */
const UNCONNECTED_COST_MS = 10_000
const BACKED_OFF_COST_MS = 100_000

/** What is known of a holder that could be asked. */
export interface Candidate {
  readonly peerId: PeerId
  /** Those of its slots that could answer, ascending. */
  readonly slots: readonly number[]
  readonly isSelf: boolean
  readonly latencyMs: number
  /** 2 when nonces must be fetched first. */
  readonly roundTrips: number
  readonly inFlight: number
  readonly isConnected: boolean
  readonly isBackedOff: boolean
  /** 0 to 1. */
  readonly trust: number
}

export interface ChosenHolder {
  readonly peerId: PeerId
  readonly slots: readonly number[]
}

/** The terms of a candidate's cost, in milliseconds; the sum is what one of its useful slots costs. */
export function costTerms(candidate: Candidate, needed: number): Readonly<Record<string, number>> {
  const useful = Math.max(1, Math.min(candidate.slots.length, needed))
  const latencyMs = Math.round(candidate.latencyMs / LATENCY_STEP_MS) * LATENCY_STEP_MS
  return {
    latency: (candidate.isSelf ? 0 : latencyMs * candidate.roundTrips) / useful,
    network: (candidate.isSelf ? 0 : NETWORK_COST_MS) / useful,
    holder: HOLDER_COST_MS / useful,
    load: (candidate.inFlight * IN_FLIGHT_COST_MS) / useful,
    distrust: (1 - candidate.trust) * DISTRUST_COST_MS,
    unconnected: candidate.isConnected ? 0 : UNCONNECTED_COST_MS,
    backedOff: candidate.isBackedOff ? BACKED_OFF_COST_MS : 0,
  }
}

function costOf(candidate: Candidate, needed: number): number {
  return Object.values(costTerms(candidate, needed)).reduce((sum, term) => sum + term, 0)
}

/**
 * The cheapest holders whose slots come to `needed`, none of them superfluous, with exactly that many slots in all;
 * fewer when there are no more. Ties break by hash of `salt` and peer id, so that each request spreads them anew.
 */
export function chooseHolders(
  candidates: readonly Candidate[],
  needed: number,
  salt: Uint8Array,
): ChosenHolder[] {
  const ranked = candidates
    .map(candidate => ({ candidate, cost: costOf(candidate, needed) }))
    .sort((a, b) => a.cost - b.cost || compareTies(a.candidate.peerId, b.candidate.peerId, salt))
    .map(({ candidate }) => candidate)
  const chosen: Candidate[] = []
  let sum = 0
  for (const candidate of ranked) {
    if (sum >= needed) break
    chosen.push(candidate)
    sum += candidate.slots.length
  }
  for (const candidate of chosen.toReversed()) {
    if (sum - candidate.slots.length < needed) continue
    chosen.splice(chosen.indexOf(candidate), 1)
    sum -= candidate.slots.length
  }
  let rest = needed
  return chosen.map(({ peerId, slots }) => {
    const used = slots.slice(0, rest)
    rest -= used.length
    return { peerId, slots: used }
  })
}

function compareTies(a: PeerId, b: PeerId, salt: Uint8Array): number {
  return compareBytes(sha256(salt, utf8(a)), sha256(salt, utf8(b))) || compareText(a, b)
}
