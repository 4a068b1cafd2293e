import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deflateRawSync } from 'node:zlib'
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { concat, fromHex, OstrakaError, type PeerId, peerIdOf, Secret } from '../../src/base/index.ts'
import { addressBook } from '../../src/cli/daemon.ts'
import { networkIdText, readGenesis } from '../../src/cli/genesis-file.ts'
import { membershipOf } from '../../src/cli/membership.ts'
import { nodeFiles, openNode } from '../../src/cli/node-directory.ts'
import { networkIdOf } from '../../src/control/index.ts'
import { type SigningKey, signValue } from '../../src/crypto/index.ts'
import { Counters } from '../../src/io/counters.ts'
import { NodeDatastore } from '../../src/io/datastore.ts'
import { dhtService } from '../../src/io/dht.ts'
import { createHost, type Host } from '../../src/io/host.ts'
import { SystemRng, silentLogger } from '../../src/io/index.ts'
import { KeptRecords } from '../../src/io/kept-records.ts'
import { Misconduct } from '../../src/io/misconduct.ts'
import { RpcTransport } from '../../src/io/rpc.ts'
import { openDatabase } from '../../src/io/store.ts'
import { recordKeyOf } from '../../src/keys/index.ts'
import {
  type PeerMessage,
  type PeerRequest,
  peerMessageCodec,
  peerRequestCodec,
  type SealedDealing,
  sealedDealingCodec,
} from '../../src/wire/index.ts'

/** What each sort of flood sends in one go to one peer, before it lets the event loop send. */
const AT_ONCE = 32
const PAUSE_MS = 5
/** Whoever keeps it out for so long will not be flooded. */
const CONNECTING_MS = 4_000
const REQUEST_DEADLINE_MS = 2_000
const LONGEST_FRAME = 4_096
/** What a message may inflate to when nobody bounds it. */
const BOMB_BYTES = 64 * 1024 * 1024
/** As many slots as a dealing may have, each with the longest ciphertext. */
const DEALT_SLOTS = 64
const SEALED_BYTES = 160

/** Whom to flood, and with what. */
export interface Target {
  /** How many peers to be connected with first. */
  readonly peers: number
  /** Of a key that signs, in hexadecimal: nonces are asked of it. */
  readonly keyId: string
  /** All junk carries it. */
  readonly mark: string
}

/** What the parent tells: the member to be, and the target. */
export interface Orders extends Target {
  readonly dir: string
  readonly passphraseFile: string
  readonly listen: string
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
  const { host, transport, services, voice } = await open(orders)
  const sent: Sent = { requests: 0, answered: 0, refused: 0, messages: 0, gossip: 0, records: 0, streams: 0 }
  process.on('message', () => process.send?.(sent))
  process.once('disconnect', () => process.exit(0))
  const bomb = concat(new Uint8Array([1]), deflateRawSync(new Uint8Array(BOMB_BYTES)))
  const rounds = [
    () => request(transport, host, orders.keyId, sent),
    () => tell(transport, host, voice, sent),
    () => gossip(services.gossip, voice, bomb, sent),
    () => put(services.dht, voice, sent),
    () => openStreams(host, sent),
  ]
  const beganMs = performance.now()
  while (host.connectedPeers().length < orders.peers && performance.now() - beganMs < CONNECTING_MS) {
    await sleep(PAUSE_MS)
  }
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  for (;;) {
    // kad-dht never ends a search that has nobody to ask
    if (host.connectedPeers().length > 0) for (const round of rounds) void round()
    await sleep(PAUSE_MS)
  }
}

interface DhtPut {
  put(key: Uint8Array, value: Uint8Array, options: { signal: AbortSignal }): AsyncIterable<unknown>
}

/** Who speaks, and to which network. All junk that may carry the mark does, so that it can be found where it was kept. */
interface Voice {
  readonly identity: SigningKey
  readonly networkId: Uint8Array
  readonly topicSuffix: string
  readonly mark: Uint8Array
}

interface Opened {
  readonly host: Host
  readonly transport: RpcTransport
  readonly services: { readonly gossip: GossipSub; readonly dht: DhtPut }
  readonly voice: Voice
}

async function open({ dir, passphraseFile, listen, mark }: Orders): Promise<Opened> {
  const passphrase = new Secret(new Uint8Array(Buffer.from(readFileSync(passphraseFile, 'utf8').trim())))
  const secrets = await openNode(dir, passphrase)
  const genesis = await readGenesis(nodeFiles(dir).genesis)
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
      gossip: bareGossip(),
      dht: components =>
        dhtService({
          networkId,
          kept,
          own: datastore,
          recordKey: recordKeyOf,
          isMember: () => true,
          counters,
        })(components as never),
    },
  })
  const services = host.libp2p.services as unknown as Opened['services']
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
  const voice: Voice = {
    identity: secrets.identity,
    networkId: networkIdOf(genesis),
    topicSuffix: networkId.slice(0, 4),
    mark: Buffer.from(mark),
  }
  return { host, transport, services, voice }
}

/** Gossip without any of our limits. */
function bareGossip(): ReturnType<typeof gossipsub> {
  return gossipsub({
    ...{ D: 0, Dlo: 0, Dhi: 0, Dout: 0, Dscore: 0 },
    globalSignaturePolicy: StrictNoSign,
    floodPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
  })
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

/** Messages of each topic that are none, one that would inflate a thousandfold, and one of a topic that nobody has. */
function gossip(service: GossipSub, { mark, topicSuffix }: Voice, bomb: Uint8Array, sent: Sent): void {
  const plain = (): Uint8Array => concat(new Uint8Array([0]), junk(mark, 800))
  for (const topic of ['beacons', 'plans', 'blocks', 'nonsense']) {
    for (const message of [plain(), bomb]) {
      sent.gossip++
      // without subscribers it fails: the topic that nobody has
      service.publish(`${topic}/${topicSuffix}`, message).catch(() => {})
    }
  }
}

/** Transactions that are in order and do nothing, records that nobody expects, and frames that say nothing. */
function tell(transport: RpcTransport, host: Host, voice: Voice, sent: Sent): void {
  const { identity, networkId, mark } = voice
  const transactions = Array.from({ length: AT_ONCE }, (_, index) =>
    signValue(identity, 'transaction', networkId, {
      type: 'retire-version' as const,
      name: String(Buffer.from(mark)),
      version: index + 1,
      revision: 0,
      change: 'archive' as const,
    }),
  )
  const messages: PeerMessage[] = [
    { type: 'transactions', transactions },
    { type: 'record', record: dealing(voice) },
    { type: 'status', height: 1 },
  ]
  const frames = [junk(mark, LONGEST_FRAME), ...messages.map(message => peerMessageCodec.encode(message))]
  for (const peerId of host.connectedPeers()) {
    for (let count = 0; count < AT_ONCE; count++) {
      transport.send(peerId, frames[count % frames.length]!)
      sent.messages++
    }
  }
}

/** A sealed dealing of a ceremony that nobody knows: its dealer, the flooder, has signed it. */
function dealing({ identity, networkId, mark }: Voice): Uint8Array {
  const value: SealedDealing = {
    ...{ ceremony: randomBytes(32), keyId: randomBytes(32), version: 1, fromSlot: 0 },
    shares: Array.from({ length: DEALT_SLOTS }, (_, index) => ({
      slot: index + 1,
      sealed: junk(mark, SEALED_BYTES - mark.length),
    })),
  }
  return sealedDealingCodec.encode(signValue(identity, 'sealed-dealing', networkId, value))
}

let recordsDone = 0

/** Records that are in order, under their true keys. */
async function put(dht: DhtPut, voice: Voice, sent: Sent): Promise<void> {
  if (sent.records - recordsDone >= AT_ONCE) return
  const record = dealing(voice)
  sent.records++
  try {
    const key = concat(new TextEncoder().encode('/ost/'), recordKeyOf(record)!)
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
