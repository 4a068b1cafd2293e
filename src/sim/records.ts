import { OstrakaError, type PeerId, type RecordStore, randomUnit, toHex } from '../base/index.ts'
import { EarlyRecords, type RecordJudge, recordKeyOf } from '../keys/index.ts'
import { MAX_RECORD_BYTES } from '../wire/index.ts'
import type { SimNetwork } from './network.ts'

/** A Kademlia lookup takes some hops; so long at the least. */
const LOOKUP_MS = 15
const KEY = /^[0-9a-f]{64}$/

/** How a peer tells what to keep of what others offer it; undefined until it has its ledger. */
type JudgeOf = () => RecordJudge | undefined

/** The records that each host keeps on its disk, and how they travel. */
export class RecordMesh {
  /** The share of lookups that find nobody at home though the record exists. */
  missRate = 0
  readonly network: SimNetwork
  /** The key that a record belongs under; undefined for bytes that are no record. */
  readonly keyOf: (record: Uint8Array) => Uint8Array | undefined
  readonly judges: Map<PeerId, JudgeOf> = new Map()
  readonly #early = new Map<PeerId, EarlyRecords>()
  readonly #shelves = new Map<PeerId, Map<string, Uint8Array>>()

  constructor(network: SimNetwork, keyOf: RecordMesh['keyOf'] = recordKeyOf) {
    this.network = network
    this.keyOf = keyOf
  }

  open(peerId: PeerId, judge: JudgeOf): SimRecordStore {
    this.#early.set(peerId, new EarlyRecords())
    return new SimRecordStore(peerId, this, judge)
  }

  shelf(peerId: PeerId): Map<string, Uint8Array> {
    let shelf = this.#shelves.get(peerId)
    if (shelf === undefined) {
      shelf = new Map()
      this.#shelves.set(peerId, shelf)
    }
    return shelf
  }

  offer(from: PeerId, to: PeerId, key: string, record: Uint8Array): void {
    this.network.carry({ from, to, kind: 'record', bytes: record }, bytes => {
      const judge = this.judges.get(to)?.()
      const claim = judge?.read(bytes)
      if (judge === undefined || claim === undefined || toHex(claim.hash) !== key) return
      const standing = judge.standing(claim)
      if (standing === 'pinned') this.shelf(to).set(key, bytes)
      else this.#early.get(to)?.add(bytes, claim, standing, from, this.#nowMs)
    })
  }

  /** What a peer has of others and of itself; records that came early are on its shelf once its log pins them. */
  find(peerId: PeerId, key: string): Uint8Array | undefined {
    this.review(peerId)
    return this.shelf(peerId).get(key) ?? this.#early.get(peerId)?.get(key)
  }

  /** Where a host has a record now; nothing is reviewed first. */
  placeOf(peerId: PeerId, key: string): 'disk' | 'memory' | undefined {
    if (this.shelf(peerId).has(key)) return 'disk'
    return this.#early.get(peerId)?.get(key) === undefined ? undefined : 'memory'
  }

  /** Moves records that are pinned by now to the shelf, and forgets those that nothing needs. */
  review(peerId: PeerId): void {
    const judge = this.judges.get(peerId)?.()
    const early = this.#early.get(peerId)
    if (judge === undefined || early === undefined || early.size === 0) return
    for (const record of early.review(claim => judge.standing(claim), this.#nowMs)) {
      this.shelf(peerId).set(toHex(this.keyOf(record)!), record)
    }
  }

  get #nowMs(): number {
    return this.network.context.time.nowMs
  }
}

/** One process's view of the DHT. */
export class SimRecordStore implements RecordStore {
  readonly #peerId: PeerId
  readonly #mesh: RecordMesh
  #isDead = false

  constructor(peerId: PeerId, mesh: RecordMesh, judge: JudgeOf) {
    this.#peerId = peerId
    this.#mesh = mesh
    mesh.judges.set(peerId, judge)
  }

  async put(key: string, record: Uint8Array): Promise<void> {
    checkKey(key)
    if (record.length > MAX_RECORD_BYTES) throw new OstrakaError('too_large', 'a record over the cap')
    const own = this.#mesh.keyOf(record)
    if (own === undefined || toHex(own) !== key) {
      throw new OstrakaError('malformed', 'a record that belongs under another key')
    }
    if (this.#isDead) return
    this.#mesh.shelf(this.#peerId).set(key, new Uint8Array(record))
    for (const peer of this.#mesh.network.connectedTo(this.#peerId)) {
      this.#mesh.offer(this.#peerId, peer, key, record)
    }
    await this.#passMs(LOOKUP_MS)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    checkKey(key)
    const own = this.#mesh.find(this.#peerId, key)
    if (own !== undefined) return new Uint8Array(own)
    const { rng, faults } = this.#mesh.network.context
    await this.#passMs(LOOKUP_MS * (1 + randomUnit(rng)))
    for (const peer of this.#mesh.network.connectedTo(this.#peerId)) {
      const found = this.#mesh.find(peer, key)
      if (found === undefined) continue
      if (randomUnit(rng) < this.#mesh.missRate) {
        faults.add('record-missing')
        return undefined
      }
      return new Uint8Array(found)
    }
    return undefined
  }

  /** The process is gone: what it awaited never comes. */
  kill(): void {
    this.#isDead = true
    this.#mesh.judges.delete(this.#peerId)
  }

  #passMs(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#mesh.network.context.time.schedule(delayMs, () => {
      if (!this.#isDead) resolve()
    })
    return promise
  }
}

function checkKey(key: string): void {
  if (!KEY.test(key)) throw new OstrakaError('malformed', 'a record key is 32 bytes in hexadecimal')
}
