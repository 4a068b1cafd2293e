import assert from 'node:assert/strict'
import { cryptoReady } from '../../src/crypto/index.ts'
import { type CeremonyRecord, keyPaths, type VersionRecord, vaultPaths } from '../../src/keys/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const REFRESH_MS = 200_000

/** A network whose key has been rotated; its first version is old enough to be refreshed at the returned block time. */
function rotated(seed: string) {
  const timing = { epochMs: 30_000, proposeMs: 100, voteMs: 100, roundDeltaMs: 100 }
  const stages = { dealMs: 4_000, acknowledgeMs: 4_000, refreshMs: REFRESH_MS }
  const network = new CeremonyNetwork(5, seed, { timing: { ...timing, ...stages } })
  network.create('k')
  network.run(network.nowMs + 1_000)
  const { keyId, version, generation, timeMs } = network.version('k')!
  const first = (): VersionRecord =>
    network.ledger.records.get<VersionRecord>(keyPaths.version(keyId, version))!
  const nonce = network.rng.bytes(16)
  const rotate = { type: 'change-key', nonce, name: 'k', change: 'rotate', version, generation } as const
  network.submit(network.principal, rotate)
  network.run(network.nowMs + 1_000)
  assert.equal(network.version('k')!.version, 2)
  return { network, first, dueMs: timeMs + REFRESH_MS }
}

describe('an archived version that reaches its retention date', () => {
  it('while its shares are being made anew is destroyed all the same: nobody keeps or gets any', () => {
    const { network, first, dueMs } = rotated('retention')
    const retainUntilMs = dueMs + 500
    network.submit(network.principal, {
      ...{ type: 'retire-version', name: 'k', version: 1, state: 'archived', retainUntilMs },
    })
    // one word is missing, so that the ceremony takes until after that date
    const late = network.nodes[4]!
    network.tamper = (effect, node) =>
      node === late && effect.type === 'submit' && effect.transaction.type === 'acknowledge' ? [] : [effect]
    network.run(dueMs + 400)
    const open = network.ledger.records.get<CeremonyRecord>(keyPaths.ceremony(network.key('k').ceremony))!
    assert.deepEqual([open.version, open.purpose, open.stage], [1, 'refresh', 'acknowledging'])
    network.run(dueMs + 3_000)
    assert.equal(first().state, 'destroyed')
    assert.equal(first().generation, 0)
    const prefix = vaultPaths.shares(first().keyId, 1)
    for (const { disk, state } of network.nodes) {
      assert.deepEqual(
        [...disk.keys(), ...state.shares.keys()].filter(key => key.startsWith(prefix)),
        [],
      )
    }
    network.tamper = effect => [effect]
    network.run(dueMs + 60_000)
    assert.equal(network.version('k')!.generation, 1, 'the present version is refreshed')
  })
})

describe('a sealing key that a node announces', () => {
  it('and that its own earlier word displaces does not keep it from announcing the next', () => {
    const { network } = rotated('sealing')
    const [node] = network.nodes
    const revision = (): number =>
      network.ledger.records.get<{ revision: number }>(keyPaths.sealing(node!.peerId))?.revision ?? 0
    const words: (() => void)[] = []
    network.tamper = (effect, from) => {
      if (from !== node || effect.type !== 'submit' || effect.transaction.type !== 'announce-sealing-key')
        return [effect]
      const { transaction } = effect
      words.push(() => network.submit(from.world.identity, transaction))
      return []
    }
    const bornMs = network.ledger.genesis.createdMs
    network.run(bornMs + REFRESH_MS + 5_000)
    network.restart(node!)
    network.run(network.nowMs + 5_000)
    assert.equal(words.length, 2, 'it said one before the restart, and one after')
    for (const say of words) say()
    network.tamper = effect => [effect]
    network.run(network.nowMs + 5_000)
    assert.equal(revision(), 1)
    network.run(network.nowMs + 2 * REFRESH_MS)
    assert.ok(revision() >= 2, 'renewed again')
  })
})
