import { statfs } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import { concat, OstrakaError, type Store, utf8, type Write } from '../base/index.ts'
import type { Counters } from './counters.ts'

export type Database = ClassicLevel<string, Uint8Array>

// Keeps the store's keys apart from the sublevels in the same database, which begin with `!`.
const KEY_PREFIX = 'node/'
const PREFIX_END = '\u{10ffff}'
const CHECKSUM_BYTES = 4
// Room that LevelDB needs to rotate its log (4 MiB) and to compact; writes stop before the disk is really full, because
// a log record torn by a full disk can take later, acknowledged records with it.
const RESERVE_BYTES = 16 * 1024 * 1024
// How old an answer about free space may be: others write to the disk too.
const FREE_SPACE_AGE_MS = 100
// What one of our bytes may take before LevelDB has compacted: in the log, in a table, in that table's successor.
const WRITE_AMPLIFICATION = 3
const NO_SPACE = /no space left|ENOSPC|disk quota|EDQUOT|file too large|EFBIG|storage_full/i

/** Opens the node's one database, creating it if need be. Errors: `conflict` (in use), `storage_corrupt`, `storage_full`. */
export async function openDatabase(path: string): Promise<Database> {
  const level: Database = new ClassicLevel(path, { keyEncoding: 'utf8', valueEncoding: 'view' })
  try {
    await level.open()
  } catch (error) {
    throw storageError(error, path)
  }
  return level
}

/** What the store needs of the database. */
export type StoreLevel = Pick<Database, 'get' | 'batch' | 'iterator' | 'open' | 'close'>

export interface StoreOptions {
  readonly level: StoreLevel
  /** Free bytes on the disk, for users like us. */
  readonly freeBytes: () => Promise<number>
  /** Called after the database was closed and opened again, which closes its sublevels. */
  readonly reopened?: () => Promise<void>
  readonly counters: Counters
}

interface Waiting {
  readonly operations: readonly Operation[]
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export type Operation =
  | { readonly type: 'del'; readonly key: string }
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }

/** Free bytes of the file system that holds `path`. */
export async function freeBytesOf(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}

/**
 * The `Store` over LevelDB. Every value carries a CRC-32 over key and value, so that damage is `storage_corrupt` and is
 * never served. Writes go one after the other, and those that wait go together, sharing one sync. When a write fails
 * the database is opened afresh before the next one, so that no acknowledged write follows a torn one in the log; until
 * there is room again writes are `storage_full` and reads go on.
 */
export class LevelStore implements Store {
  readonly #options: StoreOptions
  #waiting: Waiting[] = []
  #isWriting = false
  #writing: Promise<void> | undefined
  #isHurt = false
  #isClosed = false
  #reopening: Promise<void> | undefined
  #freeBytes = 0
  #freeBytesAtMs = Number.NEGATIVE_INFINITY

  constructor(options: StoreOptions) {
    this.#options = options
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const stored = await this.#read(key, () => this.#options.level.get(KEY_PREFIX + key))
    return stored === undefined ? undefined : this.#checked(key, stored)
  }

  async scan(
    prefix: string,
    options: { readonly from?: string; readonly limit?: number } = {},
  ): Promise<ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>> {
    const from = options.from !== undefined && options.from > prefix ? options.from : prefix
    const range = { gte: KEY_PREFIX + from, lt: KEY_PREFIX + prefix + PREFIX_END, limit: options.limit ?? -1 }
    const entries = await this.#read(prefix, () => this.#options.level.iterator(range).all())
    return entries.map(([stored, value]) => {
      const key = stored.slice(KEY_PREFIX.length)
      return { key, value: this.#checked(key, value) }
    })
  }

  write(batch: readonly Write[], { sync }: { readonly sync: boolean }): Promise<void> {
    const operations = batch.map(({ key, value }): Operation => {
      if (value === null) return { type: 'del', key: KEY_PREFIX + key }
      return { type: 'put', key: KEY_PREFIX + key, value: concat(checksum(key, value), value) }
    })
    return this.apply(operations, sync)
  }

  /** Changes under full database keys and without checksums, for what shares the database; same errors as `write`. */
  apply(operations: readonly Operation[], sync = false): Promise<void> {
    if (this.#isClosed) return Promise.reject(new OstrakaError('not_ready', 'the store is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ operations, sync, resolve, reject })
    if (!this.#isWriting) this.#writing = this.#writeAll()
    return promise
  }

  /** Waits for what is being written; what comes later is `not_ready`. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing
    await this.#options.level.close()
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        await this.#writeGroup(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWriting = false
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const operations = group.flatMap(waiting => waiting.operations)
    // deletions may use the reserve: they are what makes room. Opening takes room too, and until it succeeds nothing is read
    const needsRoom = this.#isHurt || operations.some(({ type }) => type === 'put')
    if (needsRoom) await this.#ensureRoom(sizeOf(operations))
    if (this.#isHurt) await this.#reopen()
    try {
      await this.#options.level.batch([...operations], { sync: group.some(waiting => waiting.sync) })
    } catch (error) {
      this.#isHurt = true
      throw this.#counted(storageError(error, operations[0]?.key.slice(KEY_PREFIX.length) ?? ''))
    }
  }

  async #ensureRoom(neededBytes: number): Promise<void> {
    this.#freeBytes -= neededBytes * WRITE_AMPLIFICATION
    const isStale = performance.now() - this.#freeBytesAtMs > FREE_SPACE_AGE_MS
    if (isStale || this.#freeBytes < RESERVE_BYTES) {
      this.#freeBytes = (await this.#options.freeBytes()) - neededBytes * WRITE_AMPLIFICATION
      this.#freeBytesAtMs = performance.now()
    }
    if (this.#freeBytes >= RESERVE_BYTES) return
    const details = { freeBytes: this.#freeBytes, reserveBytes: RESERVE_BYTES }
    throw this.#counted(new OstrakaError('storage_full', 'the disk is full', details))
  }

  async #reopen(): Promise<void> {
    this.#reopening = this.#closeAndOpen().finally(() => {
      this.#reopening = undefined
    })
    await this.#reopening
  }

  async #closeAndOpen(): Promise<void> {
    try {
      await this.#options.level.close()
      await this.#options.level.open()
      await this.#options.reopened?.()
      this.#isHurt = false
      this.#options.counters.add('store_reopened')
    } catch (error) {
      throw this.#counted(storageError(error, ''))
    }
  }

  async #read<T>(key: string, read: () => Promise<T>): Promise<T> {
    try {
      if (this.#reopening) await this.#reopening
      return await read()
    } catch (error) {
      // closing the database cuts off the iterators of the moment
      if (this.#reopening) return this.#read(key, read)
      throw this.#counted(storageError(error, key))
    }
  }

  #checked(key: string, stored: Uint8Array): Uint8Array {
    const value = stored.slice(CHECKSUM_BYTES)
    const isIntact =
      stored.length >= CHECKSUM_BYTES &&
      Buffer.compare(stored.subarray(0, CHECKSUM_BYTES), checksum(key, value)) === 0
    if (isIntact) return value
    throw this.#counted(new OstrakaError('storage_corrupt', 'a stored value is damaged', { key }))
  }

  #counted(error: OstrakaError): OstrakaError {
    if (error.code === 'storage_full') this.#options.counters.add('store_full')
    if (error.code === 'storage_corrupt') this.#options.counters.add('store_corrupt')
    return error
  }
}

function sizeOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const each of operations) bytes += each.key.length + (each.type === 'put' ? each.value.length : 0)
  return bytes
}

function checksum(key: string, value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(CHECKSUM_BYTES)
  bytes.writeUInt32BE(crc32(value, crc32(utf8(key))))
  return bytes
}

/** LevelDB reports through codes and, for what the system call said, only through text. */
function storageError(error: unknown, key: string): OstrakaError {
  const codes: string[] = []
  let text = ''
  for (let each = error; each instanceof Error; each = each.cause) {
    codes.push(String((each as { code?: unknown }).code))
    text += `${each.message} `
  }
  const details = { key, reason: text.trim() }
  if (NO_SPACE.test(text)) return new OstrakaError('storage_full', 'the disk is full', details)
  if (codes.includes('LEVEL_CORRUPTION'))
    return new OstrakaError('storage_corrupt', 'the database is damaged', details)
  if (codes.includes('LEVEL_LOCKED'))
    return new OstrakaError('conflict', 'another process uses the database', details)
  return new OstrakaError('internal', `storage failed: ${details.reason}`, details)
}
