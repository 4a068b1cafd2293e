import assert from 'node:assert/strict'
import { peerIdOf, SeededRng, utf8 } from '../../src/base/index.ts'
import { sha256, signValue } from '../../src/crypto/index.ts'
import { beaconLoad, createBeacons, hearBeacon, makeBeacon, memberDigest } from '../../src/trust/index.ts'
import {
  type Beacon,
  beaconCodec,
  type Evidence,
  SEQUENCES_PER_MS,
  type Signed,
  type Vote,
} from '../../src/wire/index.ts'
import { keyNamed, signed } from '../control/fixture.ts'
import { TrustLedger } from './ledger.ts'

const ledger = (): TrustLedger => new TrustLedger(4)

function beaconOf({ genesis }: TrustLedger, sequence: number, height: number): Beacon {
  const load = beaconLoad({ cpu: 0, memoryBytes: 0, operations: 0, linkMbps: 0, trafficMbps: 0 })
  const coordinate = { positionUs: [0, 0, 0], heightUs: 0, errorPermille: 1000 }
  return {
    sequence,
    member: memberDigest(genesis.members[0]!),
    software: 'x',
    height,
    load,
    coordinate,
  }
}

function signBeacon(on: TrustLedger, node: number, beacon: Beacon): Signed<Beacon> {
  return signValue(on.keys[node]!, 'beacon', on.state.networkId, beacon)
}

function submit(on: TrustLedger, from: number, evidence: Evidence): string {
  const [result] = on.block([signed(on.genesis, { type: 'report-evidence', evidence }, on.keys[from]!)])
  return result!.ok ? 'ok' : result!.code
}

describe('evidence', () => {
  it('two beacons with one sequence and different content remove their signer at once', () => {
    const on = ledger()
    const [first, second] = [1, 2].map(height => signBeacon(on, 0, beaconOf(on, 7, height)))
    assert.equal(submit(on, 1, { type: 'conflicting-beacons', first: first!, second: second! }), 'ok')
    assert.equal(on.member(0).state, 'removed')
    assert.ok(!on.state.validators.some(({ peerId }) => peerId === on.peers[0]))
    assert.equal(on.member(1).weight, 1)
  })

  it('a forged proof convicts nobody and costs its sender, once', () => {
    const on = ledger()
    const [first, other] = [1, 2].map(height => signBeacon(on, 0, beaconOf(on, 7, height)))
    const forged: Evidence = {
      type: 'conflicting-beacons',
      first: first!,
      second: { ...other!, signature: first!.signature },
    }
    const transaction = signed(on.genesis, { type: 'report-evidence', evidence: forged }, on.keys[1]!)
    assert.ok(on.block([transaction])[0]!.ok)
    assert.equal(on.member(0).state, 'active')
    assert.equal(on.member(0).weight, 1)
    assert.equal(on.member(1).weight, 0.9)
    const [again] = on.block([transaction])
    assert.equal(again!.ok, false)
    assert.equal(on.member(1).weight, 0.9)
  })

  it('two signed votes for one height, round and step convict; halves that the voter did not sign do not', () => {
    const on = ledger()
    const vote = (node: number, name: string): Signed<Vote> =>
      signValue(on.keys[node]!, 'prevote', on.state.networkId, {
        height: 1,
        round: 0,
        blockId: sha256(utf8(name)),
      })
    const evidenceOf = (one: Signed<Vote>, other: Signed<Vote>): Evidence => ({
      type: 'conflicting-votes',
      step: 'prevote',
      voter: on.keys[0]!.publicKey,
      height: 1,
      round: 0,
      first: { blockId: one.value.blockId, signature: one.signature },
      second: { blockId: other.value.blockId, signature: other.signature },
    })
    submit(on, 1, evidenceOf(vote(0, 'one'), vote(2, 'other')))
    submit(on, 1, evidenceOf(vote(0, 'one'), vote(0, 'one')))
    assert.equal(on.member(0).state, 'active')
    assert.equal(on.member(1).weight, 0.8)
    assert.equal(submit(on, 1, evidenceOf(vote(0, 'one'), vote(0, 'other'))), 'ok')
    assert.equal(on.member(0).state, 'removed')
  })

  it('two proposals of one round convict; a changed one, or one twice, costs who shows it', () => {
    const on = ledger()
    const half = (blockId: string, validRound = -1, by = 0) => {
      const value = { height: 3, round: 1, validRound, blockId: sha256(utf8(blockId)) }
      const { signature } = signValue(on.keys[by]!, 'proposal', on.state.networkId, value)
      return { validRound, blockId: value.blockId, signature }
    }
    const show = (first: ReturnType<typeof half>, second: ReturnType<typeof half>): string => {
      const proposer = on.keys[0]!.publicKey
      const evidence: Evidence = {
        type: 'conflicting-proposals',
        proposer,
        height: 3,
        round: 1,
        first,
        second,
      }
      return submit(on, 1, evidence)
    }
    show(half('one'), half('one'))
    show(half('one'), { ...half('other'), signature: half('one').signature })
    show(half('one'), half('other', -1, 2))
    assert.equal(on.member(0).state, 'active')
    assert.ok(on.member(1).weight < 0.75)
    assert.equal(show(half('one'), half('other')), 'ok')
    assert.equal(on.member(0).state, 'removed')
  })

  it('two copies of one beacon, or two sequences, prove nothing', () => {
    const on = ledger()
    const first = signBeacon(on, 0, beaconOf(on, 7, 1))
    submit(on, 1, { type: 'conflicting-beacons', first, second: first })
    submit(on, 1, { type: 'conflicting-beacons', first, second: signBeacon(on, 0, beaconOf(on, 8, 1)) })
    assert.equal(on.member(0).state, 'active')
    assert.equal(on.member(1).weight, 0.8)
  })

  it('that proves nothing is refused after eight in a day, and costs again the day after', () => {
    const on = ledger()
    const first = signBeacon(on, 0, beaconOf(on, 7, 1))
    const forge = (sequence: number): string => {
      const second = signBeacon(on, 0, beaconOf(on, sequence, 1))
      return submit(on, 1, { type: 'conflicting-beacons', first, second })
    }
    const results = Array.from({ length: 10 }, (_, index) => forge(8 + index))
    assert.deepEqual(results, [...new Array(8).fill('ok'), 'malformed', 'malformed'])
    const { weight } = on.member(1)
    on.block([], on.state.chain.timeMs + 24 * 3_600_000)
    assert.equal(forge(18), 'ok')
    assert.equal(on.member(1).weight, Math.max(0.05, weight - 0.1))
    // the first of them once more: it has been paid for, and is not forgotten in a day
    assert.equal(forge(8), 'malformed')
  })

  it('against a key that is nobody’s here is refused: anyone can make such', () => {
    const on = ledger()
    const outsider = keyNamed('outsider')
    const [first, second] = [1, 2].map(height =>
      signValue(outsider, 'beacon', on.state.networkId, beaconOf(on, 7, height)),
    )
    const evidence: Evidence = { type: 'conflicting-beacons', first: first!, second: second! }
    assert.equal(submit(on, 1, evidence), 'conflict')
    assert.equal(on.member(1).weight, 1)
  })

  it('whoever is no member pays nothing, and is refused', () => {
    const on = ledger()
    const first = signBeacon(on, 0, beaconOf(on, 7, 1))
    const evidence: Evidence = { type: 'conflicting-beacons', first, second: first }
    const [result] = on.block([signed(on.genesis, { type: 'report-evidence', evidence })])
    assert.equal(result!.ok, false)
  })

  it('is found by whoever hears both, and a repeated copy is none', () => {
    const on = ledger()
    const nowMs = on.genesis.createdMs
    const state = createBeacons(on.state.networkId, 5000)
    const sequence = nowMs * SEQUENCES_PER_MS + 7
    const [member] = on.genesis.members
    const hear = (beacon: Beacon): string =>
      hearBeacon(state, beaconCodec.encode(signBeacon(on, 0, beacon)), () => member, nowMs)
    assert.equal(hear(beaconOf(on, sequence, 1)), 'accept')
    assert.equal(hear(beaconOf(on, sequence, 1)), 'ignore')
    assert.equal(state.conflicts.size, 0)
    assert.equal(hear(beaconOf(on, sequence, 2)), 'ignore')
    assert.equal(submit(on, 1, [...state.conflicts.values()][0]!), 'ok')
    assert.equal(on.member(0).state, 'removed')
  })

  it('an honest node that restarts with its clock set back repeats no sequence', () => {
    const on = ledger()
    const identity = on.keys[0]!
    const { sequence, ...body } = beaconOf(on, 7, 1)
    const sequences = new Set<number>()
    for (let start = 0; start < 3; start++) {
      const state = createBeacons(on.state.networkId, 5000)
      const rng = new SeededRng(`start ${start}`)
      for (let beat = 0; beat < 3; beat++) {
        makeBeacon(state, identity, body, on.genesis.createdMs + beat * 5000, rng)
        sequences.add(state.heard.get(peerIdOf(identity.publicKey))!.beacon.sequence)
      }
    }
    assert.equal(sequences.size, 9)
  })
})
