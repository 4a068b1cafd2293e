import {
  compareText,
  OstrakaError,
  type Rng,
  randomBelow,
  randomUnit,
  type Store,
  type Write,
} from '../base/index.ts'
import type { FaultCounts } from './fault-counts.ts'
import type { VirtualTime } from './time.ts'

/** A solid-state disk's flush. */
const SYNC_MS = 4

export interface DiskContext {
  readonly time: VirtualTime
  readonly rng: Rng
  readonly faults: FaultCounts
}

/**
 * A disk that outlives the processes on it. Writes go to a log in order; a flush makes all before it durable; a crash
 * keeps what was durable and, as a real log would, any prefix of the rest.
 */
export class SimDisk {
  /** How long a flush takes, on average: the slower, the more crashes fall between a write and its durability. */
  meanSyncMs: number = SYNC_MS
  readonly #context: DiskContext
  #durable = new Map<string, Uint8Array>()
  #unsynced: (readonly Write[])[] = []
  /** What a running process reads: durable and unsynced alike. */
  #visible = new Map<string, Uint8Array>()
  #sortedKeys: string[] | undefined
  readonly #corrupt = new Set<string>()
  #isFull = false
  #onNextWrite: (() => void) | undefined

  constructor(context: DiskContext) {
    this.#context = context
  }

  /** Opens the disk for one process. */
  open(): SimStore {
    return new SimStore(this, this.#context.time)
  }

  /** The power fails. */
  crash(): void {
    const { rng, faults } = this.#context
    const kept = randomBelow(rng, this.#unsynced.length + 1)
    if (kept < this.#unsynced.length) faults.add('unsynced-loss')
    for (const batch of this.#unsynced.slice(0, kept)) apply(this.#durable, batch)
    this.#unsynced = []
    this.#visible = new Map(this.#durable)
    this.#sortedKeys = undefined
  }

  /** Loses every entry whose key begins with `prefix`, as if its files were deleted. */
  wipe(prefix: string): void {
    for (const map of [this.#durable, this.#visible]) {
      for (const key of map.keys()) if (key.startsWith(prefix)) map.delete(key)
    }
    this.#sortedKeys = undefined
  }

  /** From now on reading `key` fails its checksum. */
  corrupt(key: string): void {
    this.#corrupt.add(key)
  }

  fill(isFull: boolean): void {
    this.#isFull = isFull
  }

  /** Calls `strike` while the next write is under way, before a flush can have made it durable. */
  atNextWrite(strike: () => void): void {
    this.#onNextWrite = strike
  }

  read(key: string): Uint8Array | undefined {
    if (this.#corrupt.has(key)) throw new OstrakaError('storage_corrupt', 'a checksum does not fit', { key })
    const value = this.#visible.get(key)
    return value === undefined ? undefined : new Uint8Array(value)
  }

  /** Keys that begin with `prefix`, ascending. */
  keys(prefix: string): string[] {
    this.#sortedKeys ??= [...this.#visible.keys()].sort(compareText)
    return this.#sortedKeys.filter(key => key.startsWith(prefix))
  }

  /** Keys that begin with `prefix` and that a crash at this moment would leave. */
  durableKeys(prefix: string): string[] {
    return this.keys(prefix).filter(key => this.#durable.has(key))
  }

  /** Keys that begin with `prefix` and that a crash at this moment could lose. */
  unsyncedKeys(prefix: string): string[] {
    return this.keys(prefix).filter(key => !this.#durable.has(key))
  }

  write(batch: readonly Write[]): void {
    if (this.#isFull) {
      this.#context.faults.add('disk-full')
      throw new OstrakaError('storage_full', 'no space is left')
    }
    const copy = batch.map(({ key, value }) => ({ key, value: value && new Uint8Array(value) }))
    for (const { key } of copy) this.#corrupt.delete(key)
    this.#unsynced.push(copy)
    const strike = this.#onNextWrite
    this.#onNextWrite = undefined
    if (strike) this.#context.time.schedule((this.meanSyncMs / 2) * randomUnit(this.#context.rng), strike)
    apply(this.#visible, copy)
    this.#sortedKeys = undefined
  }

  /** Everything written so far survives from now on. */
  flush(): void {
    for (const batch of this.#unsynced) apply(this.#durable, batch)
    this.#unsynced = []
  }

  syncMs(): number {
    return this.meanSyncMs * (0.5 + randomUnit(this.#context.rng))
  }
}

function apply(map: Map<string, Uint8Array>, batch: readonly Write[]): void {
  for (const { key, value } of batch) {
    if (value === null) map.delete(key)
    else map.set(key, value)
  }
}

/** One process's view of its disk; dead once the process is. */
export class SimStore implements Store {
  readonly #disk: SimDisk
  readonly #time: VirtualTime
  #isDead = false

  constructor(disk: SimDisk, time: VirtualTime) {
    this.#disk = disk
    this.#time = time
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#disk.read(key)
  }

  async scan(
    prefix: string,
    { from = '', limit = Number.POSITIVE_INFINITY }: { readonly from?: string; readonly limit?: number } = {},
  ): Promise<ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>> {
    return this.#disk
      .keys(prefix)
      .filter(key => key >= from)
      .slice(0, limit)
      .map(key => ({ key, value: this.#disk.read(key)! }))
  }

  async write(batch: readonly Write[], { sync }: { readonly sync: boolean }): Promise<void> {
    // a dead process's last breath reaches nobody
    if (this.#isDead) return new Promise(() => {})
    this.#disk.write(batch)
    if (!sync) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#time.schedule(this.#disk.syncMs(), () => {
      if (this.#isDead) return
      this.#disk.flush()
      resolve()
    })
    return promise
  }

  async close(): Promise<void> {
    this.#disk.flush()
  }

  /** The process is gone: its writes under way are never acknowledged. */
  kill(): void {
    this.#isDead = true
  }
}
