import { fromHex, type Write } from '../base/index.ts'
import { type Codec, codec, integer } from '../wire/index.ts'
import type { Work } from './ceremony-state.ts'
import { isRecordKept } from './leftovers.ts'

/** Records do not expire, but who is near a key changes as members come and go, and a disk may be lost. */
const REPUBLISH_MS = 6 * 3_600_000
/** After a start, the DHT's peers must first be found. */
const FIRST_WALK_MS = 60_000
/** One record a second: a walk through 20,000 takes as long as the pause after it, and is not noticed beside a node's work. */
const BATCH = 8
const BATCH_MS = 8000

const FIRST_RECORD = 'keys/record/'
/** When this node last put all that it has: restarts in between put nothing. */
export const REPUBLISHED_KEY = 'keys/republished'
const TOKEN = 'ceremony/republish'

export const republishedCodec: Codec<number> = codec('republished', 16, integer(0))

interface Entry {
  readonly key: string
  readonly value: Uint8Array
}

/** A walk through the records on the disk, which drops those that are of no use any more. */
export interface RecordWalk {
  /** Where the next ones begin. */
  from: string
  /** Whether it puts the others into the DHT again. */
  readonly isPutting: boolean
}

export function scheduleFirstWalk({ effects, nowMs }: Work): void {
  effects.push({ type: 'timer', id: TOKEN, atMs: nowMs + FIRST_WALK_MS })
}

/** Begins a walk, or goes on with it. Returns false when the timer is another's. */
export function onRecordTimer({ state, effects, nowMs }: Work, id: string): boolean {
  if (id !== TOKEN) return false
  // what a new node has, it or another has just put
  const sinceMs = nowMs - (state.republishedMs ?? nowMs)
  state.walk ??= { from: FIRST_RECORD, isPutting: sinceMs >= REPUBLISH_MS || sinceMs < 0 }
  effects.push({ type: 'load', token: TOKEN, prefix: FIRST_RECORD, from: state.walk.from, limit: BATCH })
  return true
}

/** The next records, or undefined when the disk cannot be read. Returns false when the token is another's. */
export function onRecordsLoaded(work: Work, token: string, entries: readonly Entry[] | undefined): boolean {
  const { state, effects, nowMs } = work
  const { walk } = state
  if (token !== TOKEN || walk === undefined) return false
  const writes: Write[] = []
  for (const { key, value } of entries ?? []) {
    if (!isRecordKept(work, value)) writes.push({ key, value: null })
    else if (walk.isPutting) {
      effects.push({ type: 'dht-put', key: fromHex(key.slice(FIRST_RECORD.length)), record: value })
    }
  }
  if (entries?.length === BATCH) {
    walk.from = `${entries.at(-1)!.key}\u0000`
    effects.push({ type: 'timer', id: TOKEN, atMs: walk.isPutting ? nowMs + BATCH_MS : nowMs })
  } else {
    state.walk = undefined
    if (entries !== undefined && (walk.isPutting || state.republishedMs === undefined)) {
      state.republishedMs = nowMs
      writes.push({ key: REPUBLISHED_KEY, value: republishedCodec.encode(nowMs) })
    }
    const dueMs = (state.republishedMs ?? nowMs) + REPUBLISH_MS
    effects.push({ type: 'timer', id: TOKEN, atMs: entries === undefined ? nowMs + REPUBLISH_MS : dueMs })
  }
  if (writes.length > 0) effects.push({ type: 'persist', writes })
  return true
}
