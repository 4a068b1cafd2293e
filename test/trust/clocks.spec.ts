import assert from 'node:assert/strict'
import { peerIdOf, Secret, SeededRng, utf8 } from '../../src/base/index.ts'
import { cryptoReady, SigningKey, sha256 } from '../../src/crypto/index.ts'
import {
  type BeaconState,
  beaconLoad,
  createBeacons,
  hearBeacon,
  makeBeacon,
  memberDigest,
  othersOffsetMs,
  peerOffsetMs,
} from '../../src/trust/index.ts'
import type { Beacon } from '../../src/wire/index.ts'

const NETWORK = sha256(utf8('a network'))
const NOW_MS = 1_800_000_000_000
const INTERVAL_MS = 5000

await cryptoReady

const record = {
  sealingKey: sha256(utf8('sealing key')),
  location: { region: 'eu-west', latitude: 50.1, longitude: 8.7 },
}
const load = beaconLoad({ cpu: 0, memoryBytes: 0, operations: 0, linkMbps: 0, trafficMbps: 0 })
const body: Omit<Beacon, 'sequence'> = {
  ...{ member: memberDigest(record), software: 'ostraka/test', height: 1, load },
  coordinate: { positionUs: [0, 0, 0], heightUs: 0, errorPermille: 1000 },
}

/** A member whose clock is off, and its beacons. */
class Peer {
  readonly key: SigningKey
  readonly #own: BeaconState = createBeacons(NETWORK, INTERVAL_MS)
  readonly #rng: SeededRng

  constructor(name: string) {
    this.#rng = new SeededRng(name)
    this.key = new SigningKey(new Secret(this.#rng.bytes(32)))
  }

  get id(): string {
    return peerIdOf(this.key.publicKey)
  }

  beacon(timeMs: number): Uint8Array {
    return makeBeacon(this.#own, this.key, body, timeMs, this.#rng)
  }
}

describe('issue 10, item 11: clocks are measured by beacons', () => {
  const peers = ['a', 'b', 'c', 'd'].map(name => new Peer(name))
  let state: BeaconState
  beforeEach(() => {
    state = createBeacons(NETWORK, INTERVAL_MS)
  })

  const hear = (peer: Peer, offsetMs: number, nowMs: number, delayMs = 0) =>
    hearBeacon(state, peer.beacon(nowMs - delayMs + offsetMs), () => record, nowMs)

  it('by the one of the last that was the shortest on its way', () => {
    const [peer] = peers as [Peer]
    assert.equal(peerOffsetMs(state.clocks, peer.id), null)
    for (const [beat, delayMs] of [900, 40, 2500].entries()) {
      assert.equal(hear(peer, 30_000, NOW_MS + beat * INTERVAL_MS, delayMs), 'accept')
    }
    assert.equal(peerOffsetMs(state.clocks, peer.id), 29_960)
  })

  it('a node whose own clock is wrong learns it from most, and one liar moves nothing', () => {
    const offsets = [-30_000, -30_010, -29_990, 50_000]
    for (const [index, peer] of peers.entries()) hear(peer, offsets[index]!, NOW_MS)
    assert.equal(othersOffsetMs(state.clocks), -30_000)
  })

  it('one that is so far off that beacons do not count says so too; forged ones say nothing', () => {
    const [peer, other] = peers as [Peer, Peer]
    for (const each of [peer, other]) assert.equal(hear(each, 3_600_000, NOW_MS), 'ignore')
    assert.equal(othersOffsetMs(state.clocks), 3_600_000)
    const forged = peers[2]!.beacon(NOW_MS + 7_200_000)
    forged[forged.length - 1]! ^= 1
    hearBeacon(state, forged, () => record, NOW_MS)
    assert.equal(peerOffsetMs(state.clocks, peers[2]!.id), null)
    assert.equal(state.heard.size, 0)
  })

  it('a single peer’s word stands against ours and is none; what is old is forgotten', () => {
    const [peer, other] = peers as [Peer, Peer]
    hear(peer, 30_000, NOW_MS)
    assert.equal(othersOffsetMs(state.clocks), null)
    hear(other, 0, NOW_MS + 61_000)
    assert.equal(peerOffsetMs(state.clocks, peer.id), null)
  })
})
