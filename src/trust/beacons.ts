import { equalBytes, type GossipVerdict, type PeerId, peerIdOf } from '../base/index.ts'
import { type SigningKey, signValue, verifySigned } from '../crypto/index.ts'
import { type Beacon, beaconCodec, type Signed } from '../wire/index.ts'

/** A beacon older or newer than this by our clock says nothing about now. */
const MAX_SKEW_MS = 60_000

/** Faster than this share of the interval is noise: one per node per interval, with room for jitter on the way. */
const MIN_SPACING = 0.5

export interface HeardBeacon {
  readonly beacon: Beacon
  readonly heardMs: number
}

/** The last beacon of every member, as this node heard it. */
export interface BeaconState {
  readonly networkId: Uint8Array
  readonly intervalMs: number
  readonly heard: Map<PeerId, HeardBeacon>
  ownSequence: number
}

export function createBeacons(networkId: Uint8Array, intervalMs: number): BeaconState {
  return { networkId, intervalMs, heard: new Map(), ownSequence: 0 }
}

/** This node's next beacon, signed. Sequences start at the clock, so that a restart never repeats one. */
export function makeBeacon(
  state: BeaconState,
  identity: SigningKey,
  body: Omit<Beacon, 'sequence' | 'timeMs'>,
  nowMs: number,
): Uint8Array {
  state.ownSequence = Math.max(state.ownSequence + 1, nowMs)
  const beacon: Beacon = { ...body, sequence: state.ownSequence, timeMs: nowMs }
  state.heard.set(peerIdOf(identity.publicKey), { beacon, heardMs: nowMs })
  return beaconCodec.encode(signValue(identity, 'beacon', state.networkId, beacon))
}

/**
 * Judges a beacon before it is forwarded, and keeps it when it is accepted. What cannot be honest is rejected (its
 * forwarder pays in gossipsub's score); what is merely old, repeated or too soon is ignored.
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
  if (sealingKey === undefined || !equalBytes(sealingKey, signed.value.sealingKey)) return 'reject'
  if (Math.abs(signed.value.timeMs - nowMs) > MAX_SKEW_MS) return 'ignore'
  const last = state.heard.get(peerId)
  if (last !== undefined) {
    if (signed.value.sequence <= last.beacon.sequence) return 'ignore'
    if (nowMs - last.heardMs < state.intervalMs * MIN_SPACING) return 'ignore'
  }
  if (!verifySigned('beacon', state.networkId, signed)) return 'reject'
  state.heard.set(peerId, { beacon: signed.value, heardMs: nowMs })
  return 'accept'
}
