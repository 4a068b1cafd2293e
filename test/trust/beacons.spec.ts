import { equal } from 'node:assert/strict'
import { type GossipVerdict, type PeerId, peerIdOf, Secret, SeededRng, utf8 } from '../../src/base/index.ts'
import { cryptoReady, SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { type BeaconState, createBeacons, hearBeacon } from '../../src/trust/index.ts'
import { type Beacon, beaconCodec, type Signed } from '../../src/wire/index.ts'

const NETWORK = sha256(utf8('a network'))
const NOW_MS = 1_800_000_000_000
const INTERVAL_MS = 5000

await cryptoReady

const [member, stranger] = ['member', 'stranger'].map(
  name => new SigningKey(new Secret(new SeededRng(name).bytes(32))),
) as [SigningKey, SigningKey]
const sealingKey = sha256(utf8('sealing key'))

function beacon(fields: Partial<Beacon> = {}): Beacon {
  return {
    sequence: 1,
    timeMs: NOW_MS,
    location: { region: 'eu-west', latitude: 0, longitude: 0 },
    sealingKey,
    software: 'ostraka/test',
    height: 3,
    load: { cpu: 0, memoryBytes: 0, operations: 0, linkMbps: 0, trafficMbps: 0 },
    coordinate: { positionUs: [0, 0, 0], heightUs: 0, errorPermille: 1000 },
    ...fields,
  }
}

function sign(value: Beacon, key = member, network = NETWORK): Uint8Array {
  return beaconCodec.encode(signValue(key, 'beacon', network, value))
}

function hear(state: BeaconState, bytes: Uint8Array, nowMs = NOW_MS): GossipVerdict {
  const keyOf = (peerId: PeerId): Uint8Array | undefined =>
    peerId === peerIdOf(member.publicKey) ? sealingKey : undefined
  return hearBeacon(state, bytes, keyOf, nowMs)
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

  it('is not passed on when its signer is no member, or names another sealing key than the log', () => {
    equal(hear(state, sign(beacon(), stranger)), 'ignore')
    equal(hear(state, sign(beacon({ sealingKey: sha256(utf8('another')) }))), 'ignore')
    equal(state.heard.size, 0)
  })

  it('is not passed on when it is a minute off this clock', () => {
    for (const timeMs of [NOW_MS - 60_001, NOW_MS + 60_001])
      equal(hear(state, sign(beacon({ timeMs }))), 'ignore')
    for (const [index, timeMs] of [NOW_MS - 60_000, NOW_MS + 60_000].entries()) {
      const later = NOW_MS + index * 60_000
      equal(
        hear(state, sign(beacon({ timeMs: timeMs + index * 60_000, sequence: index + 1 })), later),
        'accept',
      )
    }
  })

  it('is not passed on twice, nor after a newer one', () => {
    equal(hear(state, sign(beacon({ sequence: 5 }))), 'accept')
    equal(hear(state, sign(beacon({ sequence: 5 })), NOW_MS + INTERVAL_MS), 'ignore')
    equal(hear(state, sign(beacon({ sequence: 4 })), NOW_MS + INTERVAL_MS), 'ignore')
    equal(heard()?.sequence, 5)
    equal(state.conflicts.length, 0)
  })

  it('is not passed on sooner than half an interval after the one before', () => {
    equal(hear(state, sign(beacon({ sequence: 1 }))), 'accept')
    equal(hear(state, sign(beacon({ sequence: 2 })), NOW_MS + INTERVAL_MS / 2 - 1), 'ignore')
    equal(hear(state, sign(beacon({ sequence: 2 })), NOW_MS + INTERVAL_MS / 2), 'accept')
  })

  it('that contradicts another of its sequence is evidence, unless it is forged', () => {
    equal(hear(state, sign(beacon({ sequence: 5 }))), 'accept')
    const forged = { ...signValue(stranger, 'beacon', NETWORK, beacon({ sequence: 5, height: 8 })) }
    equal(hear(state, beaconCodec.encode({ ...forged, signer: member.publicKey })), 'reject')
    equal(state.conflicts.length, 0)
    equal(hear(state, sign(beacon({ sequence: 5, height: 8 }))), 'ignore')
    equal(state.conflicts.length, 1)
  })
})
