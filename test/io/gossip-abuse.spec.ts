import assert from 'node:assert/strict'
import { deflateRawSync } from 'node:zlib'
import type { GossipSub } from '@libp2p/gossipsub'
import { concat, type GossipVerdict, type PeerId, Secret } from '../../src/base/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { gossipService } from '../../src/io/gossip.ts'
import { createHost, type Host } from '../../src/io/host.ts'
import { SystemRng, silentLogger } from '../../src/io/index.ts'
import { Misconduct } from '../../src/io/misconduct.ts'
import { TOPIC_BYTES } from '../../src/wire/index.ts'
import { bytesOf, realTime, textOf } from './contracts/world.ts'
import { LOOPBACK, NETWORK_ID, type Network, peerIdAt, seedOf, startNetwork } from './network.ts'

/** What gossipsub's own sender takes; it hands on whatever it is given. */
interface Sender {
  sendRpc(to: PeerId, rpc: object): boolean
  readonly streamsOutbound: Map<
    PeerId,
    { push(data: Uint8Array): void; readonly rawStream: { readonly writeBufferLength: number } }
  >
}

const MALLORY = 2
const MORE_THAN_FORGIVEN = 10
const plain = (text: string): Uint8Array => concat(new Uint8Array([0]), bytesOf(text))
const on = (topic: string): string => `${topic}/${NETWORK_ID.slice(0, 4)}`

describe('a member that abuses gossip', () => {
  let network: Network
  let mallory: Host
  let sender: Sender
  let heard: string[]
  let verdict: GossipVerdict
  const alice = () => network.nodes[0]!
  const count = (name: Parameters<Counters['get']>[0]) => alice().counters.get(name)
  const send = (topic: string, data: Uint8Array): void => {
    sender.sendRpc(alice().peerId, { subscriptions: [], messages: [{ topic, data }] })
  }
  const isSentAway = (): boolean => !alice().connectedPeers().includes(peerIdAt(MALLORY))
  /** What honest peers send is still heard. */
  const staysUseful = async (): Promise<void> => {
    verdict = 'accept'
    network.nodes[1]!.gossip.publish('beacons', bytesOf('from bob'))
    await realTime.until(() => heard.includes('from bob'))
    assert.ok(alice().connectedPeers().includes(peerIdAt(1)))
  }

  beforeEach(async () => {
    heard = []
    verdict = 'accept'
    network = await startNetwork(2, { overrides: () => ({ isMember: () => true }) })
    for (const { gossip } of network.nodes) {
      for (const topic of ['beacons', 'blocks']) {
        gossip.subscribe(topic, (_from, message) => {
          heard.push(textOf(message) ?? '')
          return verdict
        })
      }
    }
    const counters = new Counters()
    const misconduct = new Misconduct({ gate: { disconnect() {} }, counters, logger: silentLogger() })
    mallory = await createHost({
      seed: new Secret(seedOf(MALLORY)),
      listen: LOOPBACK,
      members: () => [alice().peerId],
      isMember: () => true,
      addresses: [[alice().peerId, alice().addresses()]],
      rng: new SystemRng(),
      services: { gossip: gossipService({ networkId: NETWORK_ID, misconduct, counters }) as never },
      counters,
      logger: silentLogger(),
    })
    await mallory.start()
    const service = (mallory.libp2p.services as unknown as { gossip: GossipSub }).gossip
    sender = service as unknown as Sender
    await realTime.until(() => sender.streamsOutbound.has(alice().peerId))
    await realTime.until(() => network.nodes.every(({ gossip }) => gossip.subscriberCount('beacons') === 1))
  })
  afterEach(async () => {
    await mallory.stop()
    await network.close()
  })

  const bombs: ReadonlyArray<readonly [string, () => void]> = [
    [
      'deflates bombs',
      () => send(on('beacons'), concat(new Uint8Array([1]), deflateRawSync(new Uint8Array(1_000_000)))),
    ],
    ['sends what is neither plain nor deflated', () => send(on('beacons'), bytesOf('garbage'))],
    [
      'sends more than the largest message of a topic',
      () => send(on('beacons'), new Uint8Array(TOPIC_BYTES.beacons + 2)),
    ],
    ['speaks on a topic that the network does not have', () => send('other', plain('x'))],
    [
      'sends what is no gossip at all',
      () => sender.streamsOutbound.get(alice().peerId)?.push(new Uint8Array(100).fill(255)),
    ],
  ]
  for (const [name, abuse] of bombs) {
    it(`is disconnected for a while when it ${name}, and no judge sees it`, async () => {
      for (let sent = 0; sent < MORE_THAN_FORGIVEN; sent++) abuse()
      await realTime.until(isSentAway)
      assert.deepEqual(heard, [])
      assert.equal(count('peer_sent_away'), 1)
      // it dials again within two seconds, and is refused
      await realTime.until(() => !mallory.isConnected(alice().peerId))
      await staysUseful()
      assert.ok(isSentAway())
    })
  }

  it('is disconnected when it repeats what judges reject, and not when they ignore it', async () => {
    verdict = 'ignore'
    for (let sent = 0; sent < 3 * MORE_THAN_FORGIVEN; sent++) send(on('beacons'), plain(`stale ${sent}`))
    await realTime.until(() => heard.length === 3 * MORE_THAN_FORGIVEN)
    assert.deepEqual([isSentAway(), count('peer_misconduct')], [false, 0])
    verdict = 'reject'
    for (let sent = 0; sent < MORE_THAN_FORGIVEN; sent++) send(on('beacons'), plain(`forged ${sent}`))
    await realTime.until(isSentAway)
    await staysUseful()
  })

  it('is read no faster than its allowance, and others are heard meanwhile', async () => {
    verdict = 'ignore'
    const sizeBytes = 256 * 1024
    const startMs = performance.now()
    let sent = 0
    const sendMore = (): void => {
      const stream = sender.streamsOutbound.get(alice().peerId)!.rawStream
      while (stream.writeBufferLength < 4 * sizeBytes) {
        const data = new Uint8Array(sizeBytes).fill(65 + (sent % 26))
        new DataView(data.buffer).setUint32(1, sent++)
        data[0] = 0
        send(on('blocks'), data)
      }
    }
    await realTime.until(() => {
      sendMore()
      return count('gossip_reading_paused') > 4
    })
    const bytesHeard = heard.reduce((sum, text) => sum + text.length, 0)
    const seconds = (performance.now() - startMs) / 1000
    // the burst, what the rate gives since, and what was under way when reading paused
    assert.ok(bytesHeard <= (8 + 2 * seconds + 3) * 1024 * 1024, `${bytesHeard} bytes in ${seconds} s`)
    await staysUseful()
    assert.ok(!isSentAway())
  })
})
