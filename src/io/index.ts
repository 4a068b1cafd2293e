import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { GossipSub } from '@libp2p/gossipsub'
import type { SingleKadDHT } from '@libp2p/kad-dht'
import {
  type Clock,
  type Gossip,
  OstrakaError,
  type PeerGate,
  type PeerId,
  type RecordStore,
  type Rng,
  type Secret,
  type Store,
  type Transport,
} from '../base/index.ts'
import type { RecordJudge } from '../keys/index.ts'
import { SystemClock } from './clock.ts'
import { Counters } from './counters.ts'
import { NodeDatastore } from './datastore.ts'
import { DhtRecords, dhtService } from './dht.ts'
import { GossipsubGossip, gossipService } from './gossip.ts'
import { createHost, type Host, type HostOptions } from './host.ts'
import { KeptRecords } from './kept-records.ts'
import type { Logger } from './logger.ts'
import { Misconduct } from './misconduct.ts'
import { SystemRng } from './random.ts'
import { RpcTransport } from './rpc.ts'
import { freeBytesOf, LevelStore, openDatabase } from './store.ts'

export { type CounterName, Counters } from './counters.ts'
export { MAX_GOSSIP_BYTES } from './gossip.ts'
export type { Security } from './host.ts'
export {
  changeKeystore,
  createKeystore,
  decodeContent,
  encodeContent,
  KEYSTORE,
  type KeystoreContent,
  openKeystore,
  saveKeystore,
} from './keystore.ts'
export { createLogger, type Logger, type LoggerOptions, type LogLevel, silentLogger } from './logger.ts'
export { type PassphraseSources, readPassphrase } from './passphrase.ts'
export { createPreSharedKey, readPreSharedKey, writePreSharedKey } from './pre-shared-key.ts'
export {
  MeasuredAttestor,
  type MeasuredFile,
  type MeasuredProgram,
  measureProgram,
  thisInstallation,
} from './program.ts'
export {
  costOf,
  LOWEST_COST,
  readSealedFile,
  type ScryptCost,
  writeSealedFile,
} from './sealed-file.ts'
export { measurePlatform, Tpm2Attestor } from './tpm2.ts'
export { Webhook } from './webhook.ts'
export { SystemClock, SystemRng }

// Queries reach everybody else from this many peers; fewer suffice when fewer are connected.
const SETTLED_TABLE_SIZE = 8

export interface IoOptions extends Omit<HostOptions, 'services' | 'rng' | 'counters' | 'seed'> {
  readonly identitySeed: Secret
  /** The hexadecimal network id; part of every protocol and topic name. */
  readonly networkId: string
  /** The node's data directory, which must exist; the database is `db` in it. */
  readonly directory: string
  /** The key that a DHT record belongs under, 32 bytes; undefined for bytes that are no record. */
  readonly recordKey: (record: Uint8Array) => Uint8Array | undefined
  /** Tells which DHT records the log pins; undefined until the node has its ledger. */
  readonly recordJudge: () => RecordJudge | undefined
  readonly logger: Logger
}

/** The DHT port, and what only the real one offers. */
export interface NodeRecords extends RecordStore {
  /** Offers records that this node keeps to the peers now nearest to them; returns how many were taken by someone. */
  republish(keys: Iterable<string>): Promise<number>
  /** Drops this node's own copy. */
  forget(key: string): Promise<void>
}

/** The gossip port, and what only the real one tells. */
export interface NodeGossip extends Gossip {
  /** How many connected peers listen to the topic, as far as they have told. */
  subscriberCount(topic: string): number
}

/** The real ports of one node. */
export interface Io extends PeerGate {
  readonly peerId: PeerId
  readonly transport: Transport
  readonly gossip: NodeGossip
  readonly records: NodeRecords
  readonly store: Store
  readonly clock: Clock
  readonly rng: Rng
  readonly counters: Counters
  /** The multiaddrs that this node listens on, peer id included. */
  addresses(): string[]
  connectedPeers(): PeerId[]
  /** Replaces what is known of a member's addresses and dials it if it is not connected. */
  learnAddress(peerId: PeerId, multiaddrs: readonly string[]): void
  /** Call when `members` or `isMember` would answer differently: drops those who left and dials those who came. */
  membersChanged(): void
  /** Closes everything that `startIo` opened, the store last. */
  stop(): Promise<void>
}

/**
 * Opens the disk and joins the network: listens, and dials the members. Frames and requests that arrive before the
 * transport is started wait. Errors: `conflict` (directory or address in use), `storage_corrupt`, `storage_full`.
 */
export async function startIo(options: IoOptions): Promise<Io> {
  const counters = new Counters()
  const disk = await openDisk(options.directory, counters)
  try {
    return await startNetwork(options, disk, counters)
  } catch (error) {
    await disk.store.close()
    throw error
  }
}

async function startNetwork(options: IoOptions, disk: Disk, counters: Counters): Promise<Io> {
  const rng = new SystemRng()
  const { networkId, logger } = options
  const gate: PeerGate = { disconnect: (peerId, forMs, reason) => host.disconnect(peerId, forMs, reason) }
  const misconduct = new Misconduct({ gate, counters, logger })
  const kept = new KeptRecords({
    ...{ disk: disk.dht, judge: options.recordJudge, misconduct, counters, logger },
  })
  const { isMember, recordKey } = options
  const host: Host = await createHost({
    ...options,
    seed: options.identitySeed,
    rng,
    counters,
    services: {
      gossip: components => gossipService({ networkId, misconduct, counters })(components),
      dht: components =>
        dhtService({ networkId, kept, own: disk.own, recordKey, isMember, counters })(components as never),
    },
  })
  const { gossip: service, dht } = host.libp2p.services as unknown as { gossip: GossipSub; dht: SingleKadDHT }
  const gossip = new GossipsubGossip({ service, networkId, misconduct, counters, logger })
  const isSettled = (): boolean =>
    dht.routingTable.size >= Math.min(host.connectedPeers().length, SETTLED_TABLE_SIZE)
  const records = new DhtRecords({ dht, own: disk.own, recordKey, isSettled, counters, logger })
  host.onPeer((_peerId, isConnected) => {
    if (isConnected) records.peerCame()
  })
  const transport = new RpcTransport({ host, networkId, counters, logger })
  kept.start()
  await transport.listen()
  await host.start()
  return assemble({ host, transport, gossip, records, kept, store: disk.store, rng, counters })
}

type Parts = Pick<Io, 'gossip' | 'store' | 'rng' | 'counters'> & {
  readonly host: Host
  readonly transport: RpcTransport
  readonly records: DhtRecords
  readonly kept: KeptRecords
}

function assemble({ host, transport, gossip, records, kept, store, rng, counters }: Parts): Io {
  return {
    peerId: host.peerId,
    ...{ transport, gossip, records, store, rng, counters },
    clock: new SystemClock(),
    addresses: () => host.addresses(),
    connectedPeers: () => host.connectedPeers(),
    disconnect: (peerId, forMs, reason) => host.disconnect(peerId, forMs, reason),
    learnAddress: (peerId, multiaddrs) => host.learnAddress(peerId, multiaddrs),
    membersChanged: () => host.membersChanged(),
    async stop() {
      records.stop()
      kept.stop()
      await transport.stop()
      await host.stop()
      await store.close()
    },
  }
}

/** The store of a node's directory, without a node. Errors: `not_found`, `conflict` (its daemon runs), `storage_corrupt`. */
export async function openStore(directory: string): Promise<Store> {
  if (!existsSync(join(directory, 'db')))
    throw new OstrakaError('not_found', `${directory} holds no node's data`)
  return (await openDisk(directory, new Counters())).store
}

/** The store of a node's directory that has none yet. Errors: `conflict`, `storage_full`. */
export async function createStore(directory: string): Promise<Store> {
  if (existsSync(join(directory, 'db')))
    throw new OstrakaError('conflict', `${directory} holds a node's data already`)
  return (await openDisk(directory, new Counters())).store
}

interface Disk {
  readonly store: Store
  /** Records that this node put. */
  readonly own: NodeDatastore
  /** Records that it keeps for others. */
  readonly dht: NodeDatastore
}

async function openDisk(directory: string, counters: Counters): Promise<Disk> {
  const level = await openDatabase(join(directory, 'db'))
  const freeBytes = (): Promise<number> => freeBytesOf(directory)
  const reopened = async (): Promise<void> => {
    await own.open()
    await dht.open()
  }
  const store = new LevelStore({ level, freeBytes, reopened, counters })
  const own = new NodeDatastore(level, 'records', operations => store.apply(operations, true))
  const dht = new NodeDatastore(level, 'dht', operations => store.apply(operations))
  await reopened()
  return { store, own, dht }
}
