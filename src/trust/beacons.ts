import {
  equalBytes,
  type GossipVerdict,
  type PeerId,
  peerIdOf,
  type Rng,
  randomBelow,
} from '../base/index.ts'
import { type SigningKey, signValue, verifySigned } from '../crypto/index.ts'
import {
  type Beacon,
  beaconCodec,
  type ConflictingBeacons,
  canonicalBytes,
  type Signed,
} from '../wire/index.ts'

/** A beacon older or newer than this by our clock says nothing about now. */
const MAX_SKEW_MS = 60_000

/** Faster than this share of the interval is noise: one per node per interval, with room for jitter on the way. */
const MIN_SPACING = 0.5

/**
 * Sequences are the clock's milliseconds times this, plus a salt of the process: a node whose clock was set back while
 * it was down does not repeat one by chance, which would be taken for a lie.
 */
const SALTS = 1000

/** Conflicts that wait to be reported; one convicts. */
const MAX_CONFLICTS = 16

export interface HeardBeacon {
  readonly beacon: Beacon
  readonly signed: Signed<Beacon>
  readonly heardMs: number
}

/** The last beacon of every member, as this node heard it. */
export interface BeaconState {
  readonly networkId: Uint8Array
  readonly intervalMs: number
  readonly heard: Map<PeerId, HeardBeacon>
  /** Proofs that a node said two things at once, which the node that heard them has yet to report. */
  readonly conflicts: ConflictingBeacons[]
  ownSequence: number
  salt: number | undefined
}

export function createBeacons(networkId: Uint8Array, intervalMs: number): BeaconState {
  return { networkId, intervalMs, heard: new Map(), conflicts: [], ownSequence: 0, salt: undefined }
}

/** This node's next beacon, signed. Sequences follow the clock, so that a restart never repeats one. */
export function makeBeacon(
  state: BeaconState,
  identity: SigningKey,
  body: Omit<Beacon, 'sequence' | 'timeMs'>,
  nowMs: number,
  rng: Rng,
): Uint8Array {
  state.salt ??= randomBelow(rng, SALTS)
  state.ownSequence = Math.max(state.ownSequence + SALTS, nowMs * SALTS + state.salt)
  const beacon: Beacon = { ...body, sequence: state.ownSequence, timeMs: nowMs }
  const signed = signValue(identity, 'beacon', state.networkId, beacon)
  state.heard.set(peerIdOf(identity.publicKey), { beacon, signed, heardMs: nowMs })
  return beaconCodec.encode(signed)
}

/**
 * Judges a beacon before it is forwarded, and keeps it when it is accepted. What cannot be honest is rejected (its
 * forwarder pays in gossipsub's score). What is merely old, repeated or too soon is ignored, and so is what does not fit
 * the members and sealing keys of this node's log, which may be a block behind or ahead of the forwarder's.
 */
export function hearBeacon(
  state: BeaconState,
  bytes: Uint8Array,
  sealingKeyOf: (peerId: PeerId) => Uint8Array | undefined,
  nowMs: number,
): GossipVerdict {
  let signed: Signed<Beacon>
  try {
    signed = beaconCodec.decode(bytes)
  } catch {
    return 'reject'
  }
  const peerId = peerIdOf(signed.signer)
  const sealingKey = sealingKeyOf(peerId)
  if (sealingKey === undefined || !equalBytes(sealingKey, signed.value.sealingKey)) return 'ignore'
  if (Math.abs(signed.value.timeMs - nowMs) > MAX_SKEW_MS) return 'ignore'
  const last = state.heard.get(peerId)
  if (last !== undefined) {
    if (signed.value.sequence === last.beacon.sequence) return judgeRepeat(state, last.signed, signed)
    if (signed.value.sequence < last.beacon.sequence) return 'ignore'
    if (nowMs - last.heardMs < state.intervalMs * MIN_SPACING) return 'ignore'
  }
  if (!verifySigned('beacon', state.networkId, signed)) return 'reject'
  state.heard.set(peerId, { beacon: signed.value, signed, heardMs: nowMs })
  return 'accept'
}

/** A sequence once more: a copy, or proof that its signer told others something else. */
function judgeRepeat(state: BeaconState, first: Signed<Beacon>, second: Signed<Beacon>): GossipVerdict {
  if (equalBytes(canonicalBytes(first.value), canonicalBytes(second.value))) return 'ignore'
  if (!verifySigned('beacon', state.networkId, second)) return 'reject'
  if (state.conflicts.length < MAX_CONFLICTS) {
    state.conflicts.push({ type: 'conflicting-beacons', first, second })
  }
  return 'ignore'
}
