import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { MerkleMap } from '../../src/control/merkle-map.ts'
import { rootOfCut } from '../../src/control/merkle-trie.ts'
import { isPart } from '../../src/control/snapshots.ts'
import type { PeerAnswer, SnapshotAnswer } from '../../src/wire/index.ts'
import { createKey, signed } from './fixture.ts'
import { Network, type SimNode } from './network.ts'

/** A state of about nine parts, and a node that was away; `first` alone can be asked until `end` is called. */
function withLargeState(): {
  network: Network
  late: SimNode
  first: SimNode
  asked: Map<number, number>
  end: () => void
} {
  const network = new Network({
    nodes: 4,
    seed: 'parts',
    timing: { epochMs: 60_000 },
    limits: { snapshotInterval: 4 },
  })
  const late = network.nodes.at(-1)!
  const [first] = network.nodes
  for (const node of network.nodes) if (node !== late) network.start(node)
  network.run(20)
  for (let number = 0; number < 24; number++) {
    const token = number < 8 ? `big.${number}` : `k${number}`
    network.submit(first!, token, signed(network.genesis, createKey(token)))
    network.runUntil(() => first!.outcomes.has(token), 5000, 'inclusion')
    network.run(50)
  }
  let isLonely = true
  network.reachable = (from, to) =>
    !isLonely || (from !== late && to !== late) || from === first || to === first
  const asked = new Map<number, number>()
  const answerMeddle = (from: SimNode, answer: PeerAnswer): PeerAnswer => {
    if (answer.type === 'snapshot') asked.set(from.index, (asked.get(from.index) ?? 0) + 1)
    return answer
  }
  network.answerMeddle = answerMeddle
  const end = (): void => {
    isLonely = false
  }
  return { network, late, first: first!, asked, end }
}

function isLevel(network: Network, late: SimNode): boolean {
  return network.heightOf(late) >= network.heightOf(network.nodes[1]!)
}

describe('the parts of a snapshot', () => {
  it('are subtrees whose roots determine the state’s root, whatever their number', () => {
    let map = MerkleMap.empty
    for (const size of [0, 1, 2, 3, 40, 200]) {
      while (map.size < size) map = map.set(`record/${map.size}`, { filler: new Uint8Array(map.size * 3) })
      for (const maxBytes of [1, 300, 5000, 1_000_000]) {
        const parts = [...map.pieces(maxBytes)].map(({ depth, root }) => ({ depth, root }))
        assert.equal(toHex(rootOfCut(parts)!), toHex(map.root()), `${size} records, ${maxBytes} bytes`)
        const [one, ...others] = parts
        if (others.length === 0) continue
        assert.equal(rootOfCut(others), undefined)
        assert.equal(rootOfCut([one!, ...parts]), undefined)
        const swapped = rootOfCut([others[0]!, one!, ...others.slice(1)])
        assert.notEqual(swapped && toHex(swapped), toHex(map.root()))
      }
    }
    assert.equal(rootOfCut([]), undefined)
  })

  it('are told from others before they are kept: bytes, order and place count', () => {
    const { network, late, end } = withLargeState()
    const parts: SnapshotAnswer[] = []
    let contents: readonly { depth: number; root: Uint8Array }[] = []
    network.answerMeddle = (_from, answer) => {
      if (answer.type === 'snapshot') parts.push(answer)
      if (answer.type === 'manifest') contents = answer.parts
      return answer
    }
    end()
    network.start(late)
    network.runUntil(() => isLevel(network, late), 20_000, 'level')
    assert.ok(parts.length >= 6, `${parts.length} parts`)
    for (const [index, { bytes }] of parts.entries()) {
      assert.ok(isPart(bytes, contents[index]!))
      assert.ok(!isPart(bytes, contents[(index + 1) % contents.length]!))
    }
  })

  it('are asked of another peer after the first bad one; the liar is noted, and what was verified is kept', () => {
    const { network, late, first, asked, end } = withLargeState()
    const meddle = network.answerMeddle!
    let answers = 0
    let parts = 0
    network.answerMeddle = (from, answer) => {
      const { type } = meddle(from, answer)
      if (answer.type === 'manifest') parts = answer.parts.length
      if (from !== first || type !== 'snapshot' || ++answers < 4) return answer
      end()
      return { ...answer, bytes: new Uint8Array([0x80]) } as PeerAnswer
    }
    network.start(late)
    const startMs = network.nowMs
    network.runUntil(() => isLevel(network, late), 30_000, 'level')
    assert.equal(asked.get(first.index), 4, 'three good parts and a bad one')
    const others = [...asked].filter(([index]) => index !== first.index).map(([, count]) => count)
    assert.equal(
      others.reduce((sum, count) => sum + count, 0),
      parts - 3,
    )
    assert.ok(network.nowMs - startMs < 5000, `${network.nowMs - startMs} ms`)
    assert.ok(
      late.notes.some(note => note.includes('lied') && note.includes(first.peerId)),
      late.notes.join(),
    )
  })

  it('are not asked for when the list of them is not that of the certified state', () => {
    const { network, late, first, asked, end } = withLargeState()
    const meddle = network.answerMeddle!
    network.answerMeddle = (from, answer) => {
      meddle(from, answer)
      if (answer.type !== 'manifest' || from !== first) return answer
      end()
      const parts = answer.parts.map(({ depth, root }, index) => ({
        depth,
        root: index === 0 ? new Uint8Array(32).fill(1) : root,
      }))
      return { ...answer, parts }
    }
    network.start(late)
    network.runUntil(() => isLevel(network, late), 30_000, 'level')
    assert.equal(asked.get(first.index), undefined)
    assert.ok(
      late.notes.some(note => note.includes('lied') && note.includes(first.peerId)),
      late.notes.join(),
    )
  })

  it('must come at a rate: a peer that lets each wait just short of its deadline is left, and others go on', () => {
    const { network, late, first, asked, end } = withLargeState()
    network.answerDelayMs = (from, answer) => (from === first && answer.type === 'snapshot' ? 9900 : 0)
    network.start(late)
    network.runUntil(() => (asked.get(first.index) ?? 0) > 0, 30_000, 'the slow one is asked')
    end()
    const startMs = network.nowMs
    network.runUntil(() => isLevel(network, late), 60_000, 'level')
    assert.ok(network.nowMs - startMs < 45_000, `${network.nowMs - startMs} ms`)
    assert.ok((asked.get(first.index) ?? 0) <= 4, `${asked.get(first.index)} parts of the slow one`)
  })
})
