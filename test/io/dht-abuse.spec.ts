import assert from 'node:assert/strict'
import type { KadDHT } from '@libp2p/kad-dht'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { Secret, utf8 } from '../../src/base/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { dhtService } from '../../src/io/dht.ts'
import { createHost, type Host } from '../../src/io/host.ts'
import { SystemRng, silentLogger } from '../../src/io/index.ts'
import type { KeptRecords } from '../../src/io/kept-records.ts'
import { bytesOf, keyOf, realTime } from './contracts/world.ts'
import { LOOPBACK, NETWORK_ID, type Network, peerIdAt, seedOf, startNetwork } from './network.ts'

const MALLORY = 2

describe('a member that abuses the DHT', () => {
  let network: Network
  let mallory: Host
  let dht: KadDHT
  const alice = () => network.nodes[0]!
  const refusals = (): number => alice().counters.get('dht_request_refused')
  const isSentAway = (): boolean => !alice().connectedPeers().includes(peerIdAt(MALLORY))
  const drain = async (events: AsyncIterable<unknown>): Promise<void> => {
    try {
      for await (const _ of events);
    } catch {
      // what alice does is looked at on her side
    }
  }
  const options = () => ({ signal: AbortSignal.timeout(5000) })

  beforeEach(async () => {
    network = await startNetwork(2, { overrides: () => ({ isMember: () => true }) })
    const counters = new Counters()
    const kept = { offer: async () => false, get: async () => undefined } as unknown as KeptRecords
    const own = { get: async () => Promise.reject(new Error('nothing')) } as never
    mallory = await createHost({
      seed: new Secret(seedOf(MALLORY)),
      listen: LOOPBACK,
      members: () => network.nodes.map(({ peerId }) => peerId),
      isMember: () => true,
      addresses: network.nodes.map(node => [node.peerId, node.addresses()] as const),
      rng: new SystemRng(),
      services: {
        dht: components =>
          dhtService({
            networkId: NETWORK_ID,
            kept,
            own,
            recordKey: () => undefined,
            isMember: () => true,
            counters,
          })(components as never),
      },
      counters,
      logger: silentLogger(),
    })
    await mallory.start()
    dht = (mallory.libp2p.services as unknown as { dht: KadDHT }).dht
    const { routingTable } = dht as unknown as { routingTable: { size: number } }
    await realTime.until(() => mallory.connectedPeers().length === 2 && routingTable.size === 2)
  })
  afterEach(async () => {
    await mallory.stop()
    await network.close()
  })

  it('leaves no provider records, and is told of none', async () => {
    const cid = CID.createV1(0x55, identity.digest(utf8('anything')))
    await drain(dht.provide(cid, options()))
    await realTime.until(() => refusals() >= 1)
    const before = refusals()
    await drain(dht.findProviders(cid, options()))
    await realTime.until(() => refusals() > before)
    assert.ok(!isSentAway())
  })

  it('stores nothing under other names than records', async () => {
    for (const key of ['/pk/x', '/ipns/x', '/ost/short', '/ost/'.padEnd(38, 'x')]) {
      const before = refusals()
      await drain(dht.put(utf8(key), bytesOf('value'), options()))
      await realTime.until(() => refusals() > before)
    }
  })

  it('is sent away when it offers records that their dealers did not sign', async () => {
    for (let index = 0; index < 10; index++) {
      const record = bytesOf(`forged ${index}`)
      const key = Buffer.concat([utf8('/ost/'), Buffer.from(keyOf(record), 'hex')])
      await drain(dht.put(new Uint8Array(key), record, options()))
    }
    await realTime.until(isSentAway)
    assert.ok(alice().connectedPeers().includes(peerIdAt(1)))
  })
})
