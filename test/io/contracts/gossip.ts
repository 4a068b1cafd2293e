import assert from 'node:assert/strict'
import { type Gossip, type GossipVerdict, isOstrakaError, type PeerId } from '../../../src/base/index.ts'
import { TOPIC_BYTES } from '../../../src/wire/index.ts'
import { bytesOf, textOf, type World } from './world.ts'

export interface GossipWorld extends World {
  /** In a line: each is connected to its neighbours only. */
  readonly peers: readonly { readonly peerId: PeerId; readonly gossip: Gossip }[]
  /** Resolves once every peer knows which topics its neighbours listen to. */
  subscribed(topic: string): Promise<void>
}

const TOPIC = 'beacons'

/** What every `Gossip` promises. */
export function gossipContract(name: string, makeWorld: (count: number) => Promise<GossipWorld>): void {
  describe(`Gossip contract: ${name}`, () => {
    let world: GossipWorld
    let heard: { readonly from: PeerId; readonly text: string | undefined }[][]

    const subscribe = async (
      verdicts: Record<number, (text: string) => GossipVerdict> = {},
    ): Promise<void> => {
      heard = world.peers.map(() => [])
      for (const [index, { gossip }] of world.peers.entries()) {
        gossip.subscribe(TOPIC, (from, message) => {
          const text = textOf(message) ?? ''
          heard[index]?.push({ from, text })
          return verdicts[index]?.(text) ?? 'accept'
        })
      }
      await world.subscribed(TOPIC)
    }
    const texts = (index: number) => heard[index]?.map(({ text }) => text)

    beforeEach(async () => {
      world = await makeWorld(3)
    })
    afterEach(() => world.close())

    it('reaches peers that are not connected to the author, and names the neighbour that passed it on', async () => {
      await subscribe()
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('hello'))
      await world.until(() => heard[2]?.length === 1)
      assert.deepEqual(heard[2], [{ from: world.peers[1]?.peerId, text: 'hello' }])
    })

    it('does not return a message to its author', async () => {
      await subscribe()
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('hello'))
      world.peers[2]?.gossip.publish(TOPIC, bytesOf('answer'))
      await world.until(() => heard[0]?.length === 1 && heard[2]?.length === 1)
      assert.deepEqual([texts(0), texts(2)], [['answer'], ['hello']])
    })

    it('judges each content once, though it is published twice', async () => {
      await subscribe()
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('same'))
      await world.until(() => heard[2]?.length === 1)
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('same'))
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('end'))
      await world.until(() => texts(2)?.includes('end') === true)
      assert.deepEqual(texts(2), ['same', 'end'])
    })

    for (const verdict of ['reject', 'ignore'] as const) {
      it(`does not forward what a judge answers ${verdict} to`, async () => {
        await subscribe({ 1: text => (text === 'bad' ? verdict : 'accept') })
        world.peers[0]?.gossip.publish(TOPIC, bytesOf('bad'))
        await world.until(() => texts(1)?.includes('bad') === true)
        world.peers[0]?.gossip.publish(TOPIC, bytesOf('good'))
        await world.until(() => texts(2)?.includes('good') === true)
        assert.deepEqual(texts(2), ['good'])
      })
    }

    it('refuses a topic that the network does not have', async () => {
      const { gossip } = world.peers[0]!
      const isMalformed = (error: unknown) => isOstrakaError(error, 'malformed')
      assert.throws(() => gossip.publish('other', bytesOf('x')), isMalformed)
      assert.throws(() => gossip.subscribe('other', () => 'accept'), isMalformed)
    })

    it('takes a message of the largest size of its topic and refuses one byte more', async () => {
      await subscribe()
      const { gossip } = world.peers[0]!
      const largest = TOPIC_BYTES[TOPIC]
      gossip.publish(TOPIC, new Uint8Array(largest).fill(97))
      await world.until(() => heard[2]?.length === 1)
      assert.equal(heard[2]?.[0]?.text?.length, largest)
      assert.throws(
        () => gossip.publish(TOPIC, new Uint8Array(largest + 1)),
        error => isOstrakaError(error, 'too_large'),
      )
    })

    it('delivers only topics that were subscribed to', async () => {
      await subscribe()
      world.peers[0]?.gossip.publish('plans', bytesOf('elsewhere'))
      world.peers[0]?.gossip.publish(TOPIC, bytesOf('here'))
      await world.until(() => heard[2]?.length === 1)
      assert.deepEqual(texts(2), ['here'])
    })
  })
}
