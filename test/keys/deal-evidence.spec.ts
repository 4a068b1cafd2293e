import assert from 'node:assert/strict'
import { peerIdOf } from '../../src/base/index.ts'
import { memberPath } from '../../src/control/index.ts'
import { cryptoReady, type SigningKey, signValue } from '../../src/crypto/index.ts'
import type { Deal, Signed } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** Four nodes share a key of six slots, so that some hold two; and what all of them dealt when it was refreshed. */
function refreshed(seed: string): {
  readonly network: CeremonyNetwork
  readonly deals: Map<SigningKey, Deal[]>
} {
  const network = new CeremonyNetwork(4, seed)
  network.create('k', { threshold: 4, shares: 6 })
  network.run(network.nowMs + 20_000)
  const deals = new Map<SigningKey, Deal[]>()
  network.tamper = (effect, { world: { identity } }) => {
    if (effect.type === 'submit' && effect.transaction.type === 'deal')
      deals.set(identity, [...(deals.get(identity) ?? []), effect.transaction])
    return [effect]
  }
  const { version, generation } = network.version('k')!
  const nonce = network.rng.bytes(16)
  const change = { type: 'change-key', name: 'k', change: 'refresh', nonce, version, generation } as const
  network.submit(network.principal, change)
  network.run(network.nowMs + 20_000)
  assert.equal(network.version('k')!.generation, generation + 1)
  return { network, deals }
}

function signedDeal(network: CeremonyNetwork, dealer: SigningKey, deal: Deal): Signed<Deal> {
  return signValue(dealer, 'transaction', network.ledger.networkId, deal)
}

/** Hands in two dealings as evidence, and says what became of their dealer and of the accuser. */
function accuse(network: CeremonyNetwork, dealer: SigningKey, first: Deal, second: Deal) {
  const accuser = network.nodes.find(({ world }) => world.identity !== dealer)!
  const evidence = {
    type: 'conflicting-deals',
    first: signedDeal(network, dealer, first),
    second: signedDeal(network, dealer, second),
  } as const
  network.submit(accuser.world.identity, { type: 'report-evidence', evidence })
  network.run(network.nowMs + 1_000)
  const { weight } = network.ledger.records.get<{ weight: number }>(memberPath(accuser.peerId))!
  return { convictions: network.convictions(), weight }
}

describe('evidence of two dealings', () => {
  it('is none when a holder of two slots has dealt for each, and costs its sender', () => {
    const { network, deals } = refreshed('two slots')
    const [dealer, [first, second]] = [...deals].find(([, dealt]) => dealt.length > 1)!
    assert.deepEqual(first!.ceremony, second!.ceremony)
    assert.notEqual(first!.fromSlot, second!.fromSlot)
    assert.deepEqual(accuse(network, dealer, first!, second!), { convictions: [], weight: 0.9 })
  })

  it('is none when they are one', () => {
    const { network, deals } = refreshed('one')
    const [[dealer, [deal]]] = [...deals] as [[SigningKey, Deal[]]]
    assert.deepEqual(accuse(network, dealer, deal!, deal!), { convictions: [], weight: 0.9 })
  })

  it('convicts who has dealt twice for one slot in one ceremony, even when that is over', () => {
    const { network, deals } = refreshed('twice')
    const [[dealer, [deal]]] = [...deals] as [[SigningKey, Deal[]]]
    const other: Deal = { ...deal!, root: network.rng.bytes(32) }
    const convictions = [`${peerIdOf(dealer.publicKey)} equivocation`]
    assert.deepEqual(accuse(network, dealer, deal!, other), { convictions, weight: 1 })
  })
})
