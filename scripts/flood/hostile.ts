import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { GossipSub } from '@libp2p/gossipsub'
import { fromHex, OstrakaError, type PeerId, peerIdOf, Secret } from '../../src/base/index.ts'
import { addressBook } from '../../src/cli/daemon.ts'
import { networkIdText, readGenesis } from '../../src/cli/genesis-file.ts'
import { membershipOf } from '../../src/cli/membership.ts'
import { nodeFiles, openNode } from '../../src/cli/node-directory.ts'
import { networkIdOf } from '../../src/control/index.ts'
import { type SigningKey, signValue } from '../../src/crypto/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { NodeDatastore } from '../../src/io/datastore.ts'
import { dhtService } from '../../src/io/dht.ts'
import { GossipsubGossip, gossipService } from '../../src/io/gossip.ts'
import { createHost, type Host } from '../../src/io/host.ts'
import { SystemRng, silentLogger } from '../../src/io/index.ts'
import { KeptRecords } from '../../src/io/kept-records.ts'
import { Misconduct } from '../../src/io/misconduct.ts'
import { RpcTransport } from '../../src/io/rpc.ts'
import { openDatabase } from '../../src/io/store.ts'
import {
  type PeerMessage,
  type PeerRequest,
  peerMessageCodec,
  peerRequestCodec,
} from '../../src/wire/index.ts'

/** What each sort of flood sends in one go to one peer, before it lets the event loop send. */
const AT_ONCE = 64
const PAUSE_MS = 5
const REQUEST_DEADLINE_MS = 2_000
const LONGEST_FRAME = 4_096

/** What the parent tells of the target: a signing key to ask nonces of, and the mark that all junk carries. */
export interface Orders {
  readonly dir: string
  readonly passphraseFile: string
  readonly listen: string
  readonly keyId: string
  readonly mark: string
}

/** How much of each sort has left, for the parent. */
export interface Sent {
  requests: number
  answered: number
  refused: number
  messages: number
  gossip: number
  records: number
  streams: number
}

/**
 * A member that floods: a real libp2p host with a member's identity, and no node behind it. It asks, tells, gossips, puts
 * records and opens streams as fast as its peers take it. Its process has a lower priority, so that what is measured
 * is what it makes the others do, and not the processor that it takes from them on one machine.
 */
async function main(orders: Orders): Promise<void> {
  const { host, transport, service, gossip, identity, networkId } = await open(orders)
  const sent: Sent = { requests: 0, answered: 0, refused: 0, messages: 0, gossip: 0, records: 0, streams: 0 }
  const mark = Buffer.from(orders.mark)
  process.on('message', () => process.send?.(sent))
  process.once('disconnect', () => process.exit(0))
  const rounds = [
    () => request(transport, host, orders.keyId, sent),
    () => tell(transport, host, { identity, networkId, mark }, sent),
    () => {
      for (const topic of ['beacons', 'plans', 'blocks', 'nonsense']) gossip.publish(topic, junk(mark, 800))
      sent.gossip += 4
    },
    () => put(service.dht, mark, sent),
    () => openStreams(host, sent),
  ]
  while (host.connectedPeers().length === 0) await sleep(PAUSE_MS)
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  for (;;) {
    // kad-dht never ends a search that has nobody to ask
    if (host.connectedPeers().length > 0) for (const round of rounds) round()
    await sleep(PAUSE_MS)
  }
}

interface Opened {
  readonly host: Host
  readonly transport: RpcTransport
  readonly service: { readonly dht: DhtPut }
  readonly gossip: GossipsubGossip
  readonly identity: SigningKey
  readonly networkId: Uint8Array
}

interface DhtPut {
  put(key: Uint8Array, value: Uint8Array, options: { signal: AbortSignal }): AsyncIterable<unknown>
}

async function open({ dir, passphraseFile, listen }: Orders): Promise<Opened> {
  const passphrase = new Secret(new Uint8Array(Buffer.from(readFileSync(passphraseFile, 'utf8').trim())))
  const secrets = await openNode(dir, passphrase)
  const genesis = readGenesis(nodeFiles(dir).genesis)
  const networkId = networkIdText(genesis)
  const peers = addressBook(JSON.parse(readFileSync(join(dir, 'peers.json'), 'utf8')))
  const counters = new Counters()
  // a flooder sends nobody away
  const misconduct = new Misconduct({ gate: { disconnect() {} }, counters, logger: silentLogger() })
  const level = await openDatabase(join(dir, 'db'))
  const datastore = new NodeDatastore(level, 'dht', operations => level.batch(operations as never))
  const kept = new KeptRecords({
    disk: datastore,
    judge: () => undefined,
    misconduct,
    counters,
    logger: silentLogger(),
  })
  const host = await createHost({
    seed: secrets.identitySeed,
    listen: [listen],
    ...membershipOf(genesis, peers, peerIdOf(secrets.identity.publicKey), () => undefined),
    addresses: peers,
    rng: new SystemRng(),
    counters,
    logger: silentLogger(),
    services: {
      gossip: components => gossipService({ networkId, misconduct, counters })(components),
      dht: components =>
        dhtService({
          networkId,
          kept,
          own: datastore,
          recordKey: recordHash,
          isMember: () => true,
          counters,
        })(components as never),
    },
  })
  const services = host.libp2p.services as unknown as { gossip: GossipSub; dht: DhtPut }
  const gossip = new GossipsubGossip({
    service: services.gossip,
    networkId,
    misconduct,
    counters,
    logger: silentLogger(),
  })
  const transport = new RpcTransport({ host, networkId, counters, logger: silentLogger() })
  await transport.listen()
  await host.start()
  await transport.start({
    message: () => {},
    request: async () => {
      throw new OstrakaError('overloaded', 'a flooder answers nobody')
    },
    peer: () => {},
  })
  return {
    host,
    transport,
    service: services,
    gossip,
    identity: secrets.identity,
    networkId: networkIdOf(genesis),
  }
}

function junk(mark: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(Buffer.concat([mark, randomBytes(length)]))
}

/** All that a peer can be asked for, the dearest first. */
function request(transport: RpcTransport, host: Host, keyId: string, sent: Sent): void {
  const asked: readonly PeerRequest[] = [
    { type: 'nonces', keyId: fromHex(keyId), version: 1, generation: 0, count: 1024 },
    { type: 'blocks', from: 1, limit: 1024 },
    { type: 'headers', from: 1, limit: 1024 },
    { type: 'snapshot', height: 0, part: 0 },
    { type: 'record', hash: new Uint8Array(randomBytes(32)) },
    { type: 'export', proposal: new Uint8Array(randomBytes(32)), generation: 0 },
    { type: 'ping' },
  ]
  const frames = asked.map(each => peerRequestCodec.encode(each))
  for (const peerId of host.connectedPeers()) {
    for (let count = 0; count < AT_ONCE; count++) {
      sent.requests++
      transport.request(peerId, frames[count % frames.length]!, REQUEST_DEADLINE_MS).then(
        () => sent.answered++,
        () => sent.refused++,
      )
    }
  }
}

interface Voice {
  readonly identity: SigningKey
  readonly networkId: Uint8Array
  readonly mark: Uint8Array
}

/** Transactions that are in order and do nothing, records that nobody expects, and frames that say nothing. */
function tell(transport: RpcTransport, host: Host, { identity, networkId, mark }: Voice, sent: Sent): void {
  const transactions = Array.from({ length: AT_ONCE }, () =>
    signValue(identity, 'transaction', networkId, {
      type: 'retire-version',
      keyId: new Uint8Array(randomBytes(32)),
      version: 1,
      to: 'archived',
    } as never),
  )
  const messages: PeerMessage[] = [
    { type: 'transactions', transactions },
    { type: 'record', record: junk(mark, LONGEST_FRAME) },
    { type: 'status', height: 1 },
  ]
  const frames = [junk(mark, LONGEST_FRAME)]
  for (const message of messages) {
    try {
      frames.push(peerMessageCodec.encode(message))
    } catch {
      // a format that has changed since: the other sorts are flood enough
    }
  }
  for (const peerId of host.connectedPeers()) {
    for (let count = 0; count < AT_ONCE; count++) {
      transport.send(peerId, frames[count % frames.length]!)
      sent.messages++
    }
  }
}

function recordHash(record: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(record).digest())
}

let recordsDone = 0

/** Junk under its true hash. */
async function put(dht: DhtPut, mark: Uint8Array, sent: Sent): Promise<void> {
  if (sent.records - recordsDone >= AT_ONCE) return
  const record = junk(mark, LONGEST_FRAME)
  const key = Buffer.concat([Buffer.from('/ost/'), createHash('sha256').update(record).digest()])
  sent.records++
  try {
    for await (const _ of dht.put(key, record, { signal: AbortSignal.timeout(500) }));
  } catch {
    // refused, or nobody is connected
  }
  recordsDone++
}

let isOpening = false

/** Streams that are opened and left. */
async function openStreams(host: Host, sent: Sent): Promise<void> {
  if (isOpening) return
  isOpening = true
  const protocols = host.libp2p.getProtocols()
  const open = async (peerId: PeerId, protocol: string): Promise<void> => {
    try {
      await host.openStream(peerId, protocol, 500)
      sent.streams++
    } catch {
      // refused
    }
  }
  await Promise.all(
    host.connectedPeers().flatMap(peerId => protocols.map(protocol => open(peerId, protocol))),
  )
  isOpening = false
}

const [orders] = process.argv.slice(2)
await main(JSON.parse(orders!) as Orders)
