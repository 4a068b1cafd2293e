import assert from 'node:assert/strict'
import { randomBelow, SeededRng, toHex } from '../../src/base/index.ts'
import { rank, type Validator } from '../../src/control/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { canonicalBytes, transactionCodec } from '../../src/wire/index.ts'
import { observed, TrustLedger } from './ledger.ts'

const DEAD = { beaconsSeen: 0, answers: 0, late: 6 }

describe('the trust vector', () => {
  it('f liars of seven move no honest score at all while the honest agree', () => {
    const liars = [5, 6]
    const ledger = new TrustLedger(7)
    for (let epoch = 0; epoch < 10; epoch++) {
      ledger.epoch(reporter => (liars.includes(reporter) ? { ...DEAD, wrong: 1000 } : undefined))
    }
    for (const honest of [0, 1, 2, 3, 4]) {
      assert.equal(ledger.score(honest).score, 1000)
      assert.equal(ledger.member(honest).state, 'active')
    }
  })

  it('one liar of seven leaves every score between what the honest reports say', () => {
    const rng = new SeededRng('median')
    for (let run = 0; run < 200; run++) {
      const ledger = new TrustLedger(7)
      const seen = Array.from({ length: 7 }, () => Array.from({ length: 7 }, () => 3 + randomBelow(rng, 4)))
      const lie = randomBelow(rng, 7)
      ledger.epoch((reporter, subject) => ({ beaconsSeen: reporter === 6 ? lie : seen[reporter]![subject]! }))
      for (const subject of [0, 1, 2, 3, 4, 5]) {
        const honest = [0, 1, 2, 3, 4, 5]
          .filter(other => other !== subject)
          .map(other => seen[other]![subject]!)
        const { opinion } = ledger.score(subject)
        assert.ok(
          opinion >= Math.floor((1000 * Math.min(...honest)) / 6),
          `${opinion} of ${honest}, lie ${lie}`,
        )
        assert.ok(
          opinion <= Math.floor((1000 * Math.max(...honest)) / 6),
          `${opinion} of ${honest}, lie ${lie}`,
        )
      }
    }
  })

  it('f liars cannot hold up one whom the honest find dead', () => {
    const ledger = new TrustLedger(7)
    for (let epoch = 0; epoch < 6; epoch++) {
      ledger.epoch((reporter, subject) => (subject === 0 && reporter !== 5 ? DEAD : undefined), [0])
    }
    assert.equal(ledger.member(0).state, 'suspended')
  })

  it('a silent node is suspended after a few epochs, and comes back after as many good ones', () => {
    const ledger = new TrustLedger(5)
    const states: string[] = []
    for (let epoch = 0; epoch < 12; epoch++) {
      ledger.epoch((_, subject) => (subject === 4 && epoch < 6 ? DEAD : undefined), epoch < 6 ? [4] : [])
      states.push(ledger.member(4).state)
    }
    assert.deepEqual(states.slice(0, 5), ['active', 'active', 'active', 'suspended', 'suspended'])
    assert.deepEqual(states.slice(8), ['suspended', 'active', 'active', 'active'])
    assert.ok(ledger.state.validators.some(({ peerId }) => peerId === ledger.peers[4]))
    assert.ok(ledger.score(4).score > 900)
  })

  it('a suspended node votes no more, and the rest go on without it', () => {
    const ledger = new TrustLedger(5)
    for (let epoch = 0; epoch < 5; epoch++)
      ledger.epoch((_, subject) => (subject === 4 ? DEAD : undefined), [4])
    assert.deepEqual(
      ledger.state.validators.map(({ peerId }) => peerId).sort(),
      ledger.peers.slice(0, 4).sort(),
    )
  })

  it('never suspends below four, nor below a majority', () => {
    for (const nodes of [4, 5, 7, 10]) {
      const ledger = new TrustLedger(nodes)
      const bad = (node: number): boolean => node >= Math.ceil(nodes / 2)
      for (let epoch = 0; epoch < 30; epoch++) ledger.epoch((_, subject) => (bad(subject) ? DEAD : undefined))
      const active = ledger.peers.filter((_, node) => ledger.member(node).state === 'active').length
      assert.equal(active, Math.max(4, Math.floor(nodes / 2) + 1))
    }
  })

  it('takes one report a node and epoch, in order, from active members, of recent epochs', () => {
    const ledger = new TrustLedger(4)
    const [a, b] = [ledger.peers[1]!, ledger.peers[2]!].sort()
    const codes = (...transactions: Parameters<TrustLedger['block']>[0][number][]): string[] =>
      ledger.block(transactions).map(result => (result.ok ? 'ok' : result.code))
    assert.deepEqual(codes(ledger.report(0, []), ledger.report(0, [observed(a!)])), ['ok', 'conflict'])
    assert.deepEqual(codes(ledger.report(1, [], 5)), ['conflict'])
    assert.deepEqual(codes(ledger.report(1, [observed(b!), observed(b!)])), ['malformed'])
    assert.deepEqual(codes(ledger.report(1, [observed(ledger.peers[1]!)])), ['malformed'])
    const stranger = new TrustLedger(9).report(8, [])
    assert.deepEqual(codes(stranger), ['forbidden'])
  })

  it('waits for n-f reports, and settles once an epoch', () => {
    const ledger = new TrustLedger(4)
    ledger.epoch((_, subject) => (subject === 3 ? DEAD : undefined), [2, 3])
    assert.equal(ledger.member(3).weight, 1)
    ledger.block([ledger.report(2, [observed(ledger.peers[3]!, DEAD)], 0)])
    assert.equal(ledger.member(3).weight, 0.5)
    ledger.block([])
    assert.equal(ledger.member(3).weight, 0.5)
  })

  it('is the same on every node, to the last bit', () => {
    const run = (): string => {
      const rng = new SeededRng('determinism')
      const ledger = new TrustLedger(7)
      for (let epoch = 0; epoch < 30; epoch++)
        ledger.epoch(() => ({ beaconsSeen: randomBelow(rng, 7), late: randomBelow(rng, 9) }))
      return toHex(ledger.state.records.root())
    }
    assert.equal(run(), run())
  })

  it('costs a quiet network of 16 one small transaction a node and epoch, and one block takes them', () => {
    const ledger = new TrustLedger(16)
    const sizes = ledger.peers.map(
      (_, node) => transactionCodec.encode(ledger.report(node, [], 100_000)).length,
    )
    assert.ok(Math.max(...sizes) <= 220, `${sizes}`)
    // with one node dead, everyone says so
    const dead = transactionCodec.encode(ledger.report(0, [observed(ledger.peers[1]!, DEAD)]))
    assert.ok(dead.length <= 400, `${dead.length}`)
    ledger.epoch(() => undefined)
    assert.equal(ledger.state.chain.height, 1)
    assert.ok(canonicalBytes(ledger.reader.get('trust')).length < 2048)
  })
})

describe('rotation by trust', () => {
  it('over 10,000 epochs each share of leadership is within 3 standard deviations of the trust weight', () => {
    const ledger = new TrustLedger(7)
    for (let epoch = 0; epoch < 4; epoch++) {
      ledger.epoch((_, subject) => ({ beaconsSeen: 6 - Math.floor(subject / 2) }))
    }
    const { validators } = ledger.state
    const total = validators.reduce((sum, { weight }) => sum + weight, 0)
    const epochs = 10_000
    const led = new Map<string, number>()
    for (let epoch = 0; epoch < epochs; epoch++) {
      const [leader] = rank(validators, sha256(canonicalBytes({ epoch }))) as [Validator]
      led.set(leader.peerId, (led.get(leader.peerId) ?? 0) + 1)
    }
    assert.ok(new Set(validators.map(({ weight }) => weight)).size >= 4)
    for (const { peerId, weight } of validators) {
      const share = weight / total
      const deviation = Math.sqrt(epochs * share * (1 - share))
      assert.ok(Math.abs(led.get(peerId)! - epochs * share) <= 3 * deviation, `${peerId}: ${led.get(peerId)}`)
    }
  })
})
