import assert from 'node:assert/strict'
import { type MemberRecord, memberPath } from '../../src/control/index.ts'
import { createKey, signed } from './fixture.ts'
import { codeOf, Network, type SimNode } from './network.ts'

describe('networks of every size', () => {
  for (const nodes of [1, 4, 5, 7, 16]) {
    it(`${nodes} validators decide what is submitted to any of them, in one block time, and agree`, () => {
      const network = new Network({ nodes, seed: `size-${nodes}` })
      network.startAll()
      network.run(100)
      const startMs = network.nowMs
      for (const node of network.nodes) {
        network.submit(node, 'one', signed(network.genesis, createKey(`k${node.index}`)), 5000)
      }
      network.runUntil(() => network.nodes.every(node => node.outcomes.has('one')), 2000, 'inclusion')
      for (const node of network.nodes) assert.equal(codeOf(node.outcomes.get('one')), 'ok')
      assert.ok(network.nowMs - startMs < 300, `took ${network.nowMs - startMs} ms`)
      network.run(35_000)
      const heights = network.nodes.map(node => network.view(node).height)
      assert.ok(Math.max(...heights) - Math.min(...heights) <= 1, heights.join())
      assert.ok(
        Math.min(...heights) >= 4 && Math.max(...heights) <= 8,
        `one block an epoch when idle: ${heights}`,
      )
      assert.deepEqual(network.contradictions, [])
    })
  }

  it('members that do not vote hear of a quorum at all times, and take submissions', () => {
    const network = new Network({ nodes: 31, seed: 'size-31' })
    network.startAll()
    network.run(15_000)
    const idle = network.nodes.filter(node => !network.view(node).isValidator)
    assert.equal(idle.length, 15)
    for (let second = 0; second < 20; second++) {
      network.run(1000)
      for (const node of network.nodes) {
        const { answering, needed } = network.view(node)
        assert.ok(
          answering >= needed,
          `node ${node.index} hears of ${answering} validators of ${needed} needed`,
        )
      }
    }
    for (const node of idle) {
      network.submit(node, 'one', signed(network.genesis, createKey(`k${node.index}`)), 5000)
    }
    network.runUntil(() => idle.every(node => node.outcomes.has('one')), 2000, 'inclusion')
    for (const node of idle) assert.equal(codeOf(node.outcomes.get('one')), 'ok')
  })

  it('tell whom a block removes, though it missed the votes and the gossip', () => {
    const network = new Network({ nodes: 5, seed: 'farewell' })
    const leaver = network.nodes[4]!
    network.isSilent = true
    // nobody hears of it that it is behind
    network.meddle = (from, to, message) =>
      from === leaver || (to === leaver && message.type !== 'block') ? [] : [message]
    network.startAll()
    network.submit(network.nodes[0]!, 'leave', signed(network.genesis, { type: 'leave' }, leaver.key))
    const path = memberPath(leaver.peerId)
    const stateSeenBy = (node: SimNode): unknown => network.state(node).records.get<MemberRecord>(path)?.state
    network.runUntil(() => stateSeenBy(network.nodes[0]!) === 'removed', 5000, 'removal')
    network.runUntil(() => stateSeenBy(leaver) === 'removed', 200, 'the news')
  })
})
