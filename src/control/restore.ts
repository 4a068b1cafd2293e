import type { Write } from '../base/index.ts'
import { type CertifiedHeader, certifiedHeaderCodec, type SnapshotPart } from '../wire/index.ts'
import { beginHeight } from './commit.ts'
import type { LedgerState } from './ledger.ts'
import type { Run } from './log-state.ts'
import { metaWrite, pruningWrites, type SnapshotMeta } from './snapshots.ts'
import { headerKey, snapshotPartKey } from './store-keys.ts'
import { resolveVoid } from './submissions.ts'
import { walErasure } from './wal.ts'

/** Adopts a verified snapshot: the state after `tip`, whose parts are stored as they came. */
export function restore(
  run: Run,
  state: LedgerState,
  tip: CertifiedHeader,
  contents: readonly SnapshotPart[],
  parts: readonly Uint8Array[],
): void {
  const { log } = run
  const { height } = state.chain
  const meta: SnapshotMeta = { height, parts: contents, root: state.records.root(), tip }
  const writes: Write[] = [
    ...pruningWrites(log.lowest, log.ledger.chain.height, log.snapshot, meta),
    ...parts.map((value, part) => ({ key: snapshotPartKey(height, part), value })),
    metaWrite(meta),
    { key: headerKey(height), value: certifiedHeaderCodec.encode(tip) },
    ...(log.consensus === null ? [] : walErasure(log.consensus)),
  ]
  run.effects.push({ type: 'persist', writes })
  log.ledger = state
  log.tip = tip
  log.provable = null
  log.snapshot = meta
  log.lowest = height + 1
  log.job = null
  log.isDamaged = false
  log.fetchedParts.clear()
  log.cache.clear()
  log.cacheBytes = 0
  run.effects.push({ type: 'restored', tip, state })
  log.mempool.retry(state, run.nowMs)
  resolveVoid(run, { isAfterSnapshot: true })
  beginHeight(run)
}
