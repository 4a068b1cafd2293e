import { deepEqual, equal, ok } from 'node:assert/strict'
import { peerIdOf } from '../../src/base/index.ts'
import { initialState, memberPath } from '../../src/control/index.ts'
import { cryptoReady, type SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { untilNextBeatMs } from '../../src/node/beating.ts'
import { judgeBeacon } from '../../src/node/observing.ts'
import { refusalOf } from '../../src/node/serving.ts'
import type { NodeState } from '../../src/node/state.ts'
import { beaconLoad, createBeacons, memberDigest } from '../../src/trust/index.ts'
import { beaconCodec, type PeerRequest, SEQUENCES_PER_MS } from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, START_MS } from '../control/fixture.ts'

await cryptoReady

const NETWORK = sha256(new Uint8Array(1))
const keys = nodeKeys(4) as [SigningKey, SigningKey, SigningKey, SigningKey]
const genesis = makeGenesis(keys)
const [author, other] = keys.map(key => peerIdOf(key.publicKey)) as [string, string]

/** As much of a node as what is tested here looks at. */
function nodeWith(ledger: ReturnType<typeof initialState>): NodeState {
  return { ledger, beacons: createBeacons(NETWORK, 5000) } as unknown as NodeState
}

function beaconOf(key: SigningKey, height: number): Uint8Array {
  const member = genesis.members.find(({ peerId }) => peerId === peerIdOf(key.publicKey))!
  const load = { cpu: 0, memoryBytes: 0, operations: 0, linkMbps: 0, trafficMbps: 0 }
  const beacon = {
    sequence: START_MS * SEQUENCES_PER_MS,
    member: memberDigest(member),
    software: 'ostraka/test',
    height,
    load: beaconLoad(load),
    coordinate: { positionUs: [0, 0, 0] as [number, number, number], heightUs: 0, errorPermille: 1000 },
  }
  return beaconCodec.encode(signValue(key, 'beacon', NETWORK, beacon))
}

describe('beats', () => {
  it('fall on the same moments everywhere, and never much closer together than an interval', () => {
    for (let startMs = START_MS; startMs < START_MS + 10_000; startMs += 137) {
      const firstMs = untilNextBeatMs(5000, startMs)
      ok(firstMs >= 3750 && firstMs < 8750, `${firstMs} ms`)
      equal((startMs + firstMs) % 5000, 0)
      equal(untilNextBeatMs(5000, startMs + firstMs), 5000)
    }
  })
})

describe('a neighbour’s beacon', () => {
  it('says how far its log is, once, when it comes from its author', () => {
    const node = nodeWith(initialState(genesis))
    const bytes = beaconOf(keys[0], 7)
    deepEqual(judgeBeacon(node, author, bytes, START_MS), { verdict: 'accept', height: 7 })
    deepEqual(judgeBeacon(node, author, bytes, START_MS), { verdict: 'ignore' })
  })

  it('says nothing of whoever passes it on', () => {
    const node = nodeWith(initialState(genesis))
    deepEqual(judgeBeacon(node, other, beaconOf(keys[0], 7), START_MS), { verdict: 'accept' })
  })
})

describe('a removed neighbour', () => {
  it('may read the log that says so, and asks for everything else in vain', () => {
    const state = initialState(genesis)
    const record = state.records.get<object>(memberPath(author))!
    const gone = { ...state, records: state.records.set(memberPath(author), { ...record, state: 'removed' }) }
    const request = (type: PeerRequest['type']): PeerRequest => ({ type }) as unknown as PeerRequest
    for (const type of ['ping', 'blocks', 'headers', 'snapshot'] as const) {
      equal(refusalOf(nodeWith(gone), author, request(type)), undefined, type)
    }
    for (const type of ['partial', 'nonces', 'export', 'record'] as const) {
      equal(refusalOf(nodeWith(gone), author, request(type))?.code, 'stranger', type)
      equal(refusalOf(nodeWith(gone), other, request(type)), undefined, type)
      equal(refusalOf(nodeWith(state), author, request(type)), undefined, type)
    }
  })
})
