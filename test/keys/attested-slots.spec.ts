import assert from 'node:assert/strict'
import { type PeerId, toHex, utf8 } from '../../src/base/index.ts'
import { attestationPolicy } from '../../src/control/index.ts'
import { cryptoReady, sha256, signValue } from '../../src/crypto/index.ts'
import type { CeremonyRecord } from '../../src/keys/index.ts'
import { attestationNonces } from '../../src/trust/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

const program = sha256(utf8('release'))
const tampered = sha256(utf8('tampered'))

/** Sets a policy of one accepted program, which no attestation is too old for. */
function requireProgram(net: CeremonyNetwork, measurement: Uint8Array = program): void {
  const { revision } = attestationPolicy(net.reader())
  const policy = {
    method: 'measured',
    maxAgeEpochs: 1000,
    measurements: [measurement],
    attestationKeys: [],
  } as const
  net.submit(net.principal, { type: 'set-attestation', revision, policy, approvals: [] })
  net.run(net.nowMs)
}

/** What idle networks do once an epoch. */
function emptyBlock(net: CeremonyNetwork): void {
  net.submit(net.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
  net.run(net.nowMs)
}

/** Every node attests: the good program, but for those that are named. */
function attest(
  net: CeremonyNetwork,
  bad: readonly PeerId[] = [],
  waitMs: number = net.ledger.genesis.timing.epochMs,
): void {
  // a challenge is answered once, so each round has its own epoch
  net.nowMs += waitMs
  emptyBlock(net)
  const { nonce } = attestationNonces(net.reader())[0]!
  for (const { world, peerId } of net.nodes) {
    const evidence = { type: 'measured', program: bad.includes(peerId) ? tampered : program } as const
    const statement = signValue(world.identity, 'attestation', net.ledger.networkId, { nonce, evidence })
    net.submit(world.identity, { type: 'attest', statement })
  }
  net.run(net.nowMs)
  emptyBlock(net)
  net.run(net.nowMs + waitMs)
}

const holders = (net: CeremonyNetwork, name: string): PeerId[] =>
  net.version(name)!.slots.map(({ peerId }) => peerId)

const publicKey = (net: CeremonyNetwork, name: string): string => toHex(net.version(name)!.publicKey)

const codes = (net: CeremonyNetwork): string[] =>
  net.results.flatMap(result => (result.ok ? [] : [result.code]))

describe('slots and attestation', () => {
  before(() => cryptoReady)

  it('a new key’s slots go to accepted members only', () => {
    const net = new CeremonyNetwork(6, 'attested new key')
    const bad = net.nodes[2]!.peerId
    requireProgram(net)
    attest(net, [bad])
    net.create('k')
    net.run()
    assert.equal(holders(net, 'k').length, 5)
    assert.ok(!holders(net, 'k').includes(bad))
  })

  it('without enough accepted members a key is not made, and the refusal says how many there are', () => {
    const net = new CeremonyNetwork(5, 'attested too few')
    requireProgram(net)
    attest(
      net,
      net.nodes.slice(2).map(node => node.peerId),
    )
    net.results.length = 0
    net.create('k')
    net.run()
    const [refused] = net.results
    assert.ok(refused && !refused.ok)
    assert.equal(refused.code, 'not_enough_nodes')
    assert.deepEqual(refused.details, { needed: 3, available: 2, perNode: 1 })
  })

  it('a slot leaves a member that is accepted no more, under the same public key', () => {
    const net = new CeremonyNetwork(6, 'attested move')
    net.create('k')
    net.run()
    const [bad] = holders(net, 'k') as [PeerId]
    const before = publicKey(net, 'k')
    requireProgram(net)
    attest(net, [bad])
    net.run()
    assert.ok(!holders(net, 'k').includes(bad))
    assert.equal(new Set(holders(net, 'k')).size, 5)
    assert.equal(net.version('k')!.generation, 1)
    assert.equal(publicKey(net, 'k'), before)
  })

  it('a policy that would shut out more than f members moves nothing', () => {
    const net = new CeremonyNetwork(7, 'attested mistake')
    net.create('k', { shares: 4 })
    net.run()
    const before = net.version('k')!
    // 7 members, f = 2: four accepted ones are too few, and each has room for a slot
    requireProgram(net)
    attest(net, holders(net, 'k').slice(0, 3))
    net.run()
    assert.deepEqual(net.version('k'), before)
    // the fifth tips the balance, and then the two that are left over are moved away from
    attest(net, holders(net, 'k').slice(0, 2))
    net.run()
    assert.equal(new Set(holders(net, 'k')).size, 4)
    assert.ok(net.version('k')!.generation > 0)
    for (const peerId of before.slots.slice(0, 2).map(slot => slot.peerId))
      assert.ok(!holders(net, 'k').includes(peerId))
  })

  it('a policy that accepts nobody costs no key a slot', () => {
    const net = new CeremonyNetwork(6, 'attested nobody')
    net.create('k')
    net.run()
    const before = net.version('k')!
    attest(net)
    requireProgram(net, tampered)
    emptyBlock(net)
    net.run()
    assert.deepEqual(net.version('k'), before)
  })

  it('a slot that a member was given while it was still accepted moves as soon as the key is made', () => {
    const net = new CeremonyNetwork(6, 'attested meanwhile 4')
    net.create('k')
    // one holder is silent, so that the ceremony is open until its deadline
    let silent: PeerId | undefined
    net.tamper = (effect, node) => {
      if (effect.type !== 'submit' || effect.transaction.type !== 'acknowledge') return [effect]
      silent ??= node.peerId
      return silent === node.peerId ? [] : [effect]
    }
    net.run(net.nowMs)
    assert.equal(net.version('k'), undefined)
    const [open] = net.ledger.records.entries<CeremonyRecord>('ceremony/')
    const bad = open!.value.slots.find(({ peerId }) => peerId !== silent)!.peerId
    requireProgram(net)
    attest(net, [bad], 0)
    assert.equal(net.version('k'), undefined)
    net.run()
    assert.ok(net.version('k')!.generation > 0)
    assert.ok(!holders(net, 'k').includes(bad))
  })

  it('a slot that no accepted member has room for stays where it is', () => {
    const net = new CeremonyNetwork(5, 'attested no room')
    net.create('k')
    net.run()
    const before = net.version('k')!
    requireProgram(net)
    attest(net, [holders(net, 'k')[0]!])
    net.run()
    assert.deepEqual(net.version('k'), before)
  })

  it('a reshare by name goes to no member that is not accepted', () => {
    const net = new CeremonyNetwork(6, 'attested reshare')
    net.create('k')
    net.run()
    const bad = net.nodes.find(node => !holders(net, 'k').includes(node.peerId))!.peerId
    requireProgram(net)
    attest(net, [bad])
    const { generation, version } = net.version('k')!
    net.results.length = 0
    net.submit(net.principal, {
      type: 'change-key',
      nonce: net.rng.bytes(16),
      name: 'k',
      change: 'reshare',
      version,
      generation,
      threshold: 2,
      shares: 2,
      holders: [bad, holders(net, 'k')[0]!],
    })
    net.run()
    assert.deepEqual(codes(net), ['not_enough_nodes'])
  })
})
