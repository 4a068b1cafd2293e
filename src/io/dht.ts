import type { PeerId, PeerInfo } from '@libp2p/interface'
import { type KadDHT, type KadDHTComponents, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Datastore, Key } from 'interface-datastore'
import { concat, equalBytes, fromHex, OstrakaError, type RecordStore, toHex, utf8 } from '../base/index.ts'
import type { Counters } from './counters.ts'
import type { Logger } from './logger.ts'

/** Well below what kad-dht carries in one message. */
export const MAX_RECORD_BYTES: number = 64 * 1024
const NAMESPACE = 'ost'
const KEY_PREFIX = utf8(`/${NAMESPACE}/`)
const HASH_BYTES = 32

// A peer that does not answer in this time is passed over; a put asks twice (who is close, then store). kad-dht waits longer,
// up to the second figure, while answers have lately taken longer or failed: on a busy machine nobody would be near enough.
const PEER_TIMEOUT = { minTimeout: 1000, maxTimeout: 4000 }
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
  /** Where records that others give us to keep are stored. */
  readonly datastore: Datastore
  readonly recordKey: RecordKey
  /** Decides whether a record with the right key is one of this network's (signature, membership). */
  readonly judge: (record: Uint8Array) => boolean
  readonly counters: Counters
}

/** The libp2p service to hand to the host: a DHT server for immutable records under `/ost/<key>`. */
export function dhtService(options: DhtServiceOptions): (components: KadDHTComponents) => KadDHT {
  const validate = (key: Uint8Array, record: Uint8Array): void => {
    const isUnderItsKey = isRecordFor(options.recordKey, key.subarray(KEY_PREFIX.length), record)
    if (isUnderItsKey && options.judge(record)) return
    options.counters.add('dht_record_refused')
    throw new OstrakaError('malformed', 'not a record of this network')
  }
  const create = kadDHT({
    protocol: `/ostraka/${options.networkId}/kad/1`,
    clientMode: false,
    allowQueryWithZeroPeers: true,
    // private and loopback addresses are as good as any: members come from the log, not from strangers
    peerInfoMapper: passthroughMapper,
    validators: { [NAMESPACE]: validate },
    // all valid records under one key are equal
    selectors: { [NAMESPACE]: () => 0 },
    networkDialTimeout: PEER_TIMEOUT,
    pingNewContactTimeout: PEER_TIMEOUT,
    pingOldContactTimeout: PEER_TIMEOUT,
  })
  return components => {
    const { peerId, privateKey, registrar, addressManager, peerStore, connectionManager } = components
    const { events, logger, ping } = components
    const { datastore } = options
    const dht = create({
      ...{ peerId, privateKey, registrar, addressManager, peerStore, connectionManager },
      ...{ events, logger, ping, datastore },
    })
    return withoutOldNews(dht, id => connectionManager.getConnections(id).length > 0)
  }
}

/**
 * Each answer names all peers that are near the key, and the host looks every one of them up in its store, compares and merges. Of
 * members that are connected, as all should be, it has learnt from themselves.
 */
export function withoutOldNews(dht: KadDHT, isConnected: (peerId: PeerId) => boolean): KadDHT {
  const emitter = dht as KadDHT & EventTarget
  const dispatch = emitter.dispatchEvent.bind(emitter)
  emitter.dispatchEvent = event => {
    const isOld = event.type === 'peer' && isConnected((event as CustomEvent<PeerInfo>).detail.id)
    return isOld || dispatch(event)
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

  /** Drops this node's own copy (its version was destroyed); the DHT's copies expire after 48 hours. */
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

  async #own(key: string): Promise<Uint8Array | undefined> {
    try {
      const record = await this.#options.own.get(new Key(key))
      // a damaged copy counts as none: peers have others
      return isRecordFor(this.#options.recordKey, hashOf(key), record) ? new Uint8Array(record) : undefined
    } catch {
      return undefined
    }
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
