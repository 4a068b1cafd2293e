import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { blockKey, LOG_PREFIXES, type LogState, recoverLog, viewLog } from '../../src/control/index.ts'
import { DEFAULT_LIMITS } from '../../src/control/log-types.ts'
import { blocksBetween, type SnapshotMeta } from '../../src/control/snapshots.ts'
import { createKey, signed, testReducer } from './fixture.ts'
import { Network, type SimNode } from './network.ts'

function withBlocks(blocks: number, snapshotInterval: number, keptBlocks = 0) {
  const network = new Network({
    nodes: 1,
    seed: 'recovery',
    timing: { epochMs: 60_000 },
    limits: { snapshotInterval, keptBlocks },
  })
  const node = network.nodes[0]!
  network.start(node)
  for (let number = 0; number < blocks; number++) {
    network.submit(node, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
    network.run(10)
  }
  return { network, node }
}

function recover(network: Network, node: SimNode): LogState {
  const entries = [...node.store].map(([key, value]) => ({ key, value }))
  return recoverLog({ genesis: network.genesis, key: node.key, reducer: testReducer }, entries.reverse())
}

describe('a snapshot', () => {
  const limits = { ...DEFAULT_LIMITS, snapshotInterval: 64, keptBlocks: 1024 }
  const part = { depth: 0, root: new Uint8Array(32) }
  const after = (count: number): number =>
    blocksBetween({ parts: Array.from({ length: count }, () => part) } as unknown as SnapshotMeta, limits)

  it('is due the sooner the smaller it is, and before the blocks that are kept have all gone', () => {
    assert.equal(blocksBetween(null, limits), 64)
    assert.deepEqual([1, 4, 5, 16, 2000].map(after), [64, 64, 80, 256, 1024])
  })
})

describe('recovery', () => {
  for (const [blocks, interval] of [
    [0, 10],
    [7, 10],
    [10, 10],
    [11, 10],
    [35, 10],
  ] as const) {
    it(`gives the state that was, after ${blocks} blocks with a snapshot every ${interval}`, () => {
      const { network, node } = withBlocks(blocks, interval)
      const before = network.view(node)
      assert.equal(before.height, blocks)
      const after = viewLog(recover(network, node), network.nowMs)
      assert.equal(after.height, blocks)
      assert.equal(toHex(after.state.records.root()), toHex(before.state.records.root()))
      assert.deepEqual(after.tip, before.tip)
      const kept = [...node.store.keys()].filter(key => key.startsWith('log/block/')).length
      assert.ok(kept <= interval + 1, `${kept} whole blocks are kept`)
    })
  }

  it('keeps blocks under the snapshot as long as they hang together with it, and throws the others away', () => {
    const { network, node } = withBlocks(35, 10, 15)
    const kept = (): number[] =>
      [...node.store.keys()].filter(key => key.startsWith('log/block/')).map(key => Number(key.slice(-12)))
    const from = (lowest: number): number[] => Array.from({ length: 36 - lowest }, (_, at) => lowest + at)
    assert.deepEqual(kept(), from(16))
    network.stop(node)
    node.store.delete(blockKey(19))
    network.start(node)
    assert.equal(network.view(node).height, 35)
    assert.deepEqual(kept(), from(20))
  })

  it('needs no header: those are for others', () => {
    const { network, node } = withBlocks(25, 10)
    const keys = [...node.store.keys()].filter(key => LOG_PREFIXES.some(prefix => key.startsWith(prefix)))
    assert.ok(!keys.some(key => key.startsWith('log/header/')))
    network.stop(node)
    network.start(node)
    assert.equal(network.view(node).height, 25)
  })

  it('refuses a store with a hole, a damaged block, a damaged snapshot or votes above its blocks', () => {
    const damage: Record<string, (store: Map<string, Uint8Array>) => void> = {
      hole: store => store.delete(blockKey(23)),
      'damaged block': store => store.set(blockKey(23), store.get(blockKey(23))!.slice(1)),
      'exchanged blocks': store => store.set(blockKey(23), store.get(blockKey(22))!),
      'damaged snapshot': store => {
        const key = [...store.keys()].find(one => one.startsWith('log/snapshot/') && !one.endsWith('/meta'))!
        const bytes = store.get(key)!.slice()
        bytes[Buffer.from(bytes).indexOf('owner') + 12]! ^= 1
        store.set(key, bytes)
      },
      'lost part': store => {
        store.delete(
          [...store.keys()].find(one => one.startsWith('log/snapshot/') && !one.endsWith('/meta'))!,
        )
      },
    }
    for (const [what, change] of Object.entries(damage)) {
      const { network, node } = withBlocks(25, 10)
      change(node.store)
      assert.throws(() => recover(network, node), { code: 'storage_corrupt' }, what)
    }
  })

  it('refuses votes above its blocks: a node whose blocks were rolled back could contradict itself', () => {
    const network = new Network({ nodes: 4, seed: 'rolled-back' })
    network.startAll()
    const node = network.nodes[0]!
    network.submit(node, 't', signed(network.genesis, createKey('k')))
    network.runUntil(() => network.heightOf(node) === 1, 2000, 'a block')
    network.submit(node, 'u', signed(network.genesis, createKey('l')))
    network.runUntil(() => node.store.has('log/wal/votes'), 2000, 'a vote')
    node.store.delete(blockKey(1))
    assert.throws(() => recover(network, node), { code: 'storage_corrupt' })
  })

  it('throws away what a crash amid a snapshot left', () => {
    const { network, node } = withBlocks(5, 10)
    network.stop(node)
    node.store.set('log/snapshot/000000000004/000000000000', new Uint8Array([1]))
    network.start(node)
    assert.equal(network.view(node).height, 5)
    assert.ok(!node.store.has('log/snapshot/000000000004/000000000000'))
  })
})
