import type { DeadlineHandler, Ledger, LedgerReader } from '../control/index.ts'
import { paths } from './paths.ts'
import type { ReplacedRecord, VersionRecord } from './records.ts'
import type { Moment } from './version-rules.ts'

/**
 * A handoff must not save whoever has just sent a bad partial, nor make its honest accuser a liar: what a set of shares
 * is judged by is kept for so long after another has replaced it. Requests live five minutes at most.
 */
const KEPT_MS = 10 * 60_000

/** Keeps the public half of the shares that a handoff replaces. */
export function keepReplaced(ledger: Ledger, base: VersionRecord, at: Moment): void {
  const { keyId, version, generation, threshold, slots, commitments } = base
  const path = paths.replaced(keyId, version)
  ledger.put(path, {
    ...{ generation, threshold, slots, commitments },
    untilMs: at.timeMs + KEPT_MS,
  } satisfies ReplacedRecord)
  ledger.wakeAt(at.timeMs + KEPT_MS, path)
}

/** The version as it was with the shares of this generation: the present one, or the one before if it is still kept. */
export function versionAt(
  ledger: LedgerReader,
  version: VersionRecord,
  generation: number,
): VersionRecord | undefined {
  if (version.generation === generation) return version
  const replaced = ledger.get<ReplacedRecord>(paths.replaced(version.keyId, version.version))
  if (replaced?.generation !== generation) return undefined
  const { threshold, slots, commitments } = replaced
  return { ...version, generation, threshold, slots, commitments }
}

/** Forgets what has been kept for its time. */
export const forgetReplaced: DeadlineHandler = (ledger, path) => ledger.delete(path)
