import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { blockIdOf } from '../../src/control/index.ts'
import type { CertifiedBlock, PeerAnswer } from '../../src/wire/index.ts'
import { createKey, signed } from './fixture.ts'
import { Network, type NetworkOptions, type SimNode } from './network.ts'

/** A network in which the last node sleeps while the others make `blocks` blocks. */
function withLaggard(
  blocks: number,
  options: Partial<NetworkOptions> = {},
): { network: Network; late: SimNode } {
  const network = new Network({ nodes: 4, seed: 'laggard', timing: { epochMs: 60_000 }, ...options })
  const late = network.nodes.at(-1)!
  for (const node of network.nodes) if (node !== late) network.start(node)
  network.run(20)
  makeBlocks(network, blocks, 'k')
  return { network, late }
}

function makeBlocks(network: Network, blocks: number, name: string): void {
  const node = network.nodes[0]!
  for (let number = 0; number < blocks; number++) {
    const token = `${name}${number}`
    network.submit(node, token, signed(network.genesis, createKey(token)))
    network.runUntil(() => node.outcomes.has(token), 5000, 'inclusion')
  }
}

function rootOf(network: Network, node: SimNode): string {
  return toHex(network.state(node).records.root())
}

function isLevel(network: Network, late: SimNode): boolean {
  return network.heightOf(late) >= network.heightOf(network.nodes[0]!)
}

describe('a node that lags', () => {
  it('fetches the blocks it missed and votes again', () => {
    const { network, late } = withLaggard(30, { limits: { snapshotInterval: 64 } })
    network.start(late)
    network.runUntil(() => isLevel(network, late), 2000, 'level')
    assert.equal(rootOf(network, late), rootOf(network, network.nodes[0]!))
    assert.equal(late.restored.length, 0)
    network.stop(network.nodes[1]!)
    makeBlocks(network, 2, 'more')
    assert.deepEqual(network.contradictions, [])
  })

  it('makes no votes for heights that it merely catches up with', () => {
    const { network, late } = withLaggard(100)
    const writes: number[] = []
    network.start(late)
    network.runUntil(() => isLevel(network, late), 2000, 'level')
    writes.push(late.persists)
    assert.ok(late.persists < 20, `${late.persists} writes for 100 blocks`)
  })

  it('takes a snapshot when the blocks are pruned, then the blocks above it, and keeps it over a restart', () => {
    const { network, late } = withLaggard(25, { limits: { snapshotInterval: 10 } })
    assert.equal([...network.nodes[0]!.store.keys()].filter(key => key.startsWith('log/block/')).length, 5)
    assert.equal([...network.nodes[0]!.store.keys()].filter(key => key.startsWith('log/header/')).length, 25)
    network.start(late)
    network.runUntil(() => isLevel(network, late), 3000, 'level')
    assert.deepEqual(late.restored, [20])
    assert.equal(rootOf(network, late), rootOf(network, network.nodes[0]!))
    network.stop(late)
    network.start(late)
    assert.equal(rootOf(network, late), rootOf(network, network.nodes[0]!))
    assert.equal(network.view(late).height, 25)
    network.stop(network.nodes[1]!)
    makeBlocks(network, 2, 'more')
    // it can serve what it took
    network.start(network.nodes[1]!)
    network.runUntil(() => isLevel(network, network.nodes[1]!), 5000, 'level')
  })

  it('is given the blocks under a snapshot that are kept, also by a node that has started anew meanwhile', () => {
    const { network, late } = withLaggard(25, { limits: { snapshotInterval: 10, keptBlocks: 20 } })
    const [server] = network.nodes
    network.stop(server!)
    network.start(server!)
    network.reachable = (from, to) => [from, to].every(each => each !== late) || [from, to].includes(server!)
    network.start(late)
    network.runUntil(() => isLevel(network, late), 3000, 'level')
    assert.deepEqual(late.restored, [])
    assert.equal(rootOf(network, late), rootOf(network, server!))
  })

  it('takes a snapshot over a change of who votes, its own suspension among them', () => {
    const { network, late } = withLaggard(3, { nodes: 5, limits: { snapshotInterval: 10 } })
    const token = `suspend.${late.peerId}`
    const [first] = network.nodes
    network.submit(first!, token, signed(network.genesis, createKey(token)))
    network.runUntil(() => first!.outcomes.has(token), 5000, 'inclusion')
    assert.equal(network.view(first!).validators.length, 4)
    // three of the four that still vote are a quorum of them, though none of the five that the late node knows
    network.stop(network.nodes[1]!)
    makeBlocks(network, 25, 'more')
    network.start(late)
    network.runUntil(() => isLevel(network, late), 5000, 'level')
    assert.equal(late.restored.length, 1)
    assert.equal(rootOf(network, late), rootOf(network, first!))
  })

  it('keeps its own old blocks and snapshot until a newer snapshot is whole', () => {
    const { network, late } = withLaggard(3, { limits: { snapshotInterval: 10 } })
    network.start(late)
    network.runUntil(() => isLevel(network, late), 5000, 'level')
    network.stop(late)
    makeBlocks(network, 30, 'more')
    network.start(late)
    network.runUntil(() => isLevel(network, late), 3000, 'level')
    const keys = [...late.store.keys()]
      .filter(key => key.startsWith('log/block/') || key.endsWith('/meta'))
      .sort()
    assert.deepEqual(keys.slice(-1), ['log/snapshot/000000000030/meta'])
    assert.equal(keys.length, 4, keys.join())
  })

  it('gets there through loss and many parts', () => {
    const { network, late } = withLaggard(40, { limits: { snapshotInterval: 15, cacheCount: 2 } })
    network.loss = 0.2
    network.start(late)
    network.runUntil(() => isLevel(network, late), 120_000, 'level')
    assert.equal(rootOf(network, late), rootOf(network, network.nodes[0]!))
  })
})

describe('a lying peer', () => {
  function forged(certified: CertifiedBlock): CertifiedBlock {
    const { block } = certified
    return { ...certified, block: { ...block, header: { ...block.header, timeMs: block.header.timeMs + 1 } } }
  }

  /** Only the liar has blocks to offer, until it has been asked. */
  function lie(network: Network, late: SimNode, change: (answer: PeerAnswer) => PeerAnswer): void {
    const liar = network.nodes[0]!
    let lies = 0
    network.answerMeddle = (from, answer) => {
      if (from !== liar) return answer
      const changed = change(answer)
      if (changed !== answer) lies++
      return changed
    }
    const isLiar = (node: SimNode): boolean => node === liar
    let lonelyUntilMs = Number.POSITIVE_INFINITY
    network.reachable = (from, to) =>
      network.nowMs > lonelyUntilMs || (from !== late && to !== late) || isLiar(from) || isLiar(to)
    network.start(late)
    network.runUntil(() => lies > 0, 5000, 'a lie')
    lonelyUntilMs = network.nowMs + 8000
    network.runUntil(() => isLevel(network, late), 60_000, 'level in spite of it')
    assert.equal(rootOf(network, late), rootOf(network, network.nodes[1]!))
    assert.equal(late.notes.length, 1, 'a liar is not asked again soon')
    assert.match(late.notes[0]!, /bad_/)
  }

  it('cannot pass off a forged block', () => {
    const { network, late } = withLaggard(10)
    lie(network, late, answer =>
      answer.type === 'blocks' && answer.blocks.length > 3
        ? { ...answer, blocks: answer.blocks.map((one, at) => (at === 3 ? forged(one) : one)) }
        : answer,
    )
  })

  it('cannot pass off a block with too few signatures', () => {
    const { network, late } = withLaggard(10)
    lie(network, late, answer =>
      answer.type === 'blocks' && answer.blocks.length > 0
        ? {
            ...answer,
            blocks: answer.blocks.map(one => ({
              ...one,
              certificate: { ...one.certificate, signatures: one.certificate.signatures.slice(1) },
            })),
          }
        : answer,
    )
  })

  it('cannot pass off a forged snapshot', () => {
    const { network, late } = withLaggard(25, { limits: { snapshotInterval: 10 } })
    lie(network, late, answer => {
      if (answer.type !== 'snapshot') return answer
      const bytes = answer.bytes.slice()
      // one byte of the owner's public key in one record
      const at = Buffer.from(bytes).indexOf('owner')
      bytes[at + 12]! ^= 1
      return { ...answer, bytes }
    })
  })

  it('cannot pass off a forged snapshot with a header made to match', () => {
    const { network, late } = withLaggard(25, { limits: { snapshotInterval: 10 } })
    let root = new Uint8Array(32)
    lie(network, late, answer => {
      if (answer.type === 'snapshot') {
        const bytes = answer.bytes.slice()
        bytes[Buffer.from(bytes).indexOf('owner') + 12]! ^= 1
        return { ...answer, bytes }
      }
      if (answer.type === 'manifest') {
        root = answer.parts[0]!.root.slice()
        root[0]! ^= 1
        return { ...answer, parts: [{ depth: 0, root }] }
      }
      if (answer.type !== 'headers' || answer.headers.length === 0) return answer
      const last = answer.headers.at(-1)!
      const header = { ...last.header, stateRoot: root }
      const certificate = { ...last.certificate, blockId: blockIdOf(header) }
      return { ...answer, headers: [...answer.headers.slice(0, -1), { header, certificate }] }
    })
    assert.ok(
      late.notes.some(note => note.includes('bad_certificate')),
      late.notes.join(),
    )
  })

  it('cannot hold up a node by claiming a height that nobody has', () => {
    const network = new Network({ nodes: 4, seed: 'boaster', timing: { epochMs: 2000 } })
    const liar = network.nodes[0]!
    liar.isHonest = false
    network.meddle = (from, _to, message) =>
      from === liar && message.type === 'status' ? [{ type: 'status', height: 1_000_000 }] : [message]
    network.startAll()
    network.run(3000)
    const node = network.nodes[1]!
    const startMs = network.nowMs
    network.submit(node, 't', signed(network.genesis, createKey('k')))
    network.runUntil(() => node.outcomes.has('t'), 3000, 'inclusion')
    assert.ok(network.nowMs - startMs < 1500)
  })
})

describe('members that do not vote', () => {
  it('follow the log by gossip and by fetching, and their transactions get into it', () => {
    const network = new Network({ nodes: 20, seed: 'observers', timing: { epochMs: 60_000 } })
    network.startAll()
    network.run(20)
    const observers = network.nodes.filter(node => !network.view(node).isValidator)
    assert.equal(observers.length, 4)
    const [one, two] = observers as [SimNode, SimNode]
    network.run(10_000)
    assert.equal(network.view(one).answering, 16, 'it knows who answers')
    network.submit(one, 't', signed(network.genesis, createKey('k')))
    network.runUntil(() => one.outcomes.has('t'), 3000, 'inclusion')
    network.stop(two)
    network.submit(one, 'u', signed(network.genesis, createKey('l')))
    network.runUntil(() => one.outcomes.has('u'), 3000, 'inclusion')
    network.start(two)
    network.runUntil(() => network.heightOf(two) === 2, 10_000, 'the one that slept')
    network.runUntil(() => network.nodes.every(node => network.heightOf(node) === 2), 10_000, 'all')
  })
})
