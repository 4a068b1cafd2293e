import assert from 'node:assert/strict'
import { SeededRng, utf8 } from '../../src/base/index.ts'
import { naturalLog, rank, type Validator } from '../../src/control/rotation.ts'
import { hashToGroup } from '../../src/crypto/hash-to-group.ts'
import { combineDraws, ristretto255, sha256 } from '../../src/crypto/index.ts'
import { createKey, signed } from './fixture.ts'
import { Network } from './network.ts'

/** Combining looks at none: proofs are checked before. */
const NO_PROOF = { challenge: new Uint8Array(32), response: new Uint8Array(32) }

function validators(weights: readonly number[]): Validator[] {
  return weights.map((weight, index) => ({ peerId: `peer-${index}`, publicKey: new Uint8Array(32), weight }))
}

describe('rotation', () => {
  it('the logarithm is right to the last bits, by exact operations alone', () => {
    for (const x of [1, 0.999999, 0.75, 0.7, 0.5, 0.1, 1e-3, 1e-9, 2 ** -53]) {
      assert.ok(
        Math.abs(naturalLog(x) - Math.log(x)) <= 4e-16 * Math.max(1, Math.abs(Math.log(x))),
        `ln ${x}`,
      )
    }
    assert.equal(naturalLog(1), 0)
  })

  it('everyone computes the same order, whatever order the validators are listed in', () => {
    const all = validators([1, 2, 3, 4, 5])
    const seed = sha256(utf8('seed'))
    assert.deepEqual(rank(all.toReversed(), seed), rank(all, seed))
  })

  it('a node leads as often as its share of the weight', () => {
    const weights = [1, 1, 2, 4]
    const firsts = [0, 0, 0, 0]
    const epochs = 4000
    for (let epoch = 0; epoch < epochs; epoch++) {
      const first = rank(validators(weights), sha256(utf8(`epoch ${epoch}`)))[0]!
      firsts[Number(first.peerId.slice(5))]!++
    }
    for (const [index, weight] of weights.entries()) {
      const expected = (epochs * weight) / 8
      // four standard deviations of a binomial count
      assert.ok(
        Math.abs(firsts[index]! - expected) < 4 * Math.sqrt(expected * (1 - weight / 8)),
        firsts.join(),
      )
    }
  })

  it('over 10,000 epochs of the network’s own randomness, each node leads within three standard deviations of its trust', () => {
    const secret = ristretto255.randomScalar(new SeededRng('rotation'))
    const domain = utf8('HashToGroup-ostraka/v1/randomness')
    const weights = [1, 1, 0.9, 0.7, 0.5, 0.3, 0.05]
    const total = weights.reduce((sum, weight) => sum + weight)
    const all = validators(weights)
    const firsts = weights.map(() => 0)
    const epochs = 10_000
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const number = new Uint8Array(8)
      new DataView(number.buffer).setUint32(4, epoch)
      const element = ristretto255.multiply(hashToGroup(ristretto255, number, domain), secret)
      const seed = combineDraws(epoch, [{ slot: 1, element, proof: NO_PROOF }])
      firsts[Number(rank(all, seed)[0]!.peerId.slice(5))]!++
    }
    for (const [index, weight] of weights.entries()) {
      const share = weight / total
      const deviation = Math.sqrt(epochs * share * (1 - share))
      assert.ok(Math.abs(firsts[index]! - epochs * share) < 3 * deviation, `${index}: ${firsts.join()}`)
    }
  }).timeout(120_000)

  it('each epoch has its own order', () => {
    const network = new Network({ nodes: 5, seed: 'epochs', timing: { epochMs: 1000 } })
    network.startAll()
    const leaders = new Set<string>()
    for (let epoch = 0; epoch < 20; epoch++) {
      network.run(1000)
      leaders.add(network.view(network.nodes[0]!).coordinator.peerId)
    }
    assert.ok(leaders.size >= 3, `${leaders.size} leaders in 20 epochs`)
  })

  it('a dead coordinator costs one timeout, and its successor leads for the rest of the epoch', () => {
    const network = new Network({ nodes: 4, seed: 'dead', timing: { epochMs: 60_000 } })
    network.startAll()
    network.run(50)
    const { ranking } = network.state(network.nodes[0]!)
    const [dead, successor] = [network.nodeOf(ranking[0]!.peerId), network.nodeOf(ranking[1]!.peerId)]
    network.stop(dead)
    const timesMs: number[] = []
    for (let number = 0; number < 6; number++) {
      const startMs = network.nowMs
      network.submit(successor, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
      network.runUntil(() => successor.outcomes.has(`t${number}`), 5000, 'inclusion')
      timesMs.push(network.nowMs - startMs)
    }
    assert.ok(timesMs[0]! >= 400 && timesMs[0]! < 1200, `the first waits for the dead: ${timesMs}`)
    for (const timeMs of timesMs.slice(1)) assert.ok(timeMs < 150, `the next do not: ${timesMs}`)
    assert.equal(network.view(successor).coordinator.peerId, successor.peerId)
    network.start(dead)
    network.runUntil(() => network.view(dead).height >= 6, 5000, 'it catches up')
    assert.equal(network.view(dead).coordinator.peerId, successor.peerId)
  })
})
