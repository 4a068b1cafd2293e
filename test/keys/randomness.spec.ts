import assert from 'node:assert/strict'
import { Secret, SeededRng, toHex } from '../../src/base/index.ts'
import {
  coordinatorOf,
  epochStartMs,
  type MemberRecord,
  MerkleMap,
  memberPath,
  quorumOf,
} from '../../src/control/index.ts'
import { openState } from '../../src/control/ledger.ts'
import { cryptoReady, fallbackRandomness, ristretto255, verifyRandomness } from '../../src/crypto/index.ts'
import {
  draw,
  keyPaths,
  NETWORK_KEY,
  networkVersion,
  type SettledRecord,
  settledRandomness,
  type VersionRecord,
} from '../../src/keys/index.ts'
import type { Randomness } from '../../src/wire/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

type Node = CeremonyNetwork['nodes'][number]

const rng = new SeededRng('draws')

/** A network whose first block has come and whose key is made, in epoch 0. */
function made(count: number, seed: string): CeremonyNetwork {
  const network = new CeremonyNetwork(count, seed)
  tick(network)
  network.run(network.nowMs + 15_000)
  assert.ok(networkVersion(network.reader()), 'the network has its key')
  return network
}

/** Has a block made: with this, which changes nothing. */
function tick(network: CeremonyNetwork): void {
  network.submit(network.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
}

function drawOf(network: CeremonyNetwork, node: Node, epoch: number): Randomness {
  const ledger = network.reader()
  const { peerId, state } = node
  const made = draw({ peerId, shares: state.shares, ledger }, epoch, networkVersion(ledger)!, rng)
  assert.ok(made, 'the node has something to say')
  return made
}

/** What became of each transaction in the next block. */
function inBlock(network: CeremonyNetwork, ...said: readonly (readonly [Node, Randomness])[]): string[] {
  const before = network.results.length
  for (const [node, transaction] of said) network.submit(node.world.identity, transaction)
  network.run(network.nowMs)
  return network.results.slice(before, before + said.length).map(result => (result.ok ? 'ok' : result.code))
}

/** The block that opens `epoch`, with what these nodes say of it. */
function open(network: CeremonyNetwork, epoch: number, nodes: readonly Node[]): SettledRecord {
  const said = nodes.map(node => [node, drawOf(network, node, epoch)] as const)
  network.nowMs = epochStartMs(network.ledger.genesis, epoch)
  if (said.length === 0) tick(network)
  const results = inBlock(network, ...said)
  assert.ok(
    results.every(result => result === 'ok'),
    results.join(),
  )
  const settled = settledRandomness(network.reader()).at(-1)!
  assert.equal(settled.epoch, epoch)
  assert.equal(network.ledger.chain.epoch, epoch)
  assert.deepEqual(network.ledger.chain.seed, settled.value, 'it is what ranks the validators')
  return settled
}

function setState(network: CeremonyNetwork, { peerId }: Node, state: MemberRecord['state']): void {
  const { records } = network.ledger
  const member = records.get<MemberRecord>(memberPath(peerId))!
  network.ledger = {
    ...network.ledger,
    records: records.set(memberPath(peerId), { ...member, state }),
  }
}

/** Has the network hand its key on twice: its last node is away for a moment. */
function handOn(network: CeremonyNetwork): void {
  for (const state of ['suspended', 'active'] as const) {
    setState(network, network.nodes.at(-1)!, state)
    tick(network)
    network.run(network.nowMs + 1_000)
  }
  const { generation, slots } = networkVersion(network.reader())!
  assert.equal(generation, 2)
  assert.equal(slots.length, network.nodes.length)
}

const elements = (version: Pick<VersionRecord, 'commitments'>) =>
  version.commitments.map(bytes => ristretto255.decode(bytes))

describe('the network’s key', () => {
  for (const [count, threshold] of [
    [1, 1],
    [2, 2],
    [4, 3],
    [5, 3],
    [7, 4],
  ] as const) {
    it(`is made by ${count} nodes at their first block: a slot each, ${threshold} of them needed`, () => {
      const network = made(count, `made-${count}`)
      const key = network.key(NETWORK_KEY)
      const version = networkVersion(network.reader())!
      assert.equal(version.threshold, threshold)
      assert.ok(threshold > count / 2 && threshold <= quorumOf(count))
      assert.equal(version.slots.length, count)
      assert.equal(new Set(version.slots.map(slot => slot.peerId)).size, count)
      assert.equal(key.owner.length, 0)
      assert.deepEqual(key.rules, [])
      for (const node of network.nodes) assert.equal(network.sharesOnDisk(node, NETWORK_KEY).length, 1)
    })
  }

  it('is nobody’s: no principal makes, changes, retires it or lets anyone use it', () => {
    const network = made(4, 'nobody')
    const { principal } = network
    const from = network.results.length
    network.create(NETWORK_KEY)
    const nonce = new Uint8Array(16)
    const at = { name: NETWORK_KEY, version: 1, generation: 0, nonce } as const
    for (const change of ['rotate', 'refresh', 'reshare'] as const) {
      network.submit(principal, { type: 'change-key', change, ...at })
    }
    network.submit(principal, {
      type: 'retire-version',
      name: NETWORK_KEY,
      version: 1,
      revision: 0,
      change: 'destroy',
    })
    network.submit(principal, { type: 'set-policy', name: NETWORK_KEY, revision: 0, rules: [] })
    network.run(network.nowMs)
    const codes = network.results.slice(from, from + 6).map(result => (result.ok ? 'ok' : result.code))
    assert.deepEqual(codes, ['name_taken', ...new Array(5).fill('forbidden')])
    assert.equal(networkVersion(network.reader())!.state, 'active')
  })

  it('is made though one of four is dead from the start', () => {
    const network = new CeremonyNetwork(4, 'dead')
    network.nodes[1]!.isDown = true
    tick(network)
    network.run(network.nowMs + 15_000)
    assert.equal(networkVersion(network.reader())?.dealings.length, 3)
  })

  it('is tried again when nobody dealt', () => {
    const network = new CeremonyNetwork(4, 'again')
    for (const node of network.nodes) node.isDown = true
    tick(network)
    network.run(network.nowMs + 15_000)
    assert.equal(networkVersion(network.reader()), undefined)
    for (const node of network.nodes) network.restart(node)
    network.run(network.nowMs + 15_000)
    tick(network)
    network.run(network.nowMs + 15_000)
    assert.ok(networkVersion(network.reader()))
  })

  it('follows the members: a leaver’s slot is gone, a newcomer has one, and the secret stays', () => {
    const network = made(7, 'follow')
    const before = networkVersion(network.reader())!
    const leaver = network.nodes[2]!
    setState(network, leaver, 'suspended')
    tick(network)
    network.run(network.nowMs + 10_000)
    const fewer = networkVersion(network.reader())!
    assert.equal(fewer.slots.length, 6)
    assert.equal(fewer.threshold, 4)
    assert.deepEqual(fewer.publicKey, before.publicKey)
    assert.deepEqual(
      fewer.slots.map(({ slot, peerId }) => [slot, peerId]),
      before.slots.filter(({ peerId }) => peerId !== leaver.peerId).map(s => [s.slot, s.peerId]),
    )
    assert.deepEqual(network.sharesOnDisk(leaver, NETWORK_KEY), [])
    setState(network, leaver, 'active')
    tick(network)
    network.run(network.nowMs + 10_000)
    const again = networkVersion(network.reader())!
    assert.equal(again.slots.length, 7)
    assert.equal(again.generation, 2)
    assert.deepEqual(again.publicKey, before.publicKey)
  })

  it('is made anew when a majority of its holders is gone at once, and the old secret is destroyed', () => {
    const network = made(5, 'lost')
    const before = networkVersion(network.reader())!
    for (const node of network.nodes.slice(0, 3)) setState(network, node, 'removed')
    tick(network)
    network.run(network.nowMs + 10_000)
    const after = networkVersion(network.reader())!
    assert.equal(after.version, 2)
    assert.notDeepEqual(after.publicKey, before.publicKey)
    assert.equal(after.slots.length, 2)
    const old = network.ledger.records.get<VersionRecord>(keyPaths.version(before.keyId, 1))!
    assert.equal(old.state, 'destroyed')
  })
})

describe('an epoch’s randomness', () => {
  it('is the key’s value on the epoch’s number: whoever has the record can check it', () => {
    const network = made(5, 'value')
    const settled = open(network, 1, network.nodes)
    assert.ok(settled.source === 'key')
    const { draws, value } = settled
    assert.equal(draws.partials.length, 5)
    assert.deepEqual(draws.commitments[0], networkVersion(network.reader())!.publicKey)
    const partials = draws.partials.map(({ element, ...rest }) => ({
      ...rest,
      element: ristretto255.decode(element),
    }))
    for (const some of [partials, partials.slice(0, 3), partials.slice(2)]) {
      assert.deepEqual(verifyRandomness(1, elements(draws), some), value)
    }
  })

  it('is the same whoever is heard, and needs a majority', () => {
    const values = [
      [0, 1, 2],
      [2, 3, 4],
      [0, 1],
    ].map(heard => {
      const network = made(5, 'same')
      return open(
        network,
        1,
        heard.map(index => network.nodes[index]!),
      )
    })
    assert.deepEqual(
      values.map(({ source }) => source),
      ['key', 'key', 'fallback'],
    )
    assert.deepEqual(values[0]!.value, values[1]!.value)
    assert.notDeepEqual(values[0]!.value, values[2]!.value)
  })

  it('falls back on the value before when too few were heard, says so, and goes on with the key', () => {
    const network = made(4, 'fallback')
    const first = open(network, 1, network.nodes)
    const second = open(network, 2, network.nodes.slice(0, 2))
    assert.ok(second.source === 'fallback')
    assert.deepEqual(second.previous, first.value)
    assert.deepEqual(second.value, fallbackRandomness(2, first.value))
    assert.equal(open(network, 3, network.nodes.slice(1)).source, 'key')
  })

  it('is the hash of the certificate as long as there is no key', () => {
    const network = new CeremonyNetwork(4, 'early')
    for (const node of network.nodes) node.isDown = true
    const settled = open(network, 1, [])
    assert.equal(settled.source, 'certificate')
    assert.deepEqual(settled.value, new Uint8Array(32), 'of the header that this network makes')
  })

  it('is kept with its proofs for four epochs, and what was collected for a skipped one is dropped', () => {
    const network = made(4, 'kept')
    for (let epoch = 1; epoch <= 6; epoch++) open(network, epoch, network.nodes)
    assert.deepEqual(inBlock(network, [network.nodes[0]!, drawOf(network, network.nodes[0]!, 7)]), ['ok'])
    network.nowMs = epochStartMs(network.ledger.genesis, 9)
    tick(network)
    network.run(network.nowMs)
    const paths = [...network.ledger.records.entries(keyPaths.randomnesses)].map(({ path }) => path)
    assert.deepEqual(
      paths,
      [4, 5, 6, 9].map(epoch => keyPaths.randomness(epoch)),
    )
    assert.equal(settledRandomness(network.reader()).at(-1)!.source, 'fallback')
  })
})

describe('a node that starts from a snapshot', () => {
  it('ranks the validators by the same, and has the same parts of the next epoch', () => {
    const network = made(5, 'snapshot')
    open(network, 1, network.nodes)
    open(network, 2, network.nodes.slice(0, 2))
    assert.deepEqual(inBlock(network, [network.nodes[0]!, drawOf(network, network.nodes[0]!, 3)]), ['ok'])
    const { genesis, networkId, records } = network.ledger
    let copy = MerkleMap.empty
    for (const { path, bytes } of records.encoded()) copy = copy.setBytes(path, bytes)
    const state = openState(genesis, networkId, copy)
    assert.deepEqual(state.ranking, network.ledger.ranking)
    assert.deepEqual(coordinatorOf(state), coordinatorOf(network.ledger))
    network.ledger = state
    assert.equal(open(network, 3, network.nodes.slice(1, 3)).source, 'key')
  })
})

describe('parts of the randomness', () => {
  it('are refused, each with its code, when they are late, early, of others or said twice', () => {
    const network = made(4, 'refused')
    const [one, two, three] = network.nodes as [Node, Node, Node]
    open(network, 1, network.nodes)
    const good = drawOf(network, one, 2)
    const outsider = { ...one, world: { ...one.world, identity: network.principal } }
    assert.deepEqual(
      inBlock(
        network,
        [one, { ...good, epoch: 1 }],
        [one, { ...good, epoch: 3 }],
        [one, { ...good, version: 2 }],
        [one, { ...good, generation: 1 }],
        [two, good],
        [outsider, good],
        [one, { ...good, partials: [] }],
        [one, { ...good, partials: [...good.partials, ...good.partials] }],
        [one, good],
        [one, good],
        [one, { ...good, partials: [{ ...good.partials[0]!, element: ristretto255.base.bytes }] }],
      ),
      [
        ...new Array(4).fill('conflict'),
        ...['forbidden', 'forbidden', 'malformed', 'malformed', 'ok', 'conflict'],
        // a slot that has been heard costs no check, and so convicts nobody
        'conflict',
      ],
    )
    setState(network, three, 'suspended')
    assert.deepEqual(inBlock(network, [three, drawOf(network, three, 2)]), ['forbidden'])
    assert.deepEqual(network.convictions(), [])
  })

  it('are refused for an epoch that is settled, though it has only begun', () => {
    const network = made(4, 'settled')
    const late = drawOf(network, network.nodes[3]!, 1)
    open(network, 1, network.nodes.slice(0, 3))
    assert.deepEqual(inBlock(network, [network.nodes[3]!, late]), ['conflict'])
  })

  for (const [what, spoil] of [
    ['a wrong element', (): Uint8Array => ristretto255.base.bytes],
    ['what is no element', (): Uint8Array => new Uint8Array(32).fill(255)],
  ] as const) {
    it(`that are ${what} convict their signer, and the epoch is settled without it`, () => {
      const network = made(4, `bad-${what}`)
      const [cheat, ...others] = network.nodes as [Node, ...Node[]]
      const true1 = drawOf(network, cheat, 1)
      const partials = true1.partials.map(partial => ({ ...partial, element: spoil() }))
      const bad = { ...true1, partials }
      const good = others.map(node => [node, drawOf(network, node, 1)] as const)
      network.nowMs = epochStartMs(network.ledger.genesis, 1)
      assert.deepEqual(inBlock(network, ...good, [cheat, bad]), ['ok', 'ok', 'ok', 'ok'])
      assert.deepEqual(network.convictions(), [`${cheat.peerId} bad_partial`])
      const settled = settledRandomness(network.reader()).at(-1)!
      assert.equal(settled.source, 'key')
      assert.ok(!network.ledger.validators.some(({ peerId }) => peerId === cheat.peerId))
      // its own true word comes too late for it
      assert.deepEqual(inBlock(network, [cheat, { ...true1, epoch: 2 }]), ['forbidden'])
      network.run(network.nowMs + 15_000)
      assert.equal(networkVersion(network.reader())!.slots.length, 3)
      assert.equal(open(network, 2, others).source, 'key')
    })
  }

  it('of a share set that was handed on are refused, and blame nobody', () => {
    const network = made(4, 'refresh')
    const [one, two] = network.nodes as [Node, Node]
    const stale = [one, two].map(node => [node, drawOf(network, node, 1)] as const)
    assert.deepEqual(inBlock(network, stale[0]!), ['ok'])
    handOn(network)
    assert.deepEqual(inBlock(network, stale[1]!), ['conflict'])
    assert.deepEqual(network.convictions(), [])
    // what the one said with its old share counts no more: it says it again
    const settled = open(network, 1, network.nodes)
    assert.ok(settled.source === 'key')
    assert.equal(settled.draws.generation, 2)
    assert.equal(settled.draws.partials.length, 4)
  })

  it('that suffice are kept when the share set is handed on', () => {
    const network = made(4, 'kept-refresh')
    const said = network.nodes.slice(0, 3).map(node => [node, drawOf(network, node, 1)] as const)
    assert.deepEqual(inBlock(network, ...said), ['ok', 'ok', 'ok'])
    handOn(network)
    const last = network.nodes[3]!
    assert.deepEqual(inBlock(network, [last, drawOf(network, last, 1)]), ['conflict'])
    const settled = open(network, 1, [])
    assert.ok(settled.source === 'key')
    assert.equal(settled.draws.generation, 0)
  })

  it('cannot be made with a share of another generation', () => {
    const network = made(4, 'stale')
    const node = network.nodes[0]!
    const path = (): string => {
      const { keyId } = networkVersion(network.reader())!
      return [...node.state.shares.keys()].find(each => each.includes(toHex(keyId)))!
    }
    const old = new Secret(node.state.shares.get(path())!.expose().slice())
    handOn(network)
    const ledger = network.reader()
    const after = networkVersion(ledger)!
    const shares = new Map([[path(), old]])
    assert.equal(draw({ peerId: node.peerId, shares, ledger }, 1, after, rng), undefined)
  })
})
