import { Key } from 'interface-datastore'
import { equalBytes, type PeerId, toHex } from '../base/index.ts'
import { EarlyRecords, type RecordClaim, type RecordJudge } from '../keys/index.ts'
import { MAX_RECORD_BYTES } from '../wire/index.ts'
import type { Counters } from './counters.ts'
import type { Logger } from './logger.ts'
import type { Misconduct } from './misconduct.ts'

/** How often records that came early are looked at again. */
const REVIEW_MS = 1000
/** The walk through the disk deletes what the log needs no more: so many records at a time, then a pause. */
const WALK_BATCH = 64
const WALK_STEP_MS = 1000
const WALK_PAUSE_MS = 60_000

/** The part of the database where records of others lie, by hash. */
export interface RecordDisk {
  get(key: Key): Promise<Uint8Array>
  has(key: Key): Promise<boolean>
  put(key: Key, value: Uint8Array): Promise<unknown>
  delete(key: Key): Promise<void>
  /** The first entries above `from`, ascending. */
  above(from: string, limit: number): Promise<ReadonlyArray<readonly [string, Uint8Array]>>
}

export interface KeptRecordsOptions {
  readonly disk: RecordDisk
  /** Undefined until this node has its ledger. */
  readonly judge: () => RecordJudge | undefined
  readonly misconduct: Misconduct
  readonly counters: Counters
  readonly logger: Logger
}

/**
 * The records that a node keeps for others. On the disk are those that its log pins, as many as there are, and no others;
 * in memory a bounded amount of those that the log may pin yet.
 */
export class KeptRecords {
  readonly #options: KeptRecordsOptions
  readonly #early = new EarlyRecords()
  #reviewTimer: NodeJS.Timeout | undefined
  #walkTimer: NodeJS.Timeout | undefined
  #walkedTo = ''
  #isStopped = false

  constructor(options: KeptRecordsOptions) {
    this.#options = options
  }

  start(): void {
    this.#walkLater(WALK_PAUSE_MS)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#reviewTimer)
    clearTimeout(this.#walkTimer)
  }

  /** True when the record is kept. A record that is false by itself counts against the peer that offered it. */
  async offer(from: PeerId, hash: Uint8Array, record: Uint8Array): Promise<boolean> {
    const { judge: judgeOf, counters } = this.#options
    const judge = judgeOf()
    if (judge === undefined) {
      counters.add('dht_record_deferred')
      return false
    }
    const claim = record.length <= MAX_RECORD_BYTES ? judge.read(record) : undefined
    if (claim === undefined || !equalBytes(claim.hash, hash)) {
      counters.add('dht_record_refused')
      this.#options.misconduct.note(from, 'a record that its dealer did not sign')
      return false
    }
    return this.#keep(judge, record, claim, from)
  }

  async get(hash: string): Promise<Uint8Array | undefined> {
    const early = this.#early.get(hash)
    if (early !== undefined) return early
    try {
      return await this.#options.disk.get(new Key(hash))
    } catch {
      return undefined
    }
  }

  async #keep(judge: RecordJudge, record: Uint8Array, claim: RecordClaim, from: PeerId): Promise<boolean> {
    const { disk, counters } = this.#options
    const standing = judge.standing(claim)
    if (standing === 'over') {
      counters.add('dht_record_refused')
      return false
    }
    if (standing === 'pinned') {
      const key = new Key(toHex(claim.hash))
      if (!(await disk.has(key))) await disk.put(key, record)
      return true
    }
    const isKept = this.#early.add(new Uint8Array(record), claim, standing, from, performance.now())
    if (!isKept) counters.add('dht_record_deferred')
    this.#reviewTimer ??= setTimeout(() => void this.#review(), REVIEW_MS)
    return isKept
  }

  async #review(): Promise<void> {
    this.#reviewTimer = undefined
    const judge = this.#options.judge()
    const pinned = judge ? this.#early.review(claim => judge.standing(claim), performance.now()) : []
    if (this.#early.size > 0 && !this.#isStopped) {
      this.#reviewTimer = setTimeout(() => void this.#review(), REVIEW_MS)
    }
    for (const record of pinned) {
      const claim = judge?.claim(record)
      if (claim === undefined || this.#isStopped) continue
      await this.#options.disk.put(new Key(toHex(claim.hash)), record).catch(error => this.#failed(error))
    }
  }

  #walkLater(delayMs: number): void {
    if (this.#isStopped) return
    this.#walkTimer = setTimeout(() => {
      this.walk().then(
        isDone => this.#walkLater(isDone ? WALK_PAUSE_MS : WALK_STEP_MS),
        error => {
          this.#failed(error)
          this.#walkLater(WALK_PAUSE_MS)
        },
      )
    }, delayMs)
    this.#walkTimer.unref()
  }

  /** Looks at the next records on the disk and deletes those that nothing needs. True when it has seen all. */
  async walk(): Promise<boolean> {
    const { disk, judge: judgeOf, counters } = this.#options
    const judge = judgeOf()
    // blocks come a second time: what they pin is unknown until then
    if (judge === undefined || judge.isBehind()) return true
    const entries = await disk.above(this.#walkedTo, WALK_BATCH)
    for (const [key, record] of entries) {
      const claim = judge.claim(record)
      if (claim !== undefined && judge.standing(claim) === 'pinned') continue
      await disk.delete(new Key(key))
      counters.add('dht_record_deleted')
    }
    const isDone = entries.length < WALK_BATCH
    this.#walkedTo = isDone ? '' : entries.at(-1)![0]
    return isDone
  }

  #failed(error: unknown): void {
    this.#options.logger.warn({ reason: String(error) }, 'records of others could not be stored or read')
  }
}
