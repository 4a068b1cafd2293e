import type { PeerId, PeerInfo } from '@libp2p/interface'
import { type KadDHT, type KadDHTComponents, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Datastore, Key } from 'interface-datastore'
import {
  concat,
  equalBytes,
  fromHex,
  type PeerId as MemberId,
  OstrakaError,
  type RecordStore,
  toHex,
} from '../base/index.ts'
import { MAX_RECORD_BYTES } from '../wire/index.ts'
import type { Counters } from './counters.ts'
import { guardRequests, HASH_BYTES, KEY_PREFIX, readingDatastore } from './dht-requests.ts'
import type { KeptRecords } from './kept-records.ts'
import type { Logger } from './logger.ts'

const NAMESPACE = 'ost'
// Of a member that is not connected, and of what others say of its addresses: more are ways to make a node dial in vain.
const MAX_TOLD_ADDRESSES = 8

// A peer that does not answer in this time is passed over; a put asks twice (who is close, then store). kad-dht waits longer,
// up to the second figure, while answers have lately taken longer or failed: on a busy machine nobody would be near enough.
const PEER_TIMEOUT = { minTimeout: 1000, maxTimeout: 4000 }
// A new peer that does not answer in this time stays out of the routing table until it connects again: hosts start busy.
const CONTACT_TIMEOUT = { minTimeout: 5000, maxTimeout: 5000 }
// How long callers wait; the offer itself goes on behind their back until it is done.
const PUT_PATIENCE_MS = 2500
const GET_PATIENCE_MS = 4000
const SETTLE_PATIENCE_MS = 1000
const SETTLE_POLL_MS = 25
const OFFER_LIMIT_MS = 20_000
// What nobody has taken is offered again, since peers may have been busy: soon, and at last every five minutes. A newly
// connected peer is identified and in the routing table after the first delay.
const FIRST_REOFFER_MS = 2000
const LONGEST_REOFFER_MS = 300_000
const REPUBLISH_CONCURRENCY = 4
// Records that no peer took yet are kept in mind up to here; whoever needs more republishes.
const MAX_UNOFFERED = 10_000

/** The 32-byte key that a record belongs under; undefined for bytes that are no record. */
export type RecordKey = (record: Uint8Array) => Uint8Array | undefined

export interface DhtServiceOptions {
  readonly networkId: string
  /** The records that this node keeps for others. */
  readonly kept: KeptRecords
  /** The records that it put itself. */
  readonly own: Datastore
  readonly recordKey: RecordKey
  readonly isMember: (peerId: MemberId) => boolean
  readonly counters: Counters
}

/** The libp2p service to hand to the host: a DHT server for immutable records under `/ost/<key>`. */
export function dhtService(options: DhtServiceOptions): (components: KadDHTComponents) => KadDHT {
  const { kept, own, recordKey, isMember, counters } = options
  // of what peers answer with; what they offer is judged by `KeptRecords`
  const validate = (key: Uint8Array, record: Uint8Array): void => {
    if (isRecordFor(recordKey, key.subarray(KEY_PREFIX.length), record)) return
    throw new OstrakaError('malformed', 'not the record of this key')
  }
  const refuse = (): never => {
    throw new OstrakaError('malformed', 'this network has no such records')
  }
  const isWanted = ({ id }: PeerInfo): boolean => isMember(id.toString())
  const create = kadDHT({
    protocol: `/ostraka/${options.networkId}/kad/1`,
    clientMode: false,
    allowQueryWithZeroPeers: true,
    // private and loopback addresses are as good as any: members come from the log, not from strangers
    peerInfoMapper: info => (isWanted(info) ? passthroughMapper(info) : { ...info, multiaddrs: [] }),
    validators: { [NAMESPACE]: validate, pk: refuse },
    // all valid records under one key are equal
    selectors: { [NAMESPACE]: () => 0 },
    networkDialTimeout: PEER_TIMEOUT,
    pingNewContactTimeout: CONTACT_TIMEOUT,
    pingOldContactTimeout: CONTACT_TIMEOUT,
  })
  return components => {
    const { peerId, privateKey, registrar, addressManager, peerStore, connectionManager } = components
    const { events, logger, ping } = components
    const datastore = readingDatastore(
      async hash => (await ownRecord(own, recordKey, hash)) ?? kept.get(hash),
    )
    const dht = create({
      ...{ peerId, privateKey, registrar, addressManager, peerStore, connectionManager },
      ...{ events, logger, ping, datastore },
    })
    guardRequests(dht, { kept, counters })
    return withoutOldNews(dht, {
      isWanted: info => isWanted(info) && connectionManager.getConnections(info.id).length === 0,
      async knownAddresses(id) {
        return (await peerStore.has(id)) ? (await peerStore.get(id)).addresses.length : 0
      },
    })
  }
}

export interface News {
  /** False for members that are connected, as all should be: this node has learnt their addresses from themselves. */
  readonly isWanted: (info: PeerInfo) => boolean
  readonly knownAddresses: (peerId: PeerId) => Promise<number>
}

/**
 * Each answer names all peers that are near the key, as its sender likes, and the host looks every one of them up in its store,
 * compares and merges. It hears of members only that it lacks, and of so many addresses at most.
 */
export function withoutOldNews(dht: KadDHT, { isWanted, knownAddresses }: News): KadDHT {
  const emitter = dht as KadDHT & EventTarget
  const dispatch = emitter.dispatchEvent.bind(emitter)
  const pass = async (info: PeerInfo): Promise<void> => {
    const room = MAX_TOLD_ADDRESSES - (await knownAddresses(info.id))
    if (room <= 0) return
    dispatch(new CustomEvent('peer', { detail: { ...info, multiaddrs: info.multiaddrs.slice(0, room) } }))
  }
  emitter.dispatchEvent = event => {
    if (event.type !== 'peer') return dispatch(event)
    const { detail } = event as CustomEvent<PeerInfo>
    // a store that cannot be read learns nothing
    if (isWanted(detail)) void pass(detail).catch(() => {})
    return true
  }
  return dht
}

export interface DhtRecordsOptions {
  readonly dht: Pick<KadDHT, 'get' | 'put'>
  /** Where this node keeps the records that it put itself, whatever becomes of the DHT. */
  readonly own: Datastore
  readonly recordKey: RecordKey
  /** False while connected peers are not yet in the routing table, as in the first moments after a start. */
  readonly isSettled: () => boolean
  readonly counters: Counters
  readonly logger: Logger
}

/** The `RecordStore` over Kademlia: this node's own disk first, then the peers nearest to the key. */
export class DhtRecords implements RecordStore {
  readonly #options: DhtRecordsOptions
  readonly #unoffered = new Set<string>()
  readonly #stopping = new AbortController()
  #reofferTimer: NodeJS.Timeout | undefined
  #reofferMs = FIRST_REOFFER_MS

  constructor(options: DhtRecordsOptions) {
    this.#options = options
  }

  /** Errors: `too_large`, `malformed` (wrong hash), `storage_full`. Returns after at most 2.5 s of slow peers. */
  async put(key: string, record: Uint8Array): Promise<void> {
    if (record.length > MAX_RECORD_BYTES) {
      const details = { sizeBytes: record.length, limitBytes: MAX_RECORD_BYTES }
      throw new OstrakaError('too_large', 'record over the cap', details)
    }
    if (!isRecordFor(this.#options.recordKey, hashOf(key), record)) {
      throw new OstrakaError('malformed', 'the record belongs under another key', { key })
    }
    await this.#options.own.put(new Key(key), record)
    await this.#settle()
    await this.#offer(key, record)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const hash = hashOf(key)
    const own = await this.#own(key)
    this.#options.counters.add(own ? 'dht_get_local' : 'dht_get_remote')
    if (own) return own
    await this.#settle()
    return this.#search(hash)
  }

  /** Offers records that this node keeps to the peers that are now nearest; returns how many were taken by someone. */
  async republish(keys: Iterable<string>): Promise<number> {
    const queue = [...keys]
    let taken = 0
    const work = async (): Promise<void> => {
      for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
        const record = await this.#own(key)
        if (record && !this.#stopping.signal.aborted && (await this.#offer(key, record))) taken += 1
      }
    }
    await Promise.all(Array.from({ length: REPUBLISH_CONCURRENCY }, work))
    return taken
  }

  /** Drops this node's own copy (its version was destroyed); others drop theirs by the log. */
  async forget(key: string): Promise<void> {
    this.#unoffered.delete(key)
    await this.#options.own.delete(new Key(key))
  }

  /** A peer came: what nobody has taken yet is offered again shortly. */
  peerCame(): void {
    this.#reofferMs = FIRST_REOFFER_MS
    if (this.#unoffered.size > 0) this.#reofferLater()
  }

  stop(): void {
    clearTimeout(this.#reofferTimer)
    this.#stopping.abort()
  }

  #reofferLater(): void {
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#reofferTimer)
    this.#reofferTimer = setTimeout(() => {
      this.#reofferTimer = undefined
      void this.republish(this.#unoffered)
    }, this.#reofferMs)
    this.#reofferMs = Math.min(2 * this.#reofferMs, LONGEST_REOFFER_MS)
  }

  async #settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_PATIENCE_MS
    while (!this.#options.isSettled() && performance.now() < deadline) {
      await new Promise(resolve => setTimeout(resolve, SETTLE_POLL_MS))
    }
  }

  #own(key: string): Promise<Uint8Array | undefined> {
    return ownRecord(this.#options.own, this.#options.recordKey, key)
  }

  /** True when a peer has confirmed the record before the caller's patience ran out. */
  async #offer(key: string, record: Uint8Array): Promise<boolean> {
    this.#options.counters.add('dht_put')
    const { promise: patience, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), PUT_PATIENCE_MS)
    try {
      return await Promise.race([this.#store(key, record), patience])
    } finally {
      clearTimeout(timer)
    }
  }

  async #store(key: string, record: Uint8Array): Promise<boolean> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(OFFER_LIMIT_MS)])
    let takers = 0
    try {
      for await (const event of this.#options.dht.put(dhtKey(hashOf(key)), record, { signal })) {
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') takers += 1
      }
    } catch (error) {
      this.#options.logger.debug({ key, reason: String(error) }, 'offering a record failed')
    }
    if (takers > 0) {
      this.#options.counters.add('dht_put_taken')
      this.#unoffered.delete(key)
    } else {
      this.#options.counters.add('dht_put_unoffered')
      if (this.#unoffered.size < MAX_UNOFFERED) this.#unoffered.add(key)
      if (this.#reofferTimer === undefined) this.#reofferLater()
    }
    return takers > 0
  }

  async #search(hash: Uint8Array): Promise<Uint8Array | undefined> {
    const enough = new AbortController()
    const signal = AbortSignal.any([
      enough.signal,
      this.#stopping.signal,
      AbortSignal.timeout(GET_PATIENCE_MS),
    ])
    let found: Uint8Array | undefined
    // `get` yields values only after it has asked everyone; progress events come as the answers do
    const onProgress = (event: { type: string; detail?: unknown }): void => {
      if (event.type !== 'kad-dht:query:value') return
      const { value } = event.detail as { value: Uint8Array }
      if (!isRecordFor(this.#options.recordKey, hash, value)) return
      found ??= new Uint8Array(value)
      enough.abort()
    }
    try {
      for await (const _ of this.#options.dht.get(dhtKey(hash), { signal, onProgress })) if (found) break
    } catch {
      // the search was cut short, by success or by the deadline
    }
    if (!found) this.#options.counters.add('dht_get_missed')
    return found
  }
}

async function ownRecord(own: Datastore, recordKey: RecordKey, key: string): Promise<Uint8Array | undefined> {
  try {
    const record = await own.get(new Key(key))
    // a damaged copy counts as none: peers have others
    return isRecordFor(recordKey, hashOf(key), record) ? new Uint8Array(record) : undefined
  } catch {
    return undefined
  }
}

function dhtKey(hash: Uint8Array): Uint8Array {
  return concat(KEY_PREFIX, hash)
}

function hashOf(key: string): Uint8Array {
  const hash = fromHex(key)
  if (hash.length !== HASH_BYTES || toHex(hash) !== key) {
    throw new OstrakaError('malformed', 'a record key is 32 bytes in lower-case hexadecimal', {
      key,
    })
  }
  return hash
}

function isRecordFor(recordKey: RecordKey, hash: Uint8Array, record: Uint8Array): boolean {
  if (record.length > MAX_RECORD_BYTES) return false
  const key = recordKey(record)
  return key !== undefined && equalBytes(hash, key)
}
