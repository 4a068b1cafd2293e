import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import { MAX_GOSSIP_BYTES } from '../../src/io/index.ts'
import { gossipContract } from './contracts/gossip.ts'
import { realTime } from './contracts/world.ts'
import { peerIdAt, startNetwork } from './network.ts'

const line = (a: number, b: number): boolean => Math.abs(a - b) === 1

gossipContract('gossipsub', async count => {
  const network = await startNetwork(count, { isLinked: line })
  const neighbours = (index: number) => network.nodes.filter((_, other) => line(index, other)).length
  return {
    ...realTime,
    peers: network.nodes,
    close: network.close,
    subscribed: topic =>
      realTime.until(() =>
        network.nodes.every(({ gossip }, index) => gossip.subscriberCount(topic) === neighbours(index)),
      ),
  }
})

describe('gossipsub', () => {
  it('carries a message of the largest size and refuses one byte more', async () => {
    const network = await startNetwork(2)
    const [alice, bob] = network.nodes
    const sizes: number[] = []
    for (const node of network.nodes) {
      node.gossip.subscribe('block', (_from, message) => {
        sizes.push(message.length)
        return 'accept'
      })
    }
    await realTime.until(() => alice?.gossip.subscriberCount('block') === 1)
    alice?.gossip.publish('block', new Uint8Array(MAX_GOSSIP_BYTES))
    await realTime.until(() => sizes.length === 1)
    assert.deepEqual(sizes, [MAX_GOSSIP_BYTES])
    assert.throws(
      () => bob?.gossip.publish('block', new Uint8Array(MAX_GOSSIP_BYTES + 1)),
      (error: unknown) => error instanceof OstrakaError && error.code === 'too_large',
    )
    await network.close()
  })

  it('rejects an author that this node does not count as a member, before any judge', async () => {
    const network = await startNetwork(3, {
      isLinked: line,
      // the last node knows the middle one, but not the first
      overrides: index => {
        if (index !== 2) return {}
        return { isMember: peerId => peerId === peerIdAt(1) }
      },
    })
    const heard: string[] = []
    for (const [index, node] of network.nodes.entries()) {
      node.gossip.subscribe('beacon', from => {
        if (index === 2) heard.push(from)
        return 'accept'
      })
    }
    const counts = [1, 2, 1]
    await realTime.until(() =>
      network.nodes.every(({ gossip }, index) => gossip.subscriberCount('beacon') === counts[index]),
    )
    network.nodes[0]?.gossip.publish('beacon', new Uint8Array([1]))
    await realTime.until(() => network.nodes[2]?.counters.get('gossip_rejected') === 1)
    assert.deepEqual(heard, [])
    await network.close()
  })
})
