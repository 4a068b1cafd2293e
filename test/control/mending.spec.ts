import assert from 'node:assert/strict'
import { equalBytes } from '../../src/base/index.ts'
import { blockKey, LOG_PREFIXES, mendLog, recoverLog } from '../../src/control/index.ts'
import { createKey, signed, testReducer } from './fixture.ts'
import { Network, type SimNode } from './network.ts'

const SNAPSHOT_INTERVAL = 10
const BLOCKS = 25

/** Four validators that have made some blocks; the first of them is the one whose disk is damaged. */
function withBlocks(nodes = 4): { network: Network; hurt: SimNode; others: SimNode[] } {
  const limits = { snapshotInterval: SNAPSHOT_INTERVAL }
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

  it('is not mended where nobody else has it', () => {
    const { network, hurt } = withBlocks(1)
    assert.throws(() => mend(network, hurt, [blockKey(23)]), { code: 'storage_corrupt' })
    assert.ok(hurt.store.has(blockKey(23)))
  })
})
