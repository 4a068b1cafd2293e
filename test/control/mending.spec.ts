import assert from 'node:assert/strict'
import { equalBytes, OstrakaError } from '../../src/base/index.ts'
import { blockKey, LOG_PREFIXES, mendLog, recoverLog } from '../../src/control/index.ts'
import { createKey, signed, testReducer } from './fixture.ts'
import { Network, type SimNode } from './network.ts'

const SNAPSHOT_INTERVAL = 10
const BLOCKS = 25

/** Four validators that have made some blocks; the first of them is the one whose disk is damaged. */
function withBlocks(nodes = 4, keptBlocks = 0): { network: Network; hurt: SimNode; others: SimNode[] } {
  const limits = { snapshotInterval: SNAPSHOT_INTERVAL, keptBlocks }
  const network = new Network({ nodes, seed: 'mending', timing: { epochMs: 2000 }, limits })
  network.startAll()
  const [hurt, ...others] = network.nodes as [SimNode, ...SimNode[]]
  const submitter = others[0] ?? hurt
  for (let number = 0; number < BLOCKS; number++) {
    network.submit(submitter, `t${number}`, signed(network.genesis, createKey(`k${number}`)))
    network.runUntil(() => submitter.outcomes.has(`t${number}`), 20_000, 'a block')
  }
  network.runUntil(() => network.heightOf(hurt) === network.heightOf(submitter), 20_000, 'all level')
  network.run(5)
  network.stop(hurt)
  return { network, hurt, others }
}

function optionsOf(network: Network, node: SimNode) {
  return { genesis: network.genesis, key: node.key, reducer: testReducer }
}

/** What the node's start does when it finds `damaged` entries, or a log that does not hang together. */
function mend(network: Network, node: SimNode, damaged: readonly string[]): number {
  const entries = [...node.store]
    .filter(([key]) => LOG_PREFIXES.some(prefix => key.startsWith(prefix)) && !damaged.includes(key))
    .map(([key, value]) => ({ key, value }))
  const { writes, height, entries: left } = mendLog(optionsOf(network, node), entries, damaged)
  for (const { key, value } of writes) {
    if (value === null) node.store.delete(key)
    else node.store.set(key, value)
  }
  assert.equal(recoverLog(optionsOf(network, node), left).ledger.chain.height, height)
  return height
}

function runUntilItVotes(network: Network, node: SimNode, witness: SimNode): void {
  const votes = (): boolean =>
    network.heightOf(node) === network.heightOf(witness) &&
    network
      .view(witness)
      .tip!.certificate.signatures.some(({ signer }) => equalBytes(signer, node.key.publicKey))
  network.runUntil(votes, 60_000, 'it votes')
}

const keysUnder = (node: SimNode, prefix: string): string[] =>
  [...node.store.keys()].filter(key => key.startsWith(prefix)).sort()

describe('a damaged control log', () => {
  for (const [what, damage, leaves] of [
    ['a block', () => [blockKey(23)], 22],
    ['the newest block', node => [keysUnder(node, 'log/block/').at(-1)!], undefined],
    ['a snapshot', node => [keysUnder(node, 'log/snapshot/')[0]!], 0],
    ['blocks and a snapshot', node => [blockKey(24), keysUnder(node, 'log/snapshot/')[0]!], 0],
  ] as const satisfies ReadonlyArray<
    readonly [string, (node: SimNode) => readonly string[], number | undefined]
  >) {
    it(`in ${what} is fetched from the others, and its node contradicts nothing it has voted`, () => {
      const { network, hurt, others } = withBlocks()
      const top = Number(keysUnder(hurt, 'log/block/').at(-1)!.slice(-12))
      assert.equal(mend(network, hurt, damage(hurt)), leaves ?? top - 1)
      network.start(hurt)
      // it may have dealt in ceremonies that will look open to it once more
      assert.equal(network.view(hurt).replayedHeight, top)
      runUntilItVotes(network, hurt, others[0]!)
      assert.deepEqual(network.contradictions, [])
      assert.ok(hurt.store.has(blockKey(network.heightOf(hurt))))
    })
  }

  it('in the votes makes its node abstain from the height that was running, and from no other', () => {
    const { network, hurt, others } = withBlocks()
    network.start(hurt)
    network.submit(hurt, 'more', signed(network.genesis, createKey('more')))
    network.runUntil(() => hurt.store.has('log/wal/votes'), 5000, 'a vote')
    const height = network.heightOf(hurt)
    network.stop(hurt)
    assert.equal(mend(network, hurt, ['log/wal/votes']), height)
    network.start(hurt)
    assert.equal(network.view(hurt).recovery, 'abstaining')
    assert.equal(network.view(hurt).forgottenHeight, 0)
    runUntilItVotes(network, hurt, others[0]!)
    assert.deepEqual(network.contradictions, [])
  })

  it('keeps the votes of the running height for when the blocks below it are back', () => {
    const { network, hurt, others } = withBlocks()
    network.start(hurt)
    // nobody else may decide the height before the node is back
    network.reachable = () => false
    network.submit(hurt, 'more', signed(network.genesis, createKey('more')))
    network.runUntil(() => hurt.store.has('log/wal/votes'), 5000, 'a vote')
    const votes = hurt.store.get('log/wal/votes')
    network.stop(hurt)
    mend(network, hurt, [blockKey(22)])
    assert.deepEqual(hurt.store.get('log/wal/votes'), votes)
    network.start(hurt)
    network.reachable = () => true
    runUntilItVotes(network, hurt, others[0]!)
    assert.deepEqual(network.contradictions, [])
  })

  it('without a wrong checksum, such as a hole, is mended alike', () => {
    const { network, hurt, others } = withBlocks()
    hurt.store.delete(blockKey(23))
    assert.equal(mend(network, hurt, []), 22)
    network.start(hurt)
    runUntilItVotes(network, hurt, others[0]!)
  })

  it('under its snapshot costs what is below it, and no more', () => {
    const { network, hurt, others } = withBlocks(4, 15)
    const height = Number(keysUnder(hurt, 'log/block/').at(-1)!.slice(-12))
    assert.equal(mend(network, hurt, [blockKey(12)]), height)
    network.start(hurt)
    assert.equal(network.view(hurt).recovery, null)
    assert.equal(keysUnder(hurt, 'log/block/')[0], blockKey(13))
    runUntilItVotes(network, hurt, others[0]!)
    assert.deepEqual(network.contradictions, [])
  })

  it('in a snapshot is replayed where all blocks are kept', () => {
    const { network, hurt, others } = withBlocks(4, 100)
    const height = Number(keysUnder(hurt, 'log/block/').at(-1)!.slice(-12))
    assert.equal(mend(network, hurt, [keysUnder(hurt, 'log/snapshot/')[0]!]), height)
    network.start(hurt)
    runUntilItVotes(network, hurt, others[0]!)
    assert.deepEqual(network.contradictions, [])
  })

  it('is not mended where nobody else has it, unless it is under the snapshot', () => {
    const { network, hurt } = withBlocks(1, 15)
    assert.equal(mend(network, hurt, [blockKey(12)]), BLOCKS)
    assert.throws(() => mend(network, hurt, [blockKey(23)]), { code: 'storage_corrupt' })
    assert.ok(hurt.store.has(blockKey(23)))
  })
})

describe('a part of the control log that is found damaged while its node runs', () => {
  const CACHED = 5

  /** Nodes that have made 25 blocks and keep few of them in memory; the last of them has slept. */
  function withLaggard(nodes = 4): { network: Network; hurt: SimNode; late: SimNode } {
    const limits = { snapshotInterval: 1000, cacheCount: CACHED }
    const network = new Network({ nodes, seed: 'damage', timing: { epochMs: 60_000 }, limits })
    const [hurt, late] = [network.nodes[0]!, network.nodes.at(-1)!]
    for (const node of network.nodes) if (node !== late || nodes === 1) network.start(node)
    network.run(20)
    for (let number = 0; number < BLOCKS; number++) decide(network, hurt, `k${number}`)
    return { network, hurt, late }
  }

  function decide(network: Network, node: SimNode, name: string): void {
    network.submit(node, name, signed(network.genesis, createKey(name)))
    network.runUntil(() => node.outcomes.has(name), 20_000, 'a block')
  }

  function found(network: Network, node: SimNode, key: string): void {
    node.damaged.add(key)
    const error = new OstrakaError('storage_corrupt', 'a stored value is damaged', { key })
    network.feed(node, { type: 'damaged', error })
  }

  /** Its store holds all of its log again: it starts as what it was, and may vote. */
  function isWhole(network: Network, node: SimNode): void {
    assert.deepEqual([...node.damaged], [])
    const height = network.heightOf(node)
    network.stop(node)
    network.start(node)
    assert.deepEqual([network.heightOf(node), network.view(node).recovery], [height, null])
  }

  it('is not served, and a snapshot replaces it at the next block', () => {
    const { network, hurt, late } = withLaggard()
    hurt.damaged.add(blockKey(7))
    // the newcomer reaches this node alone
    network.reachable = (from, to) => [from, to].every(each => each !== late) || [from, to].includes(hurt)
    network.start(late)
    network.runUntil(() => late.notes.some(note => note.includes('storage_corrupt')), 20_000, 'a refusal')
    assert.ok(hurt.notes.some(note => note.includes(blockKey(7)) && note.includes('snapshot')))
    decide(network, hurt, 'next')
    network.runUntil(() => network.heightOf(late) === network.heightOf(hurt), 60_000, 'level')
    assert.deepEqual(late.restored, [BLOCKS])
    isWhole(network, hurt)
    assert.deepEqual(network.contradictions, [])
  })

  it('is written again at once while it is in memory', () => {
    const { network, hurt } = withLaggard()
    for (const key of [blockKey(BLOCKS - 1), `log/header/${blockKey(BLOCKS).slice(-12)}`]) {
      const sound = hurt.store.get(key)
      hurt.store.set(key, new Uint8Array(3))
      found(network, hurt, key)
      assert.deepEqual(hurt.store.get(key), sound)
    }
    assert.deepEqual(keysUnder(hurt, 'log/snapshot/'), [])
    isWhole(network, hurt)
  })

  it('does not cost a network of one its log', () => {
    const { network, hurt } = withLaggard(1)
    found(network, hurt, blockKey(7))
    decide(network, hurt, 'next')
    network.run(10)
    isWhole(network, hurt)
  })

  it('is replaced where it belongs to a snapshot, once', () => {
    const { network, hurt } = withLaggard(1)
    found(network, hurt, blockKey(7))
    decide(network, hurt, 'next')
    network.run(10)
    const old = keysUnder(hurt, 'log/snapshot/')
    found(network, hurt, old[0]!)
    decide(network, hurt, 'after')
    network.run(10)
    const replaced = keysUnder(hurt, 'log/snapshot/')
    assert.ok(replaced.length > 0 && replaced.every(key => !old.includes(key)))
    decide(network, hurt, 'last')
    network.run(10)
    assert.deepEqual(keysUnder(hurt, 'log/snapshot/'), replaced)
    isWhole(network, hurt)
  })

  it('is left alone, and said, where it is neither', () => {
    const { network, hurt } = withLaggard(1)
    const key = `log/header/${blockKey(3).slice(-12)}`
    found(network, hurt, key)
    assert.ok(hurt.notes.some(note => note.includes(key) && note.includes('not served any more')))
    decide(network, hurt, 'next')
    network.run(10)
    assert.deepEqual(keysUnder(hurt, 'log/snapshot/'), [])
  })
})
