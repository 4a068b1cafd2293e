import { giveVersionBack, type Ledger } from '../control/index.ts'
import { forgetHandoff } from './handoff-queue.ts'
import { paths } from './paths.ts'
import type { KeyRecord, RetiredRecord, ServingState, VersionRecord } from './records.ts'

/*
 * How a version leaves service. Nothing here asks who may do that: retire-handlers.ts does.
 */

/** What deadlines of a version are registered under, before its path. */
export const REFRESH = 'refresh/'
export const RETENTION = 'retention/'
export const DESTRUCTION = 'destruction/'

function pathOf({ keyId, version }: VersionRecord): string {
  return paths.version(keyId, version)
}

/** active, archived or expired -> archived: decrypts and derives until its retention ends; 0 is never. */
export function archive(ledger: Ledger, version: VersionRecord, retainUntilMs: number): void {
  const path = pathOf(version)
  ledger.put(path, { ...version, state: 'archived', retainUntilMs } satisfies VersionRecord)
  if (retainUntilMs > 0) ledger.wakeAt(retainUntilMs, `${RETENTION}${path}`)
  else ledger.cancelWake(`${RETENTION}${path}`)
}

/** archived -> expired: nobody uses it any more. Its shares stay, and are renewed: only `destroy` destroys. */
export function expire(ledger: Ledger, version: VersionRecord): void {
  ledger.put(pathOf(version), { ...version, state: 'expired' } satisfies VersionRecord)
}

/** active, archived or expired -> pending-destruction: of no use to anybody from now on, and destroyed at `atMs`. */
export function awaitDestruction(
  ledger: Ledger,
  version: VersionRecord & { readonly state: ServingState },
  atMs: number,
): void {
  const path = pathOf(version)
  const destruction = { atMs, from: version.state }
  ledger.put(path, { ...version, state: 'pending-destruction', destruction } satisfies VersionRecord)
  ledger.cancelWake(`${RETENTION}${path}`)
  ledger.wakeAt(atMs, `${DESTRUCTION}${path}`)
}

/**
 * pending-destruction -> what it was. A version that a rotation has replaced meanwhile is archived, and one whose retention
 * has ended meanwhile expired.
 */
export function cancelDestruction(ledger: Ledger, key: KeyRecord, version: VersionRecord): void {
  const { destruction, ...kept } = version
  const path = pathOf(version)
  ledger.cancelWake(`${DESTRUCTION}${path}`)
  const isReplaced = destruction!.from === 'active' && version.version !== key.activeVersion
  const state = isReplaced ? 'archived' : destruction!.from
  if (state !== 'archived') ledger.put(path, { ...kept, state } satisfies VersionRecord)
  else if (kept.retainUntilMs === 0 || kept.retainUntilMs > ledger.timeMs)
    archive(ledger, kept, kept.retainUntilMs)
  else expire(ledger, kept)
}

/**
 * any state -> destroyed. It stays in the ledger as a tombstone: a node whose backup still has shares of it erases them
 * when it reads the ledger.
 */
export function destroy(ledger: Ledger, key: KeyRecord, version: VersionRecord): void {
  const { destruction: _, ...kept } = version
  const path = pathOf(version)
  ledger.put(path, { ...kept, state: 'destroyed', retainUntilMs: 0 } satisfies VersionRecord)
  for (const deadline of [REFRESH, RETENTION, DESTRUCTION]) ledger.cancelWake(`${deadline}${path}`)
  forgetHandoff(ledger, version.keyId, version.version)
  giveVersionBack(ledger, key.owner)
  const retired: RetiredRecord = { keyId: key.keyId, version: version.version, height: ledger.height }
  ledger.put(paths.retired(key.keyId, version.version), retired)
}

/** Before a block's transactions: who follows the log has seen what the block before destroyed. */
export function forgetRetired(ledger: Ledger, { height }: { readonly height: number }): void {
  for (const { path, value } of ledger.list<RetiredRecord>(paths.allRetired)) {
    if (value.height < height) ledger.delete(path)
  }
}
