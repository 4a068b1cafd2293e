import assert from 'node:assert/strict'
import { type PeerId, toHex } from '../../src/base/index.ts'
import { memberPath } from '../../src/control/index.ts'
import { cryptoReady, groupByName, lagrangeAtZero, type Scalar } from '../../src/crypto/index.ts'
import {
  type CeremonyRecord,
  makeDealing,
  suiteOf,
  type VersionRecord,
  vaultPaths,
} from '../../src/keys/index.ts'
import type { ChangeKey } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** A long run sets more: `CYCLES=1000`. */
const CYCLES = Number(process.env.CYCLES ?? 60)

type Held = ReadonlyMap<number, Scalar>

/** Copies of the shares that are in memory for a version's generation, by slot. */
function sharesOf(network: CeremonyNetwork, version: VersionRecord): Held {
  const held = new Map<number, Scalar>()
  for (const { slot, peerId } of version.slots) {
    const path = vaultPaths.share(version.keyId, version.version, version.generation, slot)
    const share = network.node(peerId).state.shares.get(path)
    if (share !== undefined) held.set(slot, share.expose().slice())
  }
  return held
}

function interpolate(network: CeremonyNetwork, shares: readonly (readonly [number, Scalar])[]): Scalar {
  const group = groupByName(suiteOf(network.key('k').kind).group)
  const slots = shares.map(([slot]) => slot)
  return shares.reduce(
    (sum, [slot, share]) =>
      group.scalarAdd(sum, group.scalarMultiply(lagrangeAtZero(group, slots, slot), share)),
    group.scalarFromInt(0),
  )
}

function assertGives(network: CeremonyNetwork, shares: readonly (readonly [number, Scalar])[]): void {
  const group = groupByName(suiteOf(network.key('k').kind).group)
  const secret = interpolate(network, shares)
  assert.deepEqual(group.multiplyBase(secret).bytes, network.version('k')!.commitments[0])
}

function made(count: number, seed: string): CeremonyNetwork {
  const network = new CeremonyNetwork(count, seed)
  network.create('k')
  network.run(network.nowMs + 20_000)
  assert.equal(network.version('k')!.generation, 0)
  return network
}

function change(network: CeremonyNetwork, what: ChangeKey['change'], extra: Partial<ChangeKey> = {}): void {
  ask(network, what, extra)
  network.run(network.nowMs + 20_000)
}

function ask(network: CeremonyNetwork, what: ChangeKey['change'], extra: Partial<ChangeKey> = {}): void {
  const { version, generation } = network.version('k')!
  const nonce = network.rng.bytes(16)
  network.submit(network.principal, {
    type: 'change-key',
    nonce,
    name: 'k',
    change: what,
    version,
    generation,
    ...extra,
  })
}

function remove(network: CeremonyNetwork, peerId: PeerId): void {
  const { records } = network.ledger
  const member = records.get<object>(memberPath(peerId))!
  network.ledger = {
    ...network.ledger,
    records: records.set(memberPath(peerId), { ...member, state: 'removed' }),
  }
  network.node(peerId).isDown = true
  network.submit(network.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
}

describe('handoffs', () => {
  it('refresh keeps the public key, makes every share another, and erases the old ones', () => {
    const network = made(5, 'refresh')
    const before = network.version('k')!
    const old = sharesOf(network, before)
    change(network, 'refresh')
    const after = network.version('k')!
    assert.equal(after.generation, 1)
    assert.equal(after.version, 1)
    assert.deepEqual(after.publicKey, before.publicKey)
    const fresh = sharesOf(network, after)
    for (const [slot, share] of fresh) assert.notDeepEqual(share, old.get(slot))
    assertGives(network, [...fresh].slice(0, 3))
    assertGives(network, [...fresh].slice(2))
    for (const node of network.nodes) {
      const kept = network.sharesOnDisk(node, 'k')
      assert.equal(kept.length, 1)
      assert.ok(kept[0]!.includes('/1/1/'))
      assert.equal([...node.disk.keys()].filter(key => key.startsWith('keys/subshare/')).length, 0)
    }
  })

  it('t-1 old and t-1 new shares together do not give the secret', () => {
    const network = made(5, 'mixed')
    const old = sharesOf(network, network.version('k')!)
    change(network, 'refresh')
    const fresh = sharesOf(network, network.version('k')!)
    const group = groupByName('ristretto255')
    const publicKey = network.version('k')!.commitments[0]
    const mixes = [
      [
        [1, old],
        [2, old],
        [3, fresh],
      ],
      [
        [1, old],
        [2, fresh],
        [3, fresh],
      ],
      [
        [1, old],
        [2, old],
        [3, fresh],
        [4, fresh],
      ],
    ] as const
    for (const mix of mixes) {
      const shares = mix.map(([slot, from]) => [slot, from.get(slot)!] as const)
      const secret = interpolate(network, shares)
      assert.notDeepEqual(group.multiplyBase(secret).bytes, publicKey)
    }
  })

  it('reshare moves every share to five entirely new nodes and keeps the public key', () => {
    const network = made(10, 'move')
    const before = network.version('k')!
    const holders = before.slots.map(slot => slot.peerId)
    const others = network.nodes.map(node => node.peerId).filter(peerId => !holders.includes(peerId))
    change(network, 'reshare', { holders: others, threshold: 4, shares: 5 })
    const after = network.version('k')!
    assert.deepEqual(after.publicKey, before.publicKey)
    assert.equal(after.threshold, 4)
    assert.ok(after.slots.every(slot => others.includes(slot.peerId)))
    assertGives(network, [...sharesOf(network, after)].slice(0, 4))
    for (const peerId of holders) {
      const node = network.node(peerId)
      assert.ok(![...node.state.shares.keys()].some(path => path.includes(toHex(before.keyId))))
      assert.deepEqual(network.sharesOnDisk(node, 'k'), [])
    }
  })

  it('after the move t-1 old and t-1 new shares together do not give the secret, nor any of them', () => {
    const network = made(10, 'move')
    const before = network.version('k')!
    const old = sharesOf(network, before)
    const holders = before.slots.map(slot => slot.peerId)
    const others = network.nodes.map(node => node.peerId).filter(peerId => !holders.includes(peerId))
    change(network, 'reshare', { holders: others, threshold: 3, shares: 5 })
    const after = network.version('k')!
    const fresh = sharesOf(network, after)
    assert.deepEqual([old.size, fresh.size, after.threshold], [5, 5, 3])
    assertGives(network, [...fresh].slice(0, 3))
    const { bytes } = groupByName('ristretto255').multiplyBase(interpolate(network, [...old].slice(0, 3)))
    assert.deepEqual(bytes, after.commitments[0], 'the old shares were of the same secret')
    // whoever has taken two old and two new shares: every choice of them, on either polynomial
    const slots = [1, 2, 3, 4, 5]
    let tried = 0
    for (const [a, b, c, d] of slots.flatMap(one =>
      slots.flatMap(two => slots.flatMap(three => slots.map(four => [one, two, three, four] as const))),
    )) {
      if (new Set([a, b, c, d]).size < 4 || a > b || c > d) continue
      const stolen = [a, b].map(slot => [slot, old.get(slot)!] as const)
      const taken = [c, d].map(slot => [slot, fresh.get(slot)!] as const)
      for (const set of [
        [...stolen, ...taken],
        [...stolen, taken[0]!],
        [stolen[0]!, ...taken],
        stolen,
        taken,
      ]) {
        const secret = interpolate(network, set)
        assert.notDeepEqual(groupByName('ristretto255').multiplyBase(secret).bytes, after.commitments[0])
        tried++
      }
    }
    assert.equal(tried, 5 * 30)
  })

  it('a dealer that changes the constant term is named, and the refresh goes on without it', () => {
    const network = made(5, 'constant')
    const cheat = network.version('k')!.slots[0]!.peerId
    network.tamper = (effect, node) => {
      if (node.peerId !== cheat || effect.type !== 'submit' || effect.transaction.type !== 'deal')
        return [effect]
      const { ceremony, fromSlot } = effect.transaction
      const id = Buffer.from(ceremony).toString('hex')
      const { keyId, slots } = network.ledger.records.get<{
        keyId: Uint8Array
        slots: { slot: number; peerId: string; sealingKey: Uint8Array }[]
      }>(`ceremony/${id}`)!
      const plan = {
        networkId: network.ledger.networkId,
        id: ceremony,
        keyId,
        version: 1,
        group: 'ristretto255',
        threshold: 3,
        recipients: slots,
      } as const
      const { deal } = makeDealing(plan, node.world.identity, undefined, network.rng, fromSlot)
      return [{ type: 'submit', transaction: deal }]
    }
    change(network, 'refresh')
    assert.deepEqual(network.convictions(), [`${cheat} bad_dealing`])
    network.tamper = effect => [effect]
    assert.ok(network.version('k')!.generation >= 1)
    assert.ok(network.version('k')!.dealings.every(dealing => dealing.fromSlot !== 1))
  })

  it('the shares of a removed holder are made anew at a member that stands, by itself', () => {
    const network = made(6, 'repair')
    const before = network.version('k')!
    const [gone] = before.slots
    remove(network, gone!.peerId)
    network.run(network.nowMs + 60_000)
    const after = network.version('k')!
    assert.equal(after.generation, 1)
    assert.equal(after.slots.length, 5)
    assert.ok(after.slots.every(slot => slot.peerId !== gone!.peerId))
    assert.deepEqual(after.publicKey, before.publicKey)
    assert.equal(sharesOf(network, after).size, 5)
    assertGives(network, [...sharesOf(network, after)].slice(-3))
  })

  it('a holder that is put out while its key is being made has its slot made anew too', () => {
    const network = new CeremonyNetwork(6, 'put out')
    const doomed = network.nodes[1]!
    network.tamper = (effect, node) => {
      const isWord = effect.type === 'submit' && effect.transaction.type === 'acknowledge'
      return node === doomed && isWord ? [] : [effect]
    }
    network.create('k')
    network.run(network.nowMs + 1_000)
    assert.equal(network.version('k'), undefined)
    const ceremony = [...network.ledger.records.entries<CeremonyRecord>('ceremony/')][0]!.value
    assert.equal(ceremony.stage, 'acknowledging')
    assert.ok(ceremony.slots.some(({ peerId }) => peerId === doomed.peerId))
    remove(network, doomed.peerId)
    network.run(network.nowMs + 60_000)
    const after = network.version('k')!
    assert.equal(after.generation, 1)
    assert.ok(after.slots.every(({ peerId }) => peerId !== doomed.peerId))
    assert.equal(sharesOf(network, after).size, 5)
    assertGives(network, [...sharesOf(network, after)].slice(-3))
  })

  it('a key without enough nodes is degraded, and is filled up when one joins', () => {
    const network = made(5, 'degraded')
    const { peerId } = network.version('k')!.slots[0]!
    remove(network, peerId)
    network.run(network.nowMs + 30_000)
    assert.equal(network.version('k')!.slots.length, 4)
    const { records } = network.ledger
    const member = records.get<object>(memberPath(peerId))!
    network.ledger = {
      ...network.ledger,
      records: records.set(memberPath(peerId), { ...member, state: 'active' }),
    }
    network.restart(network.node(peerId))
    network.submit(network.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
    network.run(network.nowMs + 30_000)
    const after = network.version('k')!
    assert.equal(after.slots.length, 5)
    assert.equal(sharesOf(network, after).size, 5)
    assertGives(network, [...sharesOf(network, after)].slice(-3))
  })

  it('rotation makes a new secret and archives the old version, which keeps its shares until it is destroyed', () => {
    const network = made(5, 'rotate')
    const first = network.version('k')!
    change(network, 'rotate')
    const second = network.version('k')!
    assert.equal(second.version, 2)
    assert.notDeepEqual(second.publicKey, first.publicKey)
    const archived = (): VersionRecord =>
      network.ledger.records.get<VersionRecord>(`version/${Buffer.from(first.keyId).toString('hex')}/1`)!
    assert.equal(archived().state, 'archived')
    assert.equal(sharesOf(network, archived()).size, 5)
    const retire = { type: 'retire-version', name: 'k', version: 1, revision: 0, change: 'destroy' } as const
    network.submit(network.principal, retire)
    network.run(network.nowMs + 1_000)
    assert.equal(archived().state, 'destroyed')
    assert.equal(sharesOf(network, archived()).size, 0)
    assert.equal(sharesOf(network, second).size, 5)
  })

  it('a backup cannot bring back the shares of a destroyed version', () => {
    const network = made(5, 'tombstone')
    const node = network.nodes[0]!
    const backup = new Map(node.disk)
    network.submit(network.principal, {
      type: 'retire-version',
      name: 'k',
      version: 1,
      revision: 0,
      change: 'destroy',
    })
    network.run(network.nowMs + 1_000)
    for (const [key, value] of backup) node.disk.set(key, value)
    network.restart(node)
    network.run(network.nowMs + 1_000)
    assert.ok(![...node.state.shares.keys()].some(path => path.includes(toHex(network.key('k').keyId))))
    assert.deepEqual(network.sharesOnDisk(node, 'k'), [])
  })

  it('shares and sealing keys are renewed by themselves, and an old sealing key is erased once nothing needs it', () => {
    const network = made(5, 'forward')
    const records = [...network.records.values()]
    const first = network.nodes.map(node => node.world.sealingKeys)
    network.run(network.nowMs + 4 * 24 * 3_600_000)
    assert.ok(network.version('k')!.generation >= 3, `generation ${network.version('k')!.generation}`)
    for (const [index, node] of network.nodes.entries()) {
      assert.ok(first[index]!.secretKey.isWiped)
      assert.ok(node.state.sealing.size <= 2, `${node.state.sealing.size} sealing keys`)
    }
    assert.ok(records.length > 0)
    assertGives(network, [...sharesOf(network, network.version('k')!)].slice(0, 3))
  })

  for (const isAfter of [false, true]) {
    it(`a crash ${isAfter ? 'between every persist and its sends' : 'before every persist'} of a reshare loses neither version`, () => {
      let crashes = 0
      for (let atPersist = 1; atPersist === crashes + 1; atPersist++) {
        const network = made(6, 'crash')
        network.crash = { atPersist, isAfter }
        change(network, 'reshare', { threshold: 3, shares: 6 })
        crashes += network.crashes
        const version = network.version('k')!
        assert.ok(version.generation === 1 || network.key('k').lastFailure !== '')
        const shares = sharesOf(network, version)
        assert.equal(shares.size, version.slots.length, 'every slot has its share')
        assertGives(network, [...shares].slice(0, 3))
        assertGives(network, [...shares].slice(-3))
        assert.deepEqual(network.convictions(), [])
      }
      // it ended at the first network with nothing left to persist: none was missed
      assert.ok(crashes >= 15, `${crashes} crashes`)
    }).timeout(180_000)
  }

  it(`${CYCLES} aborted reshares wedge nothing`, () => {
    const network = made(5, 'wedge')
    const { slots } = network.version('k')!
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      for (const { peerId } of slots.slice(0, 3)) network.node(peerId).isDown = true
      ask(network, 'refresh')
      network.run(network.nowMs + 4_500)
      assert.equal(network.key('k').ceremony.length, 0, `cycle ${cycle}`)
      assert.notEqual(network.key('k').lastFailure, '')
      for (const { peerId } of slots.slice(0, 3)) network.restart(network.node(peerId))
    }
    const { generation } = network.version('k')!
    change(network, 'refresh')
    assert.equal(network.version('k')!.generation, generation + 1)
    assertGives(network, [...sharesOf(network, network.version('k')!)].slice(0, 3))
  }).timeout(60_000 + CYCLES * 1_000)
})
