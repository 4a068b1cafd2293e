import { equalBytes, OstrakaError, type Write } from '../base/index.ts'
import {
  bytesUpTo,
  type CertifiedHeader,
  type Codec,
  certificateSchema,
  codec,
  hash32,
  headerSchema,
  integer,
  list,
  MAX_FRAME_BYTES,
  type SnapshotPart,
  snapshotPartsSchema,
  struct,
  textUpTo,
} from '../wire/index.ts'
import type { LedgerState } from './ledger.ts'
import type { LogLimits } from './log-types.ts'
import { Leaf, MAX_LEDGER_RECORD_BYTES } from './merkle-leaf.ts'
import { MerkleMap } from './merkle-map.ts'
import { rootOfSubtree } from './merkle-trie.ts'
import { blockKey, SNAPSHOT_PREFIX, snapshotKey, snapshotPartKey } from './store-keys.ts'

/** A part is a subtree of the state with at most so many bytes, or one record; it fits one frame. */
const PART_BYTES = 256 * 1024
const BLOCKS_PER_PART = 16
interface SnapshotRecord {
  readonly path: string
  readonly bytes: Uint8Array
}

/** What a stored snapshot is: the state after `tip`, in parts, each a subtree of it. Written last, so its presence says it is whole. */
export interface SnapshotMeta {
  readonly height: number
  readonly parts: readonly SnapshotPart[]
  readonly root: Uint8Array
  readonly tip: CertifiedHeader
}

export const snapshotMetaCodec: Codec<SnapshotMeta> = codec(
  'snapshot',
  512 * 1024,
  struct<SnapshotMeta>({
    height: integer(1),
    parts: snapshotPartsSchema,
    root: hash32,
    tip: struct<CertifiedHeader>({ header: headerSchema, certificate: certificateSchema }),
  }),
)

/** One part: records ascending by path hash, canonical bytes each. */
const partCodec: Codec<readonly SnapshotRecord[]> = codec(
  'snapshot-part',
  MAX_FRAME_BYTES,
  list(
    struct<SnapshotRecord>({ path: textUpTo(1024), bytes: bytesUpTo(MAX_LEDGER_RECORD_BYTES) }),
    PART_BYTES,
  ),
)

/** A snapshot being written, one part a tick, so that no step takes long; the state is immutable meanwhile. */
export interface SnapshotJob {
  readonly state: LedgerState
  readonly tip: CertifiedHeader
  readonly pieces: ReturnType<MerkleMap['pieces']>
  readonly parts: readonly SnapshotPart[]
}

export function startSnapshot(state: LedgerState, tip: CertifiedHeader): SnapshotJob {
  return { state, tip, pieces: state.records.pieces(PART_BYTES), parts: [] }
}

export type SnapshotProgress =
  | { readonly job: SnapshotJob; readonly writes: Write[] }
  | { readonly job: null; readonly writes: Write[]; readonly meta: SnapshotMeta }

/** Writes the next part, or, after the last, what makes the snapshot whole. */
export function continueSnapshot(job: SnapshotJob): SnapshotProgress {
  const { state, tip, parts } = job
  const { height } = state.chain
  const next = job.pieces.next()
  if (next.done) {
    const meta: SnapshotMeta = { height, parts, root: state.records.root(), tip }
    return { job: null, writes: [metaWrite(meta)], meta }
  }
  const { depth, root, leaves } = next.value
  const records = [...leaves].map(({ path, bytes }): SnapshotRecord => ({ path, bytes }))
  const writes = [{ key: snapshotPartKey(height, parts.length), value: partCodec.encode(records) }]
  return { job: { ...job, parts: [...parts, { depth, root }] }, writes }
}

export function metaWrite(meta: SnapshotMeta): Write {
  return { key: snapshotKey(meta.height), value: snapshotMetaCodec.encode(meta) }
}

/**
 * How many blocks after `newest` the next snapshot is due. One costs as much as its state has bytes, and replay as much as
 * there are blocks: a part (256 KiB) is written for every 16 blocks at most, up to as many blocks as are kept anyway.
 */
export function blocksBetween(newest: SnapshotMeta | null, limits: LogLimits): number {
  const { snapshotInterval, keptBlocks } = limits
  const byState = BLOCKS_PER_PART * (newest?.parts.length ?? 1)
  return Math.max(snapshotInterval, Math.min(byState, keptBlocks))
}

/** The deletions that a complete snapshot allows: whole blocks from `lowest` to `highest`, and an older snapshot. */
export function pruningWrites(
  lowest: number,
  highest: number,
  old: SnapshotMeta | null,
  snapshot: Pick<SnapshotMeta, 'height'>,
): Write[] {
  const writes: Write[] = []
  for (let number = lowest; number <= highest; number++) writes.push({ key: blockKey(number), value: null })
  if (old !== null && old.height !== snapshot.height) {
    writes.push({ key: snapshotKey(old.height), value: null })
    for (const part of old.parts.keys()) {
      writes.push({ key: snapshotPartKey(old.height, part), value: null })
    }
  }
  return writes
}

/** Whether these bytes are exactly the records of this part. Errors: `malformed`, `too_large`. */
export function isPart(bytes: Uint8Array, { depth, root }: SnapshotPart): boolean {
  const found = rootOfSubtree(leavesOf(bytes), depth)
  return found !== undefined && equalBytes(found, root)
}

/** The records in a snapshot's parts. Errors: `malformed`, `too_large`. */
export function joinParts(parts: readonly Uint8Array[]): MerkleMap {
  return MerkleMap.ofLeaves(parts.flatMap(leavesOf))
}

function leavesOf(part: Uint8Array): Leaf[] {
  return partCodec.decode(part).map(({ path, bytes }) => new Leaf(path, bytes))
}

type Entries = ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>

export interface StoredSnapshot {
  readonly meta: SnapshotMeta
  readonly records: MerkleMap
}

/** The newest whole snapshot among stored entries, and the keys of what is left over. Errors: `storage_corrupt`. */
export function readSnapshots(entries: Entries): { newest: StoredSnapshot | null; litter: string[] } {
  const stored = new Map(
    entries.filter(({ key }) => key.startsWith(SNAPSHOT_PREFIX)).map(e => [e.key, e.value]),
  )
  let meta: SnapshotMeta | null = null
  try {
    for (const [key, value] of stored) {
      if (!key.endsWith('/meta')) continue
      const found = snapshotMetaCodec.decode(value)
      if (meta === null || found.height > meta.height) meta = found
    }
    if (meta === null) return { newest: null, litter: [...stored.keys()] }
    const parts: Uint8Array[] = []
    for (const part of meta.parts.keys()) parts.push(stored.get(snapshotPartKey(meta.height, part))!)
    const own = new Set([
      snapshotKey(meta.height),
      ...parts.map((_, part) => snapshotPartKey(meta!.height, part)),
    ])
    const litter = [...stored.keys()].filter(key => !own.has(key))
    return { newest: { meta, records: joinParts(parts) }, litter }
  } catch {
    throw new OstrakaError('storage_corrupt', 'a snapshot is damaged', { height: meta?.height ?? 0 })
  }
}
