/**
 * Where the log lies in the node's store:
 *   log/block/<height>            CertifiedBlock, above the newest snapshot and some below it
 *   log/header/<height>           CertifiedHeader, for good
 *   log/handover/<height>         StateProof of who votes, where the set has changed, for good
 *   log/snapshot/<height>/meta    SnapshotMeta, written last
 *   log/snapshot/<height>/<part>  records
 *   log/wal/votes, log/wal/block/<id>   see wal.ts
 *   log/abstention                what was forgotten, see abstention.ts
 */
export const BLOCK_PREFIX = 'log/block/'
export const HEADER_PREFIX = 'log/header/'
export const HANDOVER_PREFIX = 'log/handover/'
export const SNAPSHOT_PREFIX = 'log/snapshot/'
export const ABSTENTION_KEY = 'log/abstention'

/** Twelve digits: keys sort by number. */
function padded(number: number): string {
  return String(number).padStart(12, '0')
}

/** The store key of the certified block at `height`. */
export function blockKey(height: number): string {
  return BLOCK_PREFIX + padded(height)
}

/** The store key of the certified header at `height`. */
export function headerKey(height: number): string {
  return HEADER_PREFIX + padded(height)
}

/** The store key of the proof that another set votes from the block at `height` on. */
export function handoverKey(height: number): string {
  return HANDOVER_PREFIX + padded(height)
}

/** The height that stands in the key of a block, header or snapshot; 0 for any other key. */
export function heightOfKey(key: string): number {
  return Number(/^log\/(?:block|header|snapshot)\/([0-9]{12})(?:\/|$)/.exec(key)?.[1] ?? 0)
}

export function snapshotKey(height: number): string {
  return `${SNAPSHOT_PREFIX}${padded(height)}/meta`
}

export function snapshotPartKey(height: number, part: number): string {
  return `${SNAPSHOT_PREFIX}${padded(height)}/${padded(part)}`
}
