import assert from 'node:assert/strict'
import { peerIdOf } from '../../src/base/index.ts'
import {
  cryptoReady,
  ProvenEncapsulation,
  proveOpening,
  sealingContext,
  shareInfo,
  signValue,
} from '../../src/crypto/index.ts'
import { type DealRecord, dealingContext, keyPaths, sharePath, vaultPaths } from '../../src/keys/index.ts'
import {
  type ClosedCeremony,
  type Complain,
  type Deal,
  type Evidence,
  sealedDealingCodec,
} from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'
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

type Node = CeremonyNetwork['nodes'][number]

/** A refresh in which all dealt soundly, and its preimage. */
function sound(seed: string): { readonly network: CeremonyNetwork; readonly closed: ClosedCeremony } {
  const network = new CeremonyNetwork(5, seed)
  network.create('k')
  network.run()
  refresh(network)
  return { network, closed: [...network.nodes[0]!.state.closed.values()].at(-1)! }
}

/** What `node` says of the share that another has dealt it: with its very ciphertext, path and opening. */
function complaintOf(network: CeremonyNetwork, closed: ClosedCeremony, node: Node): Complain {
  const dealt = closed.deals.find(({ dealer }) => peerIdOf(dealer) !== node.peerId)!
  const index = closed.slots.findIndex(({ peerId }) => peerId === node.peerId)
  const { slot } = closed.slots[index]!
  const bytes = network.nodes
    .map(({ disk }) => disk.get(vaultPaths.record(dealt.recordHash)))
    .find(record => record !== undefined)!
  const { shares } = sealedDealingCodec.decode(bytes).value
  const context = dealingContext(network.ledger.networkId, { ...closed, id: closed.ceremony }, dealt)
  const proven = ProvenEncapsulation.verify(dealt.encapsulation, sealingContext(context))!
  return {
    ...{ type: 'complain', ceremony: closed.ceremony, dealing: dealt.place, slot },
    ...{ sealed: shares[index]!.sealed, path: sharePath(shares, index) },
    opening: proveOpening(node.world.sealingKeys, proven, shareInfo(context, slot), network.rng),
  }
}

describe('a complaint about a sound dealing, brought when the ceremony is over', () => {
  const lies: Readonly<Record<string, (complaint: Complain, network: CeremonyNetwork) => Complain>> = {
    'with its true opening': complaint => complaint,
    'with an opening that is not that of its sealing key': (complaint, network) => {
      const { proof, sharedPoint } = complaint.opening!
      return { ...complaint, opening: { sharedPoint, proof: { ...proof, response: network.rng.bytes(32) } } }
    },
    'without an opening': ({ opening: _, ...complaint }) => complaint,
  }
  for (const [name, lie] of Object.entries(lies)) {
    it(`${name} convicts the complainer, and not the dealer`, () => {
      const { network, closed } = sound(name)
      const liar = network.nodes.find(({ peerId }) => closed.slots.some(slot => slot.peerId === peerId))!
      const complaint = lie(complaintOf(network, closed, liar), network)
      const { networkId } = network.ledger
      const signed = signValue(liar.world.identity, 'transaction', networkId, complaint)
      network.submit(network.principal, {
        type: 'report-evidence',
        evidence: { type: 'late-complaint', closed, complaint: signed },
      })
      network.run(network.nowMs + 1_000)
      assert.deepEqual(network.convictions(), [`${liar.peerId} false_complaint`])
    })
  }
})
