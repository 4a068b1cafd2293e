import { isOstrakaError, OstrakaError, type Write } from '../base/index.ts'
import { type Abstention, abstentionWrite, readAbstention } from './abstention.ts'
import type { LogOptions } from './log-types.ts'
import { recoverLog } from './recovery.ts'
import { readSnapshots } from './snapshots.ts'
import { ABSTENTION_KEY, BLOCK_PREFIX, heightOfKey, SNAPSHOT_PREFIX } from './store-keys.ts'
import { readWal, WAL_PREFIX } from './wal.ts'

type Entries = ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>

/** A log of which some is missing, as it may go on: what is left, and what makes the disk say so too. */
export interface Mended {
  readonly entries: Entries
  readonly writes: readonly Write[]
  /** The height that is left; the rest is fetched from peers, and checked against its certificates. */
  readonly height: number
}

/** Each try drops a damaged block, the votes or the snapshots for good: more tries than these find nothing new. */
const MOST_TRIES = 8

/**
 * What is left of a log after the entries under `damaged`, and whatever does not follow, are dropped: blocks up to the first
 * damaged one above the snapshot; where the snapshot is damaged none, unless all since the first block are there. The node
 * votes on no height that it had, nor, if its votes are lost, on the next. Blocks under the snapshot cost it nothing.
 * Errors: `storage_corrupt` for a network of one, since nobody else has the log.
 */
export function mendLog(options: LogOptions, entries: Entries, damaged: readonly string[]): Mended {
  const snapshotHeight = damaged.some(isOfSnapshot) ? null : heightOfSnapshot(entries)
  const isOld = (key: string): boolean => isBlock(key) && heightOfKey(key) <= (snapshotHeight ?? 0)
  const whole = damaged.length > 0 && damaged.every(isOld) ? heightOf(options, entries) : null
  if (whole !== null) return { entries, writes: damaged.map(key => ({ key, value: null })), height: whole }
  if (options.genesis.members.length === 1) {
    throw new OstrakaError('storage_corrupt', 'the control log is damaged, and nobody else has it', {
      damaged,
    })
  }
  const stored = [...entries.map(({ key }) => key), ...damaged]
  const isVoteLost = damaged.some(key => key.startsWith(WAL_PREFIX)) || !isReadable(() => readWal(entries))
  const top = Math.max(0, ...stored.map(heightOfKey))
  const abstention = abstentionAfter(entries, damaged, isVoteLost ? top + 1 : top)
  let left = entries.filter(({ key }) => key !== ABSTENTION_KEY)
  if (isVoteLost) left = left.filter(({ key }) => !key.startsWith(WAL_PREFIX))
  let isStateLost = snapshotHeight === null
  const needed = damaged.filter(key => isBlock(key) && !isOld(key))
  let firstBad = Math.min(...needed.map(heightOfKey))
  const { key, value } = abstentionWrite(abstention)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    left = left.filter(entry => isSound(entry.key, firstBad, isStateLost))
    const mended = [...left, { key, value: value! }]
    try {
      const { height } = recoverLog(options, mended).ledger.chain
      const kept = new Set(left.map(entry => entry.key))
      const dropped = stored.filter(name => !kept.has(name) && name !== ABSTENTION_KEY)
      const writes: Write[] = [...dropped.map(name => ({ key: name, value: null })), { key, value }]
      return { entries: mended, writes, height }
    } catch (error) {
      if (!isOstrakaError(error, 'storage_corrupt')) throw error
      const { height } = error.details
      if (typeof height === 'number' && height > 0 && height < firstBad) firstBad = height
      else isStateLost = true
    }
  }
  throw new OstrakaError('storage_corrupt', 'the control log is damaged beyond mending', { damaged })
}

/** The height of a log that can be recovered as it is; null for one that cannot. */
function heightOf(options: LogOptions, entries: Entries): number | null {
  try {
    return recoverLog(options, entries).ledger.chain.height
  } catch (error) {
    if (!isOstrakaError(error, 'storage_corrupt')) throw error
    return null
  }
}

/** 0 where there is none; null where there is one that is damaged. */
function heightOfSnapshot(entries: Entries): number | null {
  try {
    return readSnapshots(entries).newest?.meta.height ?? 0
  } catch {
    return null
  }
}

function isBlock(key: string): boolean {
  return key.startsWith(BLOCK_PREFIX)
}

function isOfSnapshot(key: string): boolean {
  return key.startsWith(SNAPSHOT_PREFIX)
}

function isReadable(read: () => unknown): boolean {
  try {
    read()
    return true
  } catch {
    return false
  }
}

function isSound(key: string, firstBad: number, isStateLost: boolean): boolean {
  if (isStateLost && isOfSnapshot(key)) return false
  return !isBlock(key) || heightOfKey(key) < firstBad
}

/** A node that was about to find out how far the network is still must; one that does not know whether, too. */
function abstentionAfter(entries: Entries, damaged: readonly string[], bound: number): Abstention {
  if (damaged.includes(ABSTENTION_KEY)) return { isLost: true, bound: null, anchor: null }
  const before = readAbstention(entries) ?? { isLost: false, bound: 0, anchor: null }
  return { ...before, bound: before.bound === null ? null : Math.max(before.bound, bound) }
}
