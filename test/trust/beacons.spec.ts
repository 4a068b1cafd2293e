import { deepEqual, equal, ok } from 'node:assert/strict'
import { type GossipVerdict, type PeerId, peerIdOf, Secret, SeededRng, utf8 } from '../../src/base/index.ts'
import { cryptoReady, SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import {
  type BeaconState,
  beaconLoad,
  createBeacons,
  hearBeacon,
  loadOf,
  makeBeacon,
  memberDigest,
} from '../../src/trust/index.ts'
import { type Beacon, beaconCodec, type Member, SEQUENCES_PER_MS, type Signed } from '../../src/wire/index.ts'

const NETWORK = sha256(utf8('a network'))
const NOW_MS = 1_800_000_000_000
const INTERVAL_MS = 5000

await cryptoReady

const [member, stranger] = ['member', 'stranger'].map(
  name => new SigningKey(new Secret(new SeededRng(name).bytes(32))),
) as [SigningKey, SigningKey]
const record: Member = {
  peerId: peerIdOf(member.publicKey),
  sealingKey: sha256(utf8('sealing key')),
  location: { region: 'eu-west', latitude: 50.1, longitude: 8.7 },
}
const NOTHING = { cpu: 0, memoryBytes: 0, operations: 0, linkMbps: 0, trafficMbps: 0 }

/** The sequence of a beacon that is made at `timeMs`. */
function sequenceAt(timeMs: number, salt = 0): number {
  return timeMs * SEQUENCES_PER_MS + salt
}

function beacon(fields: Partial<Beacon> = {}): Beacon {
  return {
    sequence: sequenceAt(NOW_MS),
    member: memberDigest(record),
    software: 'ostraka/test',
    height: 3,
    load: beaconLoad(NOTHING),
    coordinate: { positionUs: [0, 0, 0], heightUs: 0, errorPermille: 1000 },
    ...fields,
  }
}

function sign(value: Beacon, key = member, network = NETWORK): Uint8Array {
  return beaconCodec.encode(signValue(key, 'beacon', network, value))
}

function hear(state: BeaconState, bytes: Uint8Array, nowMs = NOW_MS): GossipVerdict {
  const memberOf = (peerId: PeerId): Member | undefined => (peerId === record.peerId ? record : undefined)
  return hearBeacon(state, bytes, memberOf, nowMs)
}

describe('a beacon that is heard', () => {
  let state: BeaconState
  const heard = (): Beacon | undefined => state.heard.get(peerIdOf(member.publicKey))?.beacon

  beforeEach(() => {
    state = createBeacons(NETWORK, INTERVAL_MS)
  })

  it('is kept and passed on', () => {
    equal(hear(state, sign(beacon({ height: 9 }))), 'accept')
    equal(heard()?.height, 9)
  })

  it('is rejected when it does not decode, or its signer has not signed it for this network', () => {
    equal(hear(state, new Uint8Array(40)), 'reject')
    equal(hear(state, sign(beacon(), member, sha256(utf8('another network')))), 'reject')
    const signed: Signed<Beacon> = signValue(member, 'beacon', NETWORK, beacon())
    equal(hear(state, beaconCodec.encode({ ...signed, value: beacon({ height: 4 }) })), 'reject')
    equal(heard(), undefined)
  })

  it('is not passed on when its signer is no member, or stands by another key or place than the log says', () => {
    equal(hear(state, sign(beacon(), stranger)), 'ignore')
    const others: Partial<Member>[] = [
      { sealingKey: sha256(utf8('another')) },
      { location: { ...record.location, region: 'us-east' } },
      { location: { ...record.location, longitude: 8.8 } },
    ]
    for (const other of others) {
      const digest = memberDigest({ ...record, ...other })
      equal(hear(state, sign(beacon({ member: digest }))), 'ignore')
    }
    equal(state.heard.size, 0)
  })

  it('is not passed on when it is a minute off this clock', () => {
    for (const timeMs of [NOW_MS - 60_001, NOW_MS + 60_001])
      equal(hear(state, sign(beacon({ sequence: sequenceAt(timeMs) }))), 'ignore')
    for (const [index, timeMs] of [NOW_MS - 60_000, NOW_MS + 60_000].entries()) {
      const later = NOW_MS + index * 60_000
      equal(hear(state, sign(beacon({ sequence: sequenceAt(timeMs + index * 60_000, 7) })), later), 'accept')
    }
  })

  it('is not passed on twice, nor after a newer one', () => {
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 5) }))), 'accept')
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 5) })), NOW_MS + INTERVAL_MS), 'ignore')
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 4) })), NOW_MS + INTERVAL_MS), 'ignore')
    equal(heard()?.sequence, sequenceAt(NOW_MS, 5))
    equal(state.conflicts.size, 0)
  })

  it('is not passed on sooner than half an interval after the one before', () => {
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 1) }))), 'accept')
    equal(
      hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 2) })), NOW_MS + INTERVAL_MS / 2 - 1),
      'ignore',
    )
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 2) })), NOW_MS + INTERVAL_MS / 2), 'accept')
  })

  it('that contradicts another of its sequence is evidence, unless it is forged', () => {
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 5) }))), 'accept')
    const forged = {
      ...signValue(stranger, 'beacon', NETWORK, beacon({ sequence: sequenceAt(NOW_MS, 5), height: 8 })),
    }
    equal(hear(state, beaconCodec.encode({ ...forged, signer: member.publicKey })), 'reject')
    equal(state.conflicts.size, 0)
    equal(hear(state, sign(beacon({ sequence: sequenceAt(NOW_MS, 5), height: 8 }))), 'ignore')
    equal(state.conflicts.size, 1)
  })
})

describe('a beacon that is made', () => {
  const { sequence, ...body } = beacon()
  const state = (): BeaconState => createBeacons(NETWORK, INTERVAL_MS)
  const rng = (): SeededRng => new SeededRng('beacons')
  const made = (bytes: Uint8Array): Beacon => beaconCodec.decode(bytes).value

  it('tells its time, and is newer than the one before though the clock was set back a little', () => {
    const own = state()
    const sequences = [NOW_MS, NOW_MS + 5000, NOW_MS - 20_000, NOW_MS - 20_000].map(
      nowMs => made(makeBeacon(own, member, body, nowMs, rng())).sequence,
    )
    equal(Math.floor(sequences[1]! / SEQUENCES_PER_MS), NOW_MS + 5000)
    deepEqual(
      [...sequences].sort((a, b) => a - b),
      sequences,
    )
    ok(sequences[3]! < sequenceAt(NOW_MS + 5010))
  })

  it('is taken by others again at once when a clock that was far ahead was set right, and repeats no sequence', () => {
    const own = state()
    const others = state()
    const heard = (nowMs: number): GossipVerdict =>
      hear(others, makeBeacon(own, member, body, nowMs, rng()), NOW_MS)
    const sequences = new Set<number>()
    for (const aheadMs of [3_600_000, 0, 3_600_000, 0]) {
      others.heard.clear()
      equal(heard(NOW_MS + aheadMs), aheadMs === 0 ? 'accept' : 'ignore')
      sequences.add(own.ownSequence)
    }
    equal(sequences.size, 4)
  })

  it('says how loaded its node is, to the unit that it carries', () => {
    const load = { cpu: 0.173, memoryBytes: 180 * 2 ** 20, operations: 17, linkMbps: 2.5, trafficMbps: 1.234 }
    deepEqual(loadOf(beaconLoad(load)), load)
    deepEqual(loadOf(beaconLoad({ ...load, memoryBytes: load.memoryBytes + 1000, cpu: 0.1731 })), load)
  })
})
