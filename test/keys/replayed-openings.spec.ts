import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import type { Transaction } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const CHANGES = ['refresh', 'reshare', 'rotate'] as const

/**
 * Opens a ceremony in which everybody deals and nobody acknowledges, so that the log aborts it; restarts a dealer, which then
 * knows no more what it dealt; and brings the very same transaction again. Returns the ceremonies in which it dealt.
 */
function openTwice(network: CeremonyNetwork, opening: Transaction): Set<string> {
  const dealer = network.nodes[0]!
  const ceremonies = new Set<string>()
  let acknowledges = false
  network.tamper = (effect, { peerId }) => {
    if (effect.type !== 'submit') return [effect]
    const { transaction } = effect
    if (transaction.type === 'deal' && peerId === dealer.peerId) ceremonies.add(toHex(transaction.ceremony))
    return transaction.type === 'acknowledge' && !acknowledges ? [] : [effect]
  }
  const open = () => {
    network.submit(network.principal, opening)
    network.run(network.nowMs + 20_000)
  }
  open()
  assert.equal(ceremonies.size, 1)
  acknowledges = true
  network.restart(dealer)
  open()
  return ceremonies
}

describe('a transaction whose ceremony was aborted, brought again by anybody', () => {
  it('opens another ceremony, so that no honest dealer deals twice in one: a creation', () => {
    const network = new CeremonyNetwork(5, 'replayed creation')
    network.create('first')
    network.run(network.nowMs + 20_000)
    const nonce = network.rng.bytes(16)
    const ceremonies = openTwice(network, {
      ...{ type: 'create-key', nonce, name: 'k', kind: 'ristretto255', threshold: 3, shares: 5 },
      ...{ rules: [], isExportable: false, entropy: 0, origin: 'generate' },
    })
    assert.deepEqual(network.convictions(), [])
    assert.equal(ceremonies.size, 2)
    assert.equal(network.key('k').activeVersion, 1)
  })

  for (const change of CHANGES) {
    it(`opens another ceremony, so that no honest dealer deals twice in one: a ${change}`, () => {
      const network = new CeremonyNetwork(5, `replayed ${change}`)
      network.create('k')
      network.run(network.nowMs + 20_000)
      const { version, generation } = network.version('k')!
      const nonce = network.rng.bytes(16)
      const opening = { type: 'change-key', nonce, name: 'k', change, version, generation } as const
      const ceremonies = openTwice(network, opening)
      assert.deepEqual(network.convictions(), [])
      assert.equal(ceremonies.size, 2)
    })
  }
})
