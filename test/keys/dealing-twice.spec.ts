import assert from 'node:assert/strict'
import { peerIdOf } from '../../src/base/index.ts'
import { cryptoReady, type SigningKey, signValue } from '../../src/crypto/index.ts'
import type { Deal, Signed, SignedTransaction, Transaction } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** A network that has a key, and what its nodes have dealt for that and, if `isHandedOn`, in a refresh of it. */
function made(seed: string, slots: { threshold: number; shares: number }, isHandedOn = false) {
  const network = new CeremonyNetwork(5, seed)
  const deals: Signed<Deal>[] = []
  network.tamper = (effect, node) => {
    if (effect.type === 'submit' && effect.transaction.type === 'deal')
      deals.push(sign(network, node.world.identity, effect.transaction))
    return [effect]
  }
  network.create('k', slots)
  network.run(network.nowMs + 1_000)
  assert.equal(network.key('k').ceremony.length, 0)
  if (isHandedOn) refresh(network)
  return { network, deals }
}

function refresh(network: CeremonyNetwork): void {
  const { version, generation } = network.version('k')!
  const nonce = network.rng.bytes(16)
  const change = { type: 'change-key', nonce, name: 'k', change: 'refresh', version, generation } as const
  network.submit(network.principal, change)
  network.run(network.nowMs + 1_000)
  assert.equal(network.version('k')!.generation, generation + 1)
}

function sign<T extends Transaction>(network: CeremonyNetwork, key: SigningKey, transaction: T): Signed<T> {
  return signValue(key, 'transaction', network.ledger.networkId, transaction)
}

function keyOf(network: CeremonyNetwork, publicKey: Uint8Array): SigningKey {
  return network.node(peerIdOf(publicKey)).world.identity
}

/** The same dealer's other dealing. */
function twinOf(network: CeremonyNetwork, { value, signer }: Signed<Deal>): Signed<Deal> {
  return sign(network, keyOf(network, signer), { ...value, root: network.rng.bytes(32) })
}

function tell(network: CeremonyNetwork, node: number, ...transactions: SignedTransaction[]): void {
  network.step(network.nodes[node]!, { type: 'heard', transactions })
  network.run(network.nowMs + 1_000)
}

describe('a dealer who deals twice', () => {
  const slots = { threshold: 3, shares: 5 }

  it('is convicted although its ceremony was over when the second dealing came', () => {
    const { network, deals } = made('late', slots)
    const cheat = peerIdOf(deals[0]!.signer)
    tell(network, 4, twinOf(network, deals[0]!))
    assert.deepEqual(network.convictions(), [`${cheat} equivocation`])
  })

  it('is convicted although no block ever held either dealing', () => {
    const { network, deals } = made('neither', slots)
    const { value, signer } = deals[0]!
    const other = sign(network, keyOf(network, signer), { ...value, ceremony: network.rng.bytes(32) })
    tell(network, 4, other)
    assert.deepEqual(network.convictions(), [])
    tell(network, 4, twinOf(network, other))
    assert.deepEqual(network.convictions(), [`${peerIdOf(signer)} equivocation`])
  })

  it('is accused once by each who notices, and the network goes on', () => {
    const { network, deals } = made('once', slots)
    const before = network.results.length
    for (let times = 0; times < 3; times++) tell(network, 3, twinOf(network, deals[0]!))
    assert.equal(network.convictions().length, 1)
    const accusations = network.results.slice(before).filter(result => !result.ok)
    assert.deepEqual(accusations, [])
    refresh(network)
  })
})

describe('dealings that prove nothing', () => {
  it('are those of one dealer’s several slots: nobody accuses it', () => {
    const { network, deals } = made('slots', { threshold: 4, shares: 10 }, true)
    const handedOn = deals.filter(({ value }) => value.fromSlot > 0)
    assert.ok(handedOn.length > network.nodes.length, 'some have dealt for two slots')
    assert.deepEqual(network.convictions(), [])
    assert.ok(network.results.every(result => result.ok))
  })

  it('are those that are forged, repeated, or of another ceremony', () => {
    const { network, deals } = made('nothing', { threshold: 3, shares: 5 })
    const [one] = deals
    const forged = { ...twinOf(network, one!), signature: one!.signature }
    const elsewhere = sign(network, keyOf(network, one!.signer), {
      ...twinOf(network, one!).value,
      ceremony: network.rng.bytes(32),
    })
    const strangers = [one!, twinOf(network, one!)].map(({ value }) =>
      sign(network, network.principal, value),
    )
    const results = network.results.length
    tell(network, 3, forged, one!, elsewhere, ...strangers)
    assert.deepEqual(network.convictions(), [])
    assert.equal(network.results.length, results)
  })
})
