import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import { MAX_GOSSIP_BYTES } from '../../src/io/index.ts'
import { gossipContract } from './contracts/gossip.ts'
import { realTime } from './contracts/world.ts'
import { peerIdAt, startNetwork } from './network.ts'

const line = (a: number, b: number): boolean => Math.abs(a - b) === 1

gossipContract('gossipsub', async count => {
  // the DHT would connect them all before long, were they not strangers
  const isNeighbour = (index: number) => (peerId: string) =>
    [index - 1, index + 1].some(other => other >= 0 && peerIdAt(other) === peerId)
  const network = await startNetwork(count, {
    isLinked: line,
    overrides: index => ({ isMember: isNeighbour(index) }),
  })
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
      node.gossip.subscribe('blocks', (_from, message) => {
        sizes.push(message.length)
        return 'accept'
      })
    }
    await realTime.until(() => alice?.gossip.subscriberCount('blocks') === 1)
    alice?.gossip.publish('blocks', new Uint8Array(MAX_GOSSIP_BYTES))
    await realTime.until(() => sizes.length === 1)
    assert.deepEqual(sizes, [MAX_GOSSIP_BYTES])
    assert.throws(
      () => bob?.gossip.publish('blocks', new Uint8Array(MAX_GOSSIP_BYTES + 1)),
      (error: unknown) => error instanceof OstrakaError && error.code === 'too_large',
    )
    await network.close()
  })
})
