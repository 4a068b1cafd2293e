import assert from 'node:assert/strict'
import { fromHex, type PeerId, peerIdOf, Secret, toHex } from '../../src/base/index.ts'
import {
  cryptoReady,
  groupByName,
  lagrangeAtZero,
  ProvenEncapsulation,
  proveOpening,
  type Scalar,
  SigningKey,
  sealingContext,
  shareInfo,
} from '../../src/crypto/index.ts'
import {
  type CeremonyRecord,
  type CeremonyState,
  type DealRecord,
  dealingContext,
  type FailuresRecord,
  keyPaths,
  makeDealing,
  recordKeyOf,
  sharePath,
  suiteOf,
  vaultPaths,
} from '../../src/keys/index.ts'
import {
  type Acknowledge,
  type Complain,
  type Deal,
  type Effect,
  sealedDealingCodec,
} from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

function secretOf(network: CeremonyNetwork, name: string, slots: readonly number[]): Scalar {
  const version = network.version(name)!
  const group = groupByName(suiteOf(network.key(name).kind).group)
  let sum = group.scalarFromInt(0)
  for (const slot of slots) {
    const { peerId } = version.slots.find(entry => entry.slot === slot)!
    const path = vaultPaths.share(version.keyId, version.version, version.generation, slot)
    const share = network.node(peerId).state.shares.get(path)
    assert.ok(share, `slot ${slot} has its share`)
    sum = group.scalarAdd(sum, group.scalarMultiply(lagrangeAtZero(group, slots, slot), share.expose()))
  }
  return sum
}

/** Any threshold of shares gives one secret, and it fits the public commitments. */
function assertWhole(network: CeremonyNetwork, name: string): void {
  const version = network.version(name)
  assert.ok(version, 'the version is active')
  const group = groupByName(suiteOf(network.key(name).kind).group)
  const slots = version.slots.map(entry => entry.slot)
  const first = secretOf(network, name, slots.slice(0, version.threshold))
  const last = secretOf(network, name, slots.slice(-version.threshold))
  assert.deepEqual(first, last)
  assert.deepEqual(group.multiplyBase(first).bytes, version.commitments[0])
}

function firstHolder(network: CeremonyNetwork): string {
  return network.nodes.map(node => node.peerId).sort()[0]!
}

/** The key is there, its slots at all the others: it was repaired as soon as it was made. */
function assertWithout(network: CeremonyNetwork, cheat: PeerId): void {
  const { dealings, slots } = network.version('k')!
  assert.ok(dealings.every(({ dealer }) => peerIdOf(dealer) !== cheat))
  assert.equal(slots.length, network.nodes.length - 1)
  assert.ok(slots.every(({ peerId }) => peerId !== cheat))
}

describe('ceremonies', () => {
  for (const kind of ['ed25519', 'secp256k1', 'ristretto255', 'x25519', 'toy'] as const) {
    it(`create a ${kind} key whose shares fit its public key, and no block waits for a deadline`, () => {
      const network = new CeremonyNetwork(5, `create-${kind}`)
      const start = network.nowMs
      network.create('k', { kind })
      network.run(start + 1_000)
      assertWhole(network, 'k')
      assert.equal(network.version('k')!.dealings.length, 5)
      assert.equal(network.version('k')!.publicKey.length, 32)
      assert.deepEqual(network.convictions(), [])
    })
  }

  it('leave nothing of single dealings behind once the version is active', () => {
    const network = new CeremonyNetwork(5, 'tidy')
    network.create('k')
    network.run()
    for (const node of network.nodes) {
      const kept = [...node.disk.keys()].map(key => key.split('/')[1])
      assert.equal(kept.filter(part => part === 'subshare' || part === 'dealing').length, 0)
      assert.equal(network.sharesOnDisk(node, 'k').length, 1)
      assert.equal(node.state.subshares.size, 0)
    }
  })

  it('go on without a dealer who never comes, and the late node recovers its share afterwards', () => {
    const network = new CeremonyNetwork(5, 'absent')
    const absent = network.nodes[2]!
    absent.isDown = true
    network.create('k')
    network.run()
    assert.equal(network.version('k')!.dealings.length, 4)
    network.restart(absent)
    network.run()
    assertWhole(network, 'k')
    const { slot } = network.version('k')!.slots.find(entry => entry.peerId === absent.peerId)!
    secretOf(network, 'k', [slot])
  })

  it('wait a quarter of the time for one who never comes, once the others have spoken', () => {
    const network = new CeremonyNetwork(5, 'hastened')
    const { dealMs, acknowledgeMs } = network.ledger.genesis.timing
    network.nodes[2]!.isDown = true
    const startMs = network.nowMs
    network.create('k')
    network.run()
    const tookMs = network.version('k')!.timeMs - startMs
    const graceMs = (dealMs + acknowledgeMs) / 4
    assert.ok(tookMs >= graceMs && tookMs < graceMs + 500, `${tookMs} ms`)
  })

  it('abort cleanly when too few answer, and the name can be tried again at once', () => {
    const network = new CeremonyNetwork(5, 'abort')
    for (const node of network.nodes.slice(0, 3)) node.isDown = true
    network.create('k')
    network.run()
    assert.equal(network.key('k'), undefined)
    const { creations } = network.ledger.records.get<FailuresRecord>(keyPaths.failures)!
    assert.equal(creations.find(({ name }) => name === 'k')?.reason, 'too few dealers dealt in time')
    for (const node of network.nodes.slice(0, 3)) network.restart(node)
    network.create('k')
    network.run()
    assertWhole(network, 'k')
  })

  for (const isAfter of [false, true]) {
    it(`survive a crash at every persist, ${isAfter ? 'after' : 'before'} the disk has it, and blame nobody`, () => {
      let crashes = 0
      for (let atPersist = 1; atPersist <= 20; atPersist++) {
        const network = new CeremonyNetwork(5, 'crash')
        network.crash = { atPersist, isAfter }
        network.create('k')
        network.run()
        crashes += network.crashes
        assertWhole(network, 'k')
        for (const { slot } of network.version('k')!.slots) secretOf(network, 'k', [slot])
        assert.deepEqual(network.convictions(), [])
      }
      assert.ok(crashes >= 15, `${crashes} crashes: one at each node's dealing, receiving and completing`)
    })
  }

  it('recover a wiped share store from the DHT', () => {
    const network = new CeremonyNetwork(5, 'wiped')
    network.create('k')
    network.run()
    const node = network.nodes[1]!
    const sharesOf = (): Map<string, Uint8Array> =>
      new Map([...node.state.shares].sort().map(([path, share]) => [path, share.expose().slice()]))
    const before = sharesOf()
    network.restart(node, 'keys/')
    assert.equal(node.state.shares.size, 0)
    network.run()
    assert.deepEqual(sharesOf(), before)
  })

  it('are dealt in by nobody who may have forgotten that it has dealt', () => {
    const network = new CeremonyNetwork(5, 'forgotten')
    network.replayedHeight = Number.POSITIVE_INFINITY
    network.create('k')
    network.run()
    assert.equal(network.key('k'), undefined)
    assert.deepEqual(network.convictions(), [])
    network.replayedHeight = network.ledger.chain.height
    network.create('k')
    network.run()
    assertWhole(network, 'k')
  })

  it('name a dealer whose sealed share is bad, and make the key without it', () => {
    const network = new CeremonyNetwork(5, 'bad-share')
    const cheat = firstHolder(network)
    network.tamper = tamperDealing(network, cheat)
    network.create('k')
    network.run()
    assert.deepEqual(network.convictions(), [`${cheat} bad_dealing`])
    assertWithout(network, cheat)
    network.tamper = effect => [effect]
    assertWhole(network, 'k')
  })

  it('name a dealer who deals twice, and make the key without it', () => {
    const network = new CeremonyNetwork(5, 'equivocation')
    const cheat = firstHolder(network)
    network.tamper = (effect, node) => {
      if (node.peerId !== cheat || effect.type !== 'submit' || effect.transaction.type !== 'deal')
        return [effect]
      const twin: Deal = { ...effect.transaction, root: network.rng.bytes(32) }
      return [effect, { type: 'submit', transaction: twin }]
    }
    network.create('k')
    network.run()
    assert.deepEqual(network.convictions(), [`${cheat} equivocation`])
    assertWithout(network, cheat)
  })

  it('name a dealer whose proof of possession is wrong', () => {
    const network = new CeremonyNetwork(5, 'possession')
    const cheat = firstHolder(network)
    network.tamper = (effect, node) => {
      if (node.peerId !== cheat || effect.type !== 'submit' || effect.transaction.type !== 'deal')
        return [effect]
      const { possession } = effect.transaction
      const swapped = { challenge: possession.response, response: possession.challenge }
      return [{ type: 'submit', transaction: { ...effect.transaction, possession: swapped } }]
    }
    network.create('k')
    network.run()
    assert.deepEqual(network.convictions(), [`${cheat} bad_dealing`])
  })

  it('name a holder who complains about a good share, and keep the dealer', () => {
    const network = new CeremonyNetwork(5, 'false-complaint')
    const cheat = firstHolder(network)
    network.tamper = (effect, node) => {
      if (node.peerId !== cheat || effect.type !== 'submit' || effect.transaction.type !== 'acknowledge') {
        return [effect]
      }
      return [{ type: 'submit', transaction: openShare(network, cheat, effect.transaction) }]
    }
    network.create('k')
    network.run()
    assert.deepEqual(network.convictions(), [`${cheat} false_complaint`])
    assertWithout(network, cheat)
  })

  it('leave out a dealer who withholds its record, without naming anybody', () => {
    const network = new CeremonyNetwork(5, 'withheld')
    const cheat = firstHolder(network)
    network.tamper = (effect, node) => {
      const isRecord =
        effect.type === 'dht-put' || (effect.type === 'send' && effect.message.type === 'record')
      return node.peerId === cheat && isRecord ? [] : [effect]
    }
    network.create('k')
    network.run()
    assert.deepEqual(network.convictions(), [])
    assert.equal(network.version('k')!.dealings.length, 4)
    assertWhole(network, 'k')
  })

  it('take an imported secret from its owner alone, and its public key is the imported one', () => {
    const network = new CeremonyNetwork(5, 'import')
    const group = groupByName('ristretto255')
    const secret = new Secret(group.randomScalar(network.rng))
    network.create('k', { origin: 'import' })
    network.run(network.nowMs)
    const id = network.key('k').ceremony
    const ceremony = network.ledger.records.get<{ slots: { slot: number; sealingKey: Uint8Array }[] }>(
      `ceremony/${Buffer.from(id).toString('hex')}`,
    )!
    const plan = {
      networkId: network.ledger.networkId,
      id,
      keyId: network.key('k').keyId,
      version: 1,
      group: 'ristretto255',
      threshold: 3,
      recipients: ceremony.slots,
    } as const
    const stranger = new SigningKey(new Secret(network.rng.bytes(32)))
    network.submit(stranger, makeDealing(plan, stranger, secret, network.rng).deal)
    network.run(network.nowMs)
    assert.equal(codes(network).at(-1), 'forbidden')
    const { deal, record } = makeDealing(plan, network.principal, secret, network.rng)
    network.step(network.nodes[0]!, { type: 'offered', record })
    network.submit(network.principal, deal)
    network.run()
    assertWhole(network, 'k')
    assert.deepEqual(network.version('k')!.publicKey, group.multiplyBase(secret.expose()).bytes)
  })

  it('refuse what they must, each with its own code', () => {
    const network = new CeremonyNetwork(5, 'refusals')
    const stranger = new SigningKey(new Secret(network.rng.bytes(32)))
    network.create('k')
    network.create('k')
    network.create('a', { threshold: 6 })
    network.create('b', { threshold: 1 })
    network.create('c', { threshold: 12, shares: 60 })
    network.create('d', {}, stranger)
    network.submit(stranger, { type: 'set-policy', name: 'k', revision: 0, rules: [] })
    network.submit(network.principal, { type: 'set-policy', name: 'k', revision: 7, rules: [] })
    network.submit(network.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
    network.run(network.nowMs)
    assert.deepEqual(codes(network).slice(0, 9), [
      'ok',
      'name_taken',
      'malformed',
      'malformed',
      'ok',
      'forbidden',
      'forbidden',
      'conflict',
      'unknown_key',
    ])
  })

  it('issue 10, item 13: refuse rules for keys under which nobody can sign', () => {
    const network = new CeremonyNetwork(4, 'unusable principals')
    network.create('k')
    const unusable = [
      '0100000000000000000000000000000000000000000000000000000000000000', // the identity
      '0000000000000000000000000000000000000000000000000000000000000000', // of order 4
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', // of order 8
      'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', // not canonical
      '0900000000000000000000000000000000000000000000000000000000000009', // on no curve, or in another subgroup
    ]
    for (const text of unusable) {
      const rules = [{ principal: fromHex(text), operations: ['sign' as const] }]
      network.submit(network.principal, { type: 'set-policy', name: 'k', revision: 0, rules })
    }
    network.run(network.nowMs)
    assert.deepEqual(codes(network).slice(0, 6), ['ok', ...unusable.map(() => 'malformed')])
  })
})

function codes(network: CeremonyNetwork): string[] {
  return network.results.map(result => (result.ok ? 'ok' : result.code))
}

/** Has the cheat seal garbage for one other holder, under a record hash that it signs for. */
function tamperDealing(network: CeremonyNetwork, cheat: string) {
  const made = new Map<string, { deal: Deal; record: Uint8Array }>()
  const forge = (record: Uint8Array): Uint8Array => {
    const { value } = sealedDealingCodec.decode(record)
    const id = Buffer.from(value.ceremony).toString('hex')
    return made.get(id)?.record ?? record
  }
  return (effect: Effect, node: { peerId: string; state: CeremonyState }): Effect[] => {
    if (node.peerId !== cheat) return [effect]
    if (effect.type === 'persist') {
      for (const { key, value } of effect.writes) {
        if (!key.startsWith('keys/dealing/') || value === null) continue
        const id = key.split('/')[2]!
        made.set(id, badDealing(network, cheat, fromHex(id)))
      }
    }
    if (effect.type === 'submit' && effect.transaction.type === 'deal') {
      const id = Buffer.from(effect.transaction.ceremony).toString('hex')
      return [{ type: 'submit', transaction: made.get(id)!.deal }]
    }
    if (effect.type === 'dht-put') {
      const record = forge(effect.record)
      return [{ type: 'dht-put', key: recordKeyOf(record)!, record }]
    }
    if (effect.type === 'send' && effect.message.type === 'record') {
      return [{ ...effect, message: { type: 'record', record: forge(effect.message.record) } }]
    }
    return [effect]
  }
}

/** The complaint that opens a share which is good. */
function openShare(network: CeremonyNetwork, cheat: string, word: Acknowledge): Complain {
  const { ceremony, dealings } = word
  const { world } = network.node(cheat)
  const id = toHex(ceremony)
  const dealOf = (place: number): DealRecord => network.ledger.records.get<DealRecord>(`deal/${id}/${place}`)!
  const dealing = dealings.find(place => peerIdOf(dealOf(place).dealer) !== cheat)!
  const { recordHash, encapsulation, ...dealer } = dealOf(dealing)
  const { slots, keyId, version } = network.ledger.records.get<CeremonyRecord>(`ceremony/${id}`)!
  const { slot } = slots.find(entry => entry.peerId === cheat)!
  const record = network.records.get(toHex(recordHash))!
  const { shares } = sealedDealingCodec.decode(record).value
  const index = shares.findIndex(share => share.slot === slot)
  const context = dealingContext(world.networkId, { id: ceremony, keyId, version }, dealer)
  const proven = ProvenEncapsulation.verify(encapsulation, sealingContext(context))!
  const opening = proveOpening(world.sealingKeys, proven, shareInfo(context, slot), network.rng)
  const { sealed } = shares[index]!
  return { type: 'complain', ceremony, dealing, slot, sealed, path: sharePath(shares, index), opening }
}

function badDealing(network: CeremonyNetwork, cheat: string, id: Uint8Array) {
  const { identity } = network.node(cheat).world
  const ceremony = network.ledger.records.get<{
    keyId: Uint8Array
    slots: { slot: number; peerId: string; sealingKey: Uint8Array }[]
  }>(`ceremony/${Buffer.from(id).toString('hex')}`)!
  const plan = {
    networkId: network.ledger.networkId,
    id,
    keyId: ceremony.keyId,
    version: 1,
    group: 'ristretto255',
    threshold: 3,
    recipients: ceremony.slots,
  } as const
  const good = makeDealing(plan, identity, undefined, network.rng)
  const other = makeDealing(plan, identity, undefined, network.rng)
  // commitments of one polynomial, sealed shares of another
  const { encapsulation, root } = other.deal
  return { deal: { ...good.deal, encapsulation, root }, record: other.record }
}
