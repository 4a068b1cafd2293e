import assert from 'node:assert/strict'
import { type MemberRecord, memberPath, proveSealingKey } from '../../src/control/index.ts'
import { cryptoReady, generateSealingKey } from '../../src/crypto/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** Announces sealing keys of the first node one after the other; returns how many the ledger took for good. */
function announce(network: CeremonyNetwork, times: number): number {
  const { peerId, world } = network.nodes[0]!
  const before = network.results.length
  for (let revision = 0; revision < times; revision++) {
    const pair = generateSealingKey(network.rng)
    const owner = { networkId: network.ledger.networkId, peerId, revision: revision + 1 }
    network.submit(world.identity, {
      ...{ type: 'announce-sealing-key', sealingKey: pair.publicKey.bytes, revision },
      possession: proveSealingKey(owner, pair, network.rng),
    })
  }
  network.run(network.nowMs + 1_000)
  return network.results.slice(before, before + times).filter(({ ok }) => ok).length
}

describe('sealing keys that one node announces', () => {
  it('are bounded: each stays in the ledger for good', () => {
    assert.ok(announce(new CeremonyNetwork(4, 'many'), 40) <= 20)
  })

  it('are not taken from who was removed', () => {
    const network = new CeremonyNetwork(4, 'removed')
    const path = memberPath(network.nodes[0]!.peerId)
    const member = network.ledger.records.get<MemberRecord>(path)!
    const records = network.ledger.records.set(path, { ...member, state: 'removed' })
    network.ledger = { ...network.ledger, records }
    assert.equal(announce(network, 1), 0)
  })
})
