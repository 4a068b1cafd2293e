import type { Rng } from '../base/index.ts'
import { noteAnnounced } from '../control/index.ts'
import { makeBeacon } from '../trust/index.ts'
import type { MeasuredLoad, Transaction } from '../wire/index.ts'
import { attestationDue, attestationNote } from './attesting.ts'
import type { NodeEffect } from './events.ts'
import { observeBeat, peersToPing } from './observing.ts'
import { planToPublish } from './planning.ts'
import { beaconBody, type NodeState } from './state.ts'

/** A ping that takes longer says as much as none. */
const PING_DEADLINE_MS = 2_000
/** In intervals. Beacons that follow each other much faster are ignored. */
const SHORTEST_BEAT = 0.75

/**
 * From one beat to the next. All nodes beat at the same moments of the clock, the multiples of the interval: what they
 * tell each other then arrives together, and an idle host wakes once for all of it.
 */
export function untilNextBeatMs(intervalMs: number, nowMs: number): number {
  const left = intervalMs - (nowMs % intervalMs)
  return left < intervalMs * SHORTEST_BEAT ? left + intervalMs : left
}

/** What a node does each interval: a beacon and some pings, and what has become due since. */
export interface Beat {
  /** To be signed and submitted in its own name. */
  readonly transactions: readonly Transaction[]
  readonly effects: readonly NodeEffect[]
}

export function beat(state: NodeState, load: MeasuredLoad, nowMs: number, rng: Rng): Beat {
  const transactions = observeBeat(state, nowMs)
  const effects: NodeEffect[] = []
  const attest = attestationDue(state, nowMs)
  if (attest !== undefined) effects.push(attest)
  const note = attestationNote(state)
  if (note !== undefined) effects.push(note)
  const body = beaconBody(state, load)
  if (body !== undefined) {
    const bytes = makeBeacon(state.beacons, state.options.identity, body, nowMs, rng)
    state.served = 0
    noteAnnounced(state.log, nowMs)
    effects.push({ type: 'publish', topic: 'beacons', bytes })
  }
  const plan = planToPublish(state)
  if (plan !== undefined) effects.push({ type: 'publish', topic: 'plans', bytes: plan })
  for (const to of peersToPing(state)) {
    const token = `ping/${nowMs}/${to}`
    effects.push({ type: 'request', token, to, request: { type: 'ping' }, deadlineMs: PING_DEADLINE_MS })
  }
  return { transactions, effects }
}
