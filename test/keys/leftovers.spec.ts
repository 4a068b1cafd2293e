import assert from 'node:assert/strict'
import { cryptoReady } from '../../src/crypto/index.ts'
import { vaultPaths } from '../../src/keys/index.ts'
import { CeremonyNetwork } from './ceremony-network.ts'

await cryptoReady

/** After so long a node that has started has looked through the records on its disk. */
const SWEEP_MS = 120_000

type Node = CeremonyNetwork['nodes'][number]

/** A network that has its own key, and so nothing else to do. */
function settled(seed: string): CeremonyNetwork {
  const network = new CeremonyNetwork(5, seed)
  network.submit(network.principal, { type: 'set-policy', name: 'none', revision: 0, rules: [] })
  network.run()
  assert.equal(network.key('beacon').activeVersion, 1)
  return network
}

function keysOn({ disk }: Node): string[] {
  return [...disk.keys()].sort()
}

function newOn(node: Node, before: readonly string[]): string[] {
  const kinds = keysOn(node).filter(key => !before.includes(key))
  return [...new Set(kinds.map(key => key.split('/')[1]!))].sort()
}

/** Three of five neither say that they have their shares nor that one is bad: the ceremony fails at its deadline. */
function keepSilent(network: CeremonyNetwork): void {
  const silent = network.nodes.slice(2)
  network.tamper = (effect, node) => {
    const isWord = effect.type === 'submit' && effect.transaction.type === 'acknowledge'
    return isWord && silent.some(({ peerId }) => peerId === node.peerId) ? [] : [effect]
  }
}

function assertAborted(network: CeremonyNetwork): void {
  assert.equal(network.key('k'), undefined)
}

function recordsOf(network: CeremonyNetwork, name: string): string[] {
  return network.version(name)!.dealings.map(({ recordHash }) => vaultPaths.record(recordHash))
}

describe('a ceremony that is aborted leaves nothing on the disks', () => {
  it('when too few have dealt', () => {
    const network = settled('dealing')
    const before = network.nodes.map(keysOn)
    for (const node of network.nodes.slice(2)) node.isDown = true
    network.create('k')
    network.run(network.nowMs + 1_000)
    assert.deepEqual(newOn(network.nodes[0]!, before[0]!), ['dealing', 'record', 'subshare'])
    network.run(network.nowMs + 30_000)
    assertAborted(network)
    assert.deepEqual(network.nodes.map(keysOn), before)
  })

  it('when too few have acknowledged', () => {
    const network = settled('acknowledging')
    const before = network.nodes.map(keysOn)
    keepSilent(network)
    network.create('k')
    network.run(network.nowMs + 30_000)
    assertAborted(network)
    assert.deepEqual(network.nodes.map(keysOn), before)
    assert.ok(network.nodes.every(({ state }) => state.subshares.size + state.dealings.size === 0))
  })

  it('of a node that was down when it was aborted, once that is back', () => {
    const network = settled('restart')
    const before = network.nodes.map(keysOn)
    keepSilent(network)
    network.create('k')
    network.run(network.nowMs + 1_000)
    const away = network.nodes[4]!
    away.isDown = true
    network.run(network.nowMs + 30_000)
    assertAborted(network)
    assert.deepEqual(newOn(away, before[4]!), ['dealing', 'record', 'subshare'])
    network.restart(away)
    assert.deepEqual(newOn(away, before[4]!), ['record'], 'secrets go at once')
    network.run(network.nowMs + SWEEP_MS)
    assert.deepEqual(network.nodes.map(keysOn), before)
  })

  it('but for a node that may see it open again: it must not deal anew', () => {
    const network = settled('replayed')
    const [node] = network.nodes
    keepSilent(network)
    network.create('k')
    network.run(network.nowMs + 1_000)
    const during = keysOn(node!)
    node!.isDown = true
    network.run(network.nowMs + 30_000)
    assertAborted(network)
    network.replayedHeight = network.ledger.chain.height + 1
    network.restart(node!)
    network.run(network.nowMs + SWEEP_MS)
    assert.deepEqual(keysOn(node!), during)
  })
})

describe('sealed dealings on the disks', () => {
  it('are those of the present shares: a refresh replaces them, and a destroyed version has none', () => {
    const network = settled('refresh')
    const own = network.nodes.map(keysOn)
    network.create('k')
    network.run()
    const first = recordsOf(network, 'k')
    for (const node of network.nodes) assert.ok(first.every(key => node.disk.has(key)))
    const { version, generation } = network.version('k')!
    const nonce = network.rng.bytes(16)
    const refresh = { type: 'change-key', nonce, name: 'k', change: 'refresh', version, generation } as const
    network.submit(network.principal, refresh)
    network.run()
    for (const node of network.nodes) network.restart(node)
    network.run(network.nowMs + SWEEP_MS)
    const second = recordsOf(network, 'k')
    for (const { disk } of network.nodes) {
      assert.ok(first.every(key => !disk.has(key)))
      assert.ok(second.every(key => disk.has(key)))
    }
    const retire = { type: 'retire-version', name: 'k', version, revision: 0, change: 'destroy' } as const
    network.submit(network.principal, retire)
    network.run()
    for (const node of network.nodes) network.restart(node)
    network.run(network.nowMs + SWEEP_MS)
    assert.deepEqual(network.nodes.map(keysOn), own)
  })
})
