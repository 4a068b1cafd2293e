import { type PeerId, toHex } from '../base/index.ts'
import type { RecordClaim, RecordStanding } from './record-pins.ts'

/** Records of open ceremonies whose `deal` is not in the log yet. Ceremonies deal for seconds; there are 250 records in this. */
const MAX_EXPECTED_BYTES = 16 * 1024 * 1024
/** Records of ceremonies that this ledger has not got, for each peer that sent them and in all. */
const MAX_UNKNOWN_BYTES_PER_PEER = 512 * 1024
const MAX_UNKNOWN_BYTES = 8 * 1024 * 1024
/** An entry takes some memory beside its record; small records are counted as if they were so long. */
const LEAST_BYTES = 1024
/** A node that is further behind asks for what it needs once it knows that it needs it. */
const UNKNOWN_FOR_MS = 60_000

interface Entry {
  readonly record: Uint8Array
  readonly claim: RecordClaim
  /** Whose allowance it takes. */
  readonly from: PeerId
  readonly sinceMs: number
  standing: RecordStanding
}

/**
 * Records that came before the log pins them, in memory. There is one for each dealer and slot of an open ceremony, the first
 * that came; and for ceremonies that this ledger has not got, a bounded amount for each peer, since the ledger may be behind.
 */
export class EarlyRecords {
  readonly #entries = new Map<string, Entry>()
  readonly #places = new Set<string>()
  readonly #unknownBytes = new Map<PeerId, number>()
  #expectedBytes = 0
  #allUnknownBytes = 0

  get size(): number {
    return this.#entries.size
  }

  /** Keeps a record whose signature holds. False when there is no room: whoever needs it later asks for it. */
  add(
    record: Uint8Array,
    claim: RecordClaim,
    standing: RecordStanding,
    from: PeerId,
    nowMs: number,
  ): boolean {
    const hash = toHex(claim.hash)
    if (this.#entries.has(hash)) return true
    const entry: Entry = { record, claim, from, sinceMs: nowMs, standing }
    if (!this.#hasRoom(entry)) return false
    this.#entries.set(hash, entry)
    this.#account(entry, 1)
    return true
  }

  get(hash: string): Uint8Array | undefined {
    return this.#entries.get(hash)?.record
  }

  delete(hash: string): void {
    const entry = this.#entries.get(hash)
    if (entry === undefined) return
    this.#entries.delete(hash)
    this.#account(entry, -1)
  }

  /** The log moved on, or time has passed: returns the records that are pinned by now, and forgets them and those that nothing needs. */
  review(standingOf: (claim: RecordClaim) => RecordStanding, nowMs: number): Uint8Array[] {
    const pinned: Uint8Array[] = []
    for (const [hash, entry] of this.#entries) {
      const standing = standingOf(entry.claim)
      if (standing === 'unknown' && entry.standing === 'unknown' && nowMs - entry.sinceMs < UNKNOWN_FOR_MS)
        continue
      if (standing === 'expected' && entry.standing === 'expected') continue
      this.delete(hash)
      if (standing === 'pinned') pinned.push(entry.record)
      else if (standing === 'expected') this.add(entry.record, entry.claim, standing, entry.from, nowMs)
    }
    return pinned
  }

  #hasRoom({ record, claim, standing, from }: Entry): boolean {
    const bytes = Math.max(LEAST_BYTES, record.length)
    if (standing === 'expected') {
      return !this.#places.has(claim.place) && this.#expectedBytes + bytes <= MAX_EXPECTED_BYTES
    }
    const ofPeer = this.#unknownBytes.get(from) ?? 0
    return (
      standing === 'unknown' &&
      ofPeer + bytes <= MAX_UNKNOWN_BYTES_PER_PEER &&
      this.#allUnknownBytes + bytes <= MAX_UNKNOWN_BYTES
    )
  }

  #account({ record, claim, standing, from }: Entry, sign: 1 | -1): void {
    const bytes = sign * Math.max(LEAST_BYTES, record.length)
    if (standing === 'expected') {
      this.#expectedBytes += bytes
      if (sign > 0) this.#places.add(claim.place)
      else this.#places.delete(claim.place)
      return
    }
    this.#allUnknownBytes += bytes
    const ofPeer = (this.#unknownBytes.get(from) ?? 0) + bytes
    if (ofPeer > 0) this.#unknownBytes.set(from, ofPeer)
    else this.#unknownBytes.delete(from)
  }
}
