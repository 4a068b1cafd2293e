import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { type PeerId, Secret } from '../../src/base/index.ts'
import { sha256 } from '../../src/crypto/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { createHost, type Host, type Security } from '../../src/io/host.ts'
import { createLogger, SystemRng, silentLogger, startIo } from '../../src/io/index.ts'
import { bent } from '../../testnet/slowness.ts'
import { failsWith, realTime } from './contracts/world.ts'
import { LOOPBACK, NETWORK_ID, peerIdAt, seedOf, startNetwork, temporaryDirectory } from './network.ts'

interface TestHost {
  readonly host: Host
  readonly counters: Counters
  readonly members: Set<PeerId>
  readonly log: Record<string, unknown>[]
}

describe('Host', () => {
  const hosts: Host[] = []
  const startHost = async (index: number, known: number[], security?: Security[]): Promise<TestHost> => {
    const counters = new Counters()
    const members = new Set(known.map(peerIdAt))
    const log: Record<string, unknown>[] = []
    const host = await createHost({
      seed: new Secret(seedOf(index)),
      listen: LOOPBACK,
      members: () => members,
      isMember: peerId => members.has(peerId),
      rng: new SystemRng(),
      counters,
      logger: createLogger({ destination: { write: line => log.push(JSON.parse(line)) } }),
      ...(security ? { security } : {}),
    })
    hosts.push(host)
    await host.start()
    return { host, counters, members, log }
  }
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map(host => host.stop()))
  })

  it('has the peer id of its seed', async () => {
    const { host } = await startHost(0, [])
    assert.equal(host.peerId, peerIdAt(0))
    assert.ok(host.addresses().every(address => address.endsWith(`/p2p/${peerIdAt(0)}`)))
  })

  it('refuses a stranger that dials it, with the code in its log', async () => {
    const alice = await startHost(0, [1])
    const mallory = await startHost(2, [0])
    mallory.host.learnAddress(peerIdAt(0), alice.host.addresses())
    await realTime.until(() => alice.counters.get('stranger_refused') > 0)
    const entry = alice.log.find(({ code }) => code === 'stranger')
    assert.equal(entry?.peerId, peerIdAt(2))
    assert.deepEqual(alice.host.connectedPeers(), [])
    // the refusal is final: mallory's dials fail, and once it is a member they succeed
    await realTime.until(() => mallory.host.connectedPeers().length === 0)
    alice.members.add(peerIdAt(2))
    await realTime.until(() => alice.host.isConnected(peerIdAt(2)))
  })

  it('does not dial a stranger, nor whoever answers in a member’s place', async () => {
    const alice = await startHost(0, [1])
    const mallory = await startHost(2, [0])
    alice.host.learnAddress(peerIdAt(2), mallory.host.addresses())
    alice.host.learnAddress(
      peerIdAt(1),
      mallory.host.addresses().map(address => address.replace(peerIdAt(2), peerIdAt(1))),
    )
    await realTime.until(() => alice.counters.get('dial_failed') > 1)
    assert.deepEqual(alice.host.connectedPeers(), [])
  })

  it('dials a lost member again at once', async () => {
    const alice = await startHost(0, [1])
    const bob = await startHost(1, [0])
    alice.host.learnAddress(peerIdAt(1), bob.host.addresses())
    await realTime.until(() => bob.host.isConnected(peerIdAt(0)) && alice.host.isConnected(peerIdAt(1)))
    const { libp2p } = alice.host
    const dialledMs = Promise.withResolvers<number>()
    const dial = libp2p.dial.bind(libp2p)
    libp2p.dial = (...target) => {
      dialledMs.resolve(performance.now())
      return dial(...target)
    }
    const cutMs = performance.now()
    for (const connection of libp2p.getConnections()) connection.abort(new Error('cable cut'))
    // what has no reason to hurry waits for up to 2 s
    assert.ok((await dialledMs.promise) - cutMs < bent(1000))
    await realTime.until(() => alice.counters.get('peer_connected') >= 2)
  })

  it('reaches a member that comes back at another address', async () => {
    const alice = await startHost(0, [1])
    const first = await startHost(1, [0])
    alice.host.learnAddress(peerIdAt(1), first.host.addresses())
    await realTime.until(() => alice.host.isConnected(peerIdAt(1)))
    await hosts.pop()?.stop()
    await realTime.until(() => !alice.host.isConnected(peerIdAt(1)))
    const second = await startHost(1, [0])
    alice.host.learnAddress(peerIdAt(1), second.host.addresses())
    await realTime.until(() => alice.host.isConnected(peerIdAt(1)))
  })

  it('prefers TLS, and still speaks noise with those who prefer that', async () => {
    const alice = await startHost(0, [1, 2])
    const bob = await startHost(1, [0])
    const carol = await startHost(2, [0], ['noise'])
    alice.host.learnAddress(peerIdAt(1), bob.host.addresses())
    alice.host.learnAddress(peerIdAt(2), carol.host.addresses())
    await realTime.until(() => alice.host.connectedPeers().length === 2)
    const used = alice.host.libp2p.getConnections().map(each => [each.remotePeer.toString(), each.encryption])
    assert.deepEqual(Object.fromEntries(used), { [peerIdAt(1)]: '/tls/1.0.0', [peerIdAt(2)]: '/noise' })
  })
})

describe('startIo', () => {
  it('refuses requests to strangers with code stranger', async () => {
    const network = await startNetwork(1)
    const request = network.nodes[0]?.transport.request(peerIdAt(7), new Uint8Array(1), 1000)
    await failsWith(request as Promise<unknown>, 'stranger')
    await network.close()
  })

  it('finds the members that it has no address of by the one that it has', async () => {
    const founded = await startNetwork(2, { overrides: () => ({ isMember: () => true }) })
    const directory = await temporaryDirectory()
    const [first, second] = founded.nodes
    const newcomer = await startIo({
      identitySeed: new Secret(seedOf(2)),
      networkId: NETWORK_ID,
      directory,
      listen: LOOPBACK,
      members: () => [peerIdAt(0), peerIdAt(1)],
      isMember: () => true,
      addresses: new Map([[peerIdAt(0), first!.addresses()]]),
      recordKey: (record: Uint8Array) => sha256(record),
      recordJudge: () => undefined,
      logger: silentLogger(),
    })
    await realTime.until(() => second!.connectedPeers().includes(newcomer.peerId))
    await newcomer.stop()
    await founded.close()
    await rm(directory, { recursive: true, force: true })
  })

  it('refuses a directory that another node uses, and an address that is taken', async () => {
    const network = await startNetwork(1)
    const directory = await temporaryDirectory()
    const options = {
      identitySeed: new Secret(seedOf(3)),
      networkId: NETWORK_ID,
      directory,
      listen: LOOPBACK,
      members: () => [],
      isMember: () => true,
      recordKey: (record: Uint8Array) => sha256(record),
      recordJudge: () => undefined,
      logger: silentLogger(),
    }
    const taken = network.nodes[0]?.addresses().map(address => address.replace(/\/p2p\/.*/, '')) ?? []
    await failsWith(startIo({ ...options, listen: taken }), 'conflict')
    const node = await startIo(options)
    await failsWith(startIo(options), 'conflict')
    await node.stop()
    await network.close()
  })
})
