import assert from 'node:assert/strict'
import { concat, equalBytes, type PeerId, peerIdOf, Secret, utf8 } from '../../src/base/index.ts'
import {
  cryptoReady,
  groupByName,
  provePossession,
  ristretto255,
  sealingContext,
} from '../../src/crypto/index.ts'
import { type CeremonyRecord, dealingContext, keyPaths, makeDealing } from '../../src/keys/index.ts'
import type { Complain, Deal, Effect, Encapsulation } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'
import { attacked, garbage, refresh } from './forged-dealings.ts'

await cryptoReady

/** What anyone learns from complaints: the points that they open, each the secret of what was sealed under its encapsulation. */
const opened = (complaints: readonly Complain[]): Complain[] =>
  complaints.filter(each => each.opening !== undefined)

function proofFor(
  network: CeremonyNetwork,
  deal: Deal,
  dealer: Uint8Array,
  ephemeral: Secret,
): Encapsulation {
  const ceremony = network.ledger.records.get<CeremonyRecord>(keyPaths.ceremony(deal.ceremony))!
  const context = dealingContext(network.ledger.networkId, ceremony, { dealer, fromSlot: deal.fromSlot })
  const bound = concat(utf8('ostraka/1/encapsulation\0'), sealingContext(context))
  const enc = ristretto255.multiplyBase(ephemeral.expose())
  return { enc: enc.bytes, proof: provePossession(ristretto255, ephemeral, enc, bound, network.rng) }
}

describe('a dealer that copies an honest dealer’s encapsulation', () => {
  it('makes no holder open what the honest dealer sealed, and is convicted', () => {
    const { network, cheat, honest, complaints } = attacked('copied', deals => (deal, shares) => ({
      deal: { ...deal, encapsulation: deals[0]!.encapsulation },
      shares: garbage(network, shares),
    }))
    refresh(network)
    assert.ok(honest.length >= 4)
    assert.deepEqual(opened(complaints), [])
    assert.ok(network.convictions().includes(`${cheat.peerId} bad_dealing`))
    assert.equal(network.convictions().length, 1)
    assert.ok(network.version('k')!.generation >= 1)
  })

  it('is refused with its own proof under the copy, and with a point that it made from the copy', () => {
    for (const change of ['proof', 'sum'] as const) {
      const { network, cheat, complaints } = attacked(`made from ${change}`, deals => (deal, shares) => {
        const { enc } = deals[0]!.encapsulation
        const { proof } = deal.encapsulation
        const own = ristretto255.decode(deal.encapsulation.enc)
        const sum = ristretto255.add(ristretto255.decode(enc), own).bytes
        const encapsulation = { enc: change === 'proof' ? enc : sum, proof }
        return { deal: { ...deal, encapsulation }, shares: garbage(network, shares) }
      })
      refresh(network)
      assert.deepEqual(opened(complaints), [])
      assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_dealing`])
    }
  })

  it('gains nothing by sealing garbage under its own: what is opened is its own alone', () => {
    const { network, cheat, honest, complaints } = attacked('own', () => (deal, shares) => ({
      deal,
      shares: garbage(network, shares),
    }))
    refresh(network)
    assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_dealing`])
    const points = opened(complaints).map(({ opening }) => opening!.sharedPoint)
    assert.ok(points.length > 0)
    // no opened point is the KEM secret of any honest dealer's share
    for (const { encapsulation } of honest) {
      const enc = ristretto255.decode(encapsulation.enc)
      for (const { world } of network.nodes) {
        const secret = ristretto255.multiply(enc, world.sealingKeys.secretKey.expose())
        assert.ok(points.every(point => !equalBytes(point, secret.bytes)))
      }
    }
  })

  it('is refused when another dealer lends it the ephemeral key: one encapsulation, one dealing', () => {
    const { network, cheat } = attacked('lent', () => deal => ({ deal, shares: [] }))
    const lent = new Secret(ristretto255.randomScalar(network.rng))
    const friend = network.nodes[0]!
    network.tamper = (effect, node): Effect[] => {
      if (effect.type !== 'submit' || effect.transaction.type !== 'deal') return [effect]
      if (node !== cheat && node !== friend) return [effect]
      const encapsulation = proofFor(network, effect.transaction, node.world.identity.publicKey, lent)
      return [{ type: 'submit', transaction: { ...effect.transaction, encapsulation } }]
    }
    const before = network.results.length
    refresh(network)
    const refused = network.results.slice(before).flatMap(result => (result.ok ? [] : [result.code]))
    assert.ok(refused.includes('conflict'), refused.join())
    const liars = [cheat, friend].map(({ peerId }) => `${peerId} bad_dealing`)
    assert.ok(network.convictions().every(each => liars.includes(each)))
  })

  it('with a ciphertext that is not well-formed is convicted by that alone: nothing is opened', () => {
    const { network, cheat, complaints } = attacked('malformed', () => (deal, shares) => ({
      deal,
      shares: shares.map(share => ({ ...share, sealed: share.sealed.subarray(0, 47) })),
    }))
    refresh(network)
    assert.ok(complaints.length > 0)
    assert.deepEqual(opened(complaints), [])
    assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_dealing`])
  })

  it('or its Merkle root, has no record that anyone takes: nobody acknowledges it', () => {
    let copied: readonly Deal[] = []
    const { network, cheat, complaints } = attacked('root', deals => (deal, shares) => {
      copied = deals
      return { deal, shares }
    })
    const tamper = network.tamper
    const words = new Set<PeerId>()
    network.tamper = (effect, node) => {
      const all = tamper(effect, node)
      if (effect.type === 'submit' && effect.transaction.type === 'acknowledge') words.add(node.peerId)
      if (node !== cheat) return all
      return all.map(each => {
        const isDeal = each.type === 'submit' && each.transaction.type === 'deal'
        return isDeal
          ? { ...each, transaction: { ...each.transaction, root: copied[0]!.root } as Deal }
          : each
      })
    }
    refresh(network)
    assert.ok(words.size > 0)
    assert.deepEqual(opened(complaints), [])
    assert.ok(network.version('k')!.generation >= 1)
    const dealers = network.version('k')!.dealings.map(({ dealer }) => peerIdOf(dealer))
    assert.ok(!dealers.includes(cheat.peerId))
  })
})

describe('an importing client that copies a dealer’s encapsulation', () => {
  it('is refused, and no holder says anything about it', () => {
    const network = new CeremonyNetwork(5, 'importer')
    network.create('k')
    network.run()
    const deals: Deal[] = []
    const complaints: Complain[] = []
    network.tamper = effect => {
      if (effect.type === 'submit' && effect.transaction.type === 'deal') deals.push(effect.transaction)
      if (effect.type === 'submit' && effect.transaction.type === 'complain')
        complaints.push(effect.transaction)
      return [effect]
    }
    refresh(network)
    network.create('mine', { origin: 'import' })
    network.run(network.nowMs)
    const id = network.key('mine').ceremony
    const ceremony = network.ledger.records.get<CeremonyRecord>(keyPaths.ceremony(id))!
    const { networkId } = network.ledger
    const secret = new Secret(groupByName('ristretto255').randomScalar(network.rng))
    const plan = { ...ceremony, networkId, group: 'ristretto255', recipients: ceremony.slots } as const
    const made = makeDealing(plan, network.principal, secret, network.rng)
    for (const { encapsulation } of deals) {
      const before = network.results.length
      network.submit(network.principal, { ...made.deal, encapsulation })
      network.run(network.nowMs + 1_000)
      assert.equal(network.results.length, before + 1)
      assert.equal(network.version('mine'), undefined)
    }
    assert.deepEqual(complaints, [])
    assert.deepEqual(network.convictions(), [])
  })
})
