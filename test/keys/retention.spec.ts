import assert from 'node:assert/strict'
import { Secret } from '../../src/base/index.ts'
import { cryptoReady, SigningKey } from '../../src/crypto/index.ts'
import { keyPaths, type VersionRecord, vaultPaths } from '../../src/keys/index.ts'
import type { Transaction } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

const REFRESH_MS = 200_000
const CENTURY_MS = 36_501 * 86_400_000

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

/** What the reducer makes of a transaction of the owner's: `ok`, or the code of its refusal. */
function outcome(network: CeremonyNetwork, transaction: Transaction): string {
  const from = network.results.length
  network.submit(network.principal, transaction)
  network.run(network.nowMs)
  const result = network.results[from]!
  return result.ok ? 'ok' : result.code
}

describe('issue 10.1: the reducer takes no time that is not to come', () => {
  it('archiving with a retention that is past, or in seconds, or centuries ahead, changes nothing', () => {
    const { network, first } = rotated('past')
    const of = { type: 'retire-version', name: 'k', version: 1, revision: 0, change: 'archive' } as const
    const before = first()
    const { nowMs } = network
    for (const retainUntilMs of [1, 90, nowMs, nowMs - 1, Math.round(nowMs / 1000), nowMs + CENTURY_MS]) {
      assert.equal(outcome(network, { ...of, retainUntilMs }), 'malformed', String(retainUntilMs))
    }
    network.run(nowMs + 60_000)
    assert.deepEqual(first(), before)
    assert.equal(outcome(network, { ...of, retainUntilMs: network.nowMs + 86_400_000 }), 'ok')
  })

  it('a policy rule that has ended is not made; one that ended since may stay in the policy', () => {
    const { network } = rotated('rules')
    const [anna, otto] = [7, 8].map(
      fill => new SigningKey(new Secret(new Uint8Array(32).fill(fill))).publicKey,
    )
    const rule = { principal: anna!, operations: ['sign'] } as const
    const policy = { type: 'set-policy', name: 'k' } as const
    const ends = network.nowMs + 10_000
    for (const untilMs of [1, network.nowMs, ends + CENTURY_MS]) {
      assert.equal(outcome(network, { ...policy, revision: 0, rules: [{ ...rule, untilMs }] }), 'malformed')
    }
    assert.equal(outcome(network, { ...policy, revision: 0, rules: [{ ...rule, untilMs: ends }] }), 'ok')
    network.nowMs = ends + 1000
    const other = { principal: otto!, operations: ['derive'] } as const
    assert.equal(
      outcome(network, { ...policy, revision: 1, rules: [{ ...rule, untilMs: ends }, other] }),
      'ok',
    )
    assert.equal(
      outcome(network, { ...policy, revision: 2, rules: [{ ...other, untilMs: ends }] }),
      'malformed',
    )
  })
})

describe('issue 10.1: only destroy destroys', () => {
  it('a version whose retention has ended keeps its shares, is refreshed, and comes back when it is archived again', () => {
    const { network, first, dueMs } = rotated('retention')
    const of = { type: 'retire-version', name: 'k', version: 1, change: 'archive' } as const
    const retainUntilMs = network.nowMs + 5_000
    assert.equal(outcome(network, { ...of, revision: 0, retainUntilMs }), 'ok')
    network.run(retainUntilMs - 1)
    assert.equal(first().state, 'archived')
    network.run(retainUntilMs + 1_000)
    assert.equal(first().state, 'expired')
    network.run(dueMs + 60_000)
    assert.deepEqual([first().state, first().generation], ['expired', 1])
    const prefix = vaultPaths.shares(first().keyId, 1)
    for (const { disk } of network.nodes) assert.ok([...disk.keys()].some(key => key.startsWith(prefix)))
    assert.equal(outcome(network, { ...of, revision: 1 }), 'ok')
    assert.deepEqual([first().state, first().retainUntilMs], ['archived', 0])
  })

  it('a version that a rotation replaces is archived without an end', () => {
    const { first } = rotated('rotation')
    assert.deepEqual([first().state, first().retainUntilMs], ['archived', 0])
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
