import assert from 'node:assert/strict'
import { createKey, signed } from './fixture.ts'
import { codeOf, Network } from './network.ts'

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
})
