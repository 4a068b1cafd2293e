import assert from 'node:assert/strict'
import { peerIdOf } from '../../src/base/index.ts'
import { cryptoReady, signValue } from '../../src/crypto/index.ts'
import { type DealRecord, keyPaths } from '../../src/keys/index.ts'
import type { ClosedCeremony, Complain, Deal, Evidence } from '../../src/wire/index.ts'
import { attacked, garbage, refresh } from './forged-dealings.ts'

await cryptoReady

/** A refresh in which the last holder seals garbage and no block ever holds a complaint, as a leader may arrange. */
function censored(seed: string) {
  const attack = attacked(seed, () => (deal, shares) => ({ deal, shares: garbage(attack.network, shares) }))
  const { network } = attack
  const { tamper } = network
  const evidence: Evidence[] = []
  const deals: Deal[] = []
  network.tamper = (effect, node) => {
    if (effect.type === 'submit') {
      const { transaction } = effect
      if (transaction.type === 'report-evidence') evidence.push(transaction.evidence)
    }
    return tamper(effect, node).filter(each => {
      if (each.type !== 'submit') return true
      if (each.transaction.type === 'deal') deals.push(each.transaction)
      return each.transaction.type !== 'complain'
    })
  }
  refresh(network)
  return { ...attack, evidence, deals }
}

const lateIn = (evidence: readonly Evidence[]) =>
  evidence.filter(each => each.type === 'late-complaint') as Extract<Evidence, { type: 'late-complaint' }>[]

describe('a complaint that a leader leaves out until the ceremony is over', () => {
  it('convicts the dealer all the same: the complainer brings what the digest hashes', () => {
    const { network, cheat, complaints, evidence } = censored('censored')
    assert.ok(complaints.length > 0)
    assert.ok(lateIn(evidence).length > 0)
    assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_dealing`])
  })

  it('leaves a 32-byte digest, which goes after two refresh periods', () => {
    const { network, evidence } = censored('digest')
    const { closed } = lateIn(evidence)[0]!
    const path = keyPaths.closed(closed.ceremony)
    const record = network.ledger.records.get<{ digest: Uint8Array; untilMs: number }>(path)!
    assert.equal(record.digest.length, 32)
    const day = 24 * 3_600_000
    assert.ok(record.untilMs <= network.nowMs + 2 * day)
    network.run(record.untilMs + 60_000)
    assert.equal(network.ledger.records.get(path), undefined)
  })

  it('proves nothing with another preimage, a second time, or with a path to another record', () => {
    const { network, cheat, evidence } = censored('lies')
    const { closed, complaint } = lateIn(evidence)[0]!
    const honest = network.nodes.find(({ peerId }) => peerId === peerIdOf(complaint.signer))!
    const say = (of: ClosedCeremony, value: Complain, by = honest) => {
      const { networkId } = network.ledger
      const signed = signValue(by.world.identity, 'transaction', networkId, value)
      const before = network.results.length
      network.submit(network.principal, {
        type: 'report-evidence',
        evidence: { type: 'late-complaint', closed: of, complaint: signed },
      })
      network.run(network.nowMs + 1_000)
      const result = network.results[before]!
      return result.ok ? 'ok' : result.code
    }
    const [first, ...rest] = closed.deals as [
      DealRecord & { place: number },
      ...(DealRecord & { place: number })[],
    ]
    const changed = { ...closed, deals: [{ ...first, fromSlot: first.fromSlot + 1 }, ...rest] }
    assert.equal(say(changed, complaint.value), 'malformed')
    assert.equal(say(closed, complaint.value), 'conflict', 'already convicted')
    const good = closed.deals.find(
      ({ dealer }) => peerIdOf(dealer) !== cheat.peerId && peerIdOf(dealer) !== honest.peerId,
    )!
    // a path that does not lead to the dealing's record: nothing about it can be judged
    assert.equal(say(closed, { ...complaint.value, dealing: good.place }), 'malformed')
    assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_dealing`])
  })

  it('a dealing that contradicts the one that was taken convicts its dealer, though only one is at hand', () => {
    const { network, cheat, evidence, deals, honest } = censored('contradiction')
    const { closed } = lateIn(evidence)[0]!
    const deal = honest.find(({ ceremony }) => ceremony.toString() === closed.ceremony.toString())!
    const taken = closed.deals.find(
      each =>
        each.recordHash !== undefined &&
        peerIdOf(each.dealer) !== cheat.peerId &&
        each.fromSlot === deal.fromSlot,
    )!
    const dealer = network.nodes.find(({ peerId }) => peerId === peerIdOf(taken.dealer))!
    assert.ok(deals.length > 0)
    const { networkId } = network.ledger
    const accuse = (value: Deal) => {
      const signed = signValue(dealer.world.identity, 'transaction', networkId, value)
      network.submit(network.principal, {
        type: 'report-evidence',
        evidence: { type: 'late-deal', closed, deal: signed },
      })
      network.run(network.nowMs + 1_000)
    }
    accuse(deal)
    assert.ok(!network.convictions().includes(`${dealer.peerId} equivocation`), 'the one that was taken')
    accuse({ ...deal, root: network.rng.bytes(32) })
    assert.ok(network.convictions().includes(`${dealer.peerId} equivocation`))
  })
})
