import {
  equalBytes,
  type GossipVerdict,
  type PeerId,
  peerIdOf,
  type Rng,
  randomBelow,
} from '../base/index.ts'
import { type SigningKey, sha256, signValue, verifySigned } from '../crypto/index.ts'
import {
  BEACON_DIGEST_BYTES,
  type Beacon,
  type BeaconLoad,
  beaconCodec,
  type ConflictingBeacons,
  canonicalBytes,
  type Load,
  type Member,
  SEQUENCES_PER_MS,
  type Signed,
} from '../wire/index.ts'

import { isClockNews, noteClock, type PeerClocks } from './clocks.ts'

/** A beacon older or newer than this by our clock says nothing about now. */
const MAX_SKEW_MS = 60_000

/** Faster than this share of the interval is noise: one per node per interval, with room for jitter on the way. */
const MIN_SPACING = 0.5

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
  /** Proof that a node said two things at once, by node, which this one has yet to report: one each convicts. */
  readonly conflicts: Map<PeerId, ConflictingBeacons>
  readonly clocks: PeerClocks
  ownSequence: number
  salt: number | undefined
}

export function createBeacons(networkId: Uint8Array, intervalMs: number): BeaconState {
  const maps = { heard: new Map(), conflicts: new Map(), clocks: new Map() }
  return { networkId, intervalMs, ...maps, ownSequence: 0, salt: undefined }
}

/** The ledger's records do not change: each is digested once, for all beacons. */
const digests = new WeakMap<object, Uint8Array>()

/** What stands in a beacon for what the log says of its signer. */
export function memberDigest(member: Pick<Member, 'location' | 'sealingKey'>): Uint8Array {
  let digest = digests.get(member)
  if (digest === undefined) {
    const { location, sealingKey } = member
    digest = sha256(canonicalBytes({ location, sealingKey })).subarray(0, BEACON_DIGEST_BYTES)
    digests.set(member, digest)
  }
  return digest
}

const BYTES_PER_MIB = 2 ** 20

/** A load in a beacon's units. */
export function beaconLoad({ cpu, memoryBytes, operations, linkMbps, trafficMbps }: Load): BeaconLoad {
  return {
    cpuPermille: Math.round(1000 * cpu),
    memoryMiB: Math.round(memoryBytes / BYTES_PER_MIB),
    operations,
    linkKbps: Math.round(1000 * linkMbps),
    trafficKbps: Math.round(1000 * trafficMbps),
  }
}

export function loadOf({ cpuPermille, memoryMiB, operations, linkKbps, trafficKbps }: BeaconLoad): Load {
  return {
    cpu: cpuPermille / 1000,
    memoryBytes: memoryMiB * BYTES_PER_MIB,
    operations,
    linkMbps: linkKbps / 1000,
    trafficMbps: trafficKbps / 1000,
  }
}

/** When a beacon was made, by its signer's clock. */
function timeOf({ sequence }: Beacon): number {
  return Math.floor(sequence / SEQUENCES_PER_MS)
}

/**
 * Sequences follow the clock, so that a restart never repeats one. Once the clock was set back by so much that nobody would
 * take what goes on from the last one, they follow it again, with another salt, which repeats none either.
 */
function nextSequence(state: BeaconState, nowMs: number, rng: Rng): number {
  state.salt ??= randomBelow(rng, SEQUENCES_PER_MS)
  const next = state.ownSequence + SEQUENCES_PER_MS
  const isTooFarAhead = next > (nowMs + MAX_SKEW_MS) * SEQUENCES_PER_MS
  if (isTooFarAhead) state.salt = (state.salt + 1) % SEQUENCES_PER_MS
  const ofClock = nowMs * SEQUENCES_PER_MS + state.salt
  return isTooFarAhead ? ofClock : Math.max(next, ofClock)
}

/** This node's next beacon, signed. */
export function makeBeacon(
  state: BeaconState,
  identity: SigningKey,
  body: Omit<Beacon, 'sequence'>,
  nowMs: number,
  rng: Rng,
): Uint8Array {
  state.ownSequence = nextSequence(state, nowMs, rng)
  const beacon: Beacon = { ...body, sequence: state.ownSequence }
  const signed = signValue(identity, 'beacon', state.networkId, beacon)
  state.heard.set(peerIdOf(identity.publicKey), { beacon, signed, heardMs: nowMs })
  return beaconCodec.encode(signed)
}

/**
 * Judges a beacon before it is forwarded, and keeps it when it is accepted. What cannot be honest is rejected (its
 * forwarder pays in gossipsub's score). What is merely old, repeated or too soon is ignored, and so is what does not fit
 * what this node's log says of the member, which may be a block behind or ahead of the forwarder's.
 */
export function hearBeacon(
  state: BeaconState,
  bytes: Uint8Array,
  memberOf: (peerId: PeerId) => Pick<Member, 'location' | 'sealingKey'> | undefined,
  nowMs: number,
): GossipVerdict {
  let signed: Signed<Beacon>
  try {
    signed = beaconCodec.decode(bytes)
  } catch {
    return 'reject'
  }
  const peerId = peerIdOf(signed.signer)
  const member = memberOf(peerId)
  if (member === undefined || !equalBytes(memberDigest(member), signed.value.member)) return 'ignore'
  if (Math.abs(timeOf(signed.value) - nowMs) > MAX_SKEW_MS) {
    // of two clocks one is wrong: what it says counts for nothing but that
    noteSkewed(state, peerId, signed, nowMs)
    return 'ignore'
  }
  const last = state.heard.get(peerId)
  if (last !== undefined) {
    if (signed.value.sequence === last.beacon.sequence) return judgeRepeat(state, peerId, last.signed, signed)
    if (signed.value.sequence < last.beacon.sequence) return 'ignore'
    if (nowMs - last.heardMs < state.intervalMs * MIN_SPACING) return 'ignore'
  }
  if (!verifySigned('beacon', state.networkId, signed)) return 'reject'
  state.heard.set(peerId, { beacon: signed.value, signed, heardMs: nowMs })
  noteClock(state.clocks, peerId, signed.value.sequence, timeOf(signed.value), nowMs)
  return 'accept'
}

function noteSkewed(state: BeaconState, peerId: PeerId, signed: Signed<Beacon>, nowMs: number): void {
  const { sequence } = signed.value
  const spacingMs = state.intervalMs * MIN_SPACING
  if (!isClockNews(state.clocks, peerId, sequence, nowMs, spacingMs)) return
  if (!verifySigned('beacon', state.networkId, signed)) return
  noteClock(state.clocks, peerId, sequence, timeOf(signed.value), nowMs)
}

/** A sequence once more: a copy, or proof that its signer told others something else. */
function judgeRepeat(
  state: BeaconState,
  peerId: PeerId,
  first: Signed<Beacon>,
  second: Signed<Beacon>,
): GossipVerdict {
  if (equalBytes(canonicalBytes(first.value), canonicalBytes(second.value))) return 'ignore'
  if (!verifySigned('beacon', state.networkId, second)) return 'reject'
  state.conflicts.set(peerId, { type: 'conflicting-beacons', first, second })
  return 'ignore'
}
