import type { DeadlineHandler, Ledger } from '../control/index.ts'
import { paths } from './paths.ts'
import type { QueuedHandoff, VersionRecord } from './records.ts'

/*
 * Handoffs that the network opens by itself: versions that lack a holder, whose shares have reached their age, or that were
 * exported. They wait in one queue, `handoff/<urgency>/<key>/<version>`, whose head is the most urgent. Beside it
 * `queued/<key>/<version>` says where each stands, so that none is in it twice.
 */

/** A handoff that could not be opened, or failed, waits this long, and twice as long each time. */
export const RETRY_MS = 5_000

/** At most 2^14 times as long, which is a day: a key that has lost too many holders costs no more than that. */
const MAX_DOUBLINGS = 14

/** Ascending by path: exported secrets are made useless first, then repairs by margin, then what has grown old. */
export const URGENCY = {
  exported: '0',
  repair: (margin: number): string => `1-${String(margin).padStart(4, '0')}`,
  refresh: (timeMs: number): string => `2-${String(timeMs).padStart(16, '0')}`,
} as const

interface Wish {
  readonly urgency: string
  /** Shares made before this block time are made anew though no slot lacks; 0 for a repair alone. */
  readonly staleBeforeMs: number
}

/** Queues a version, or moves it forward in the queue. */
export function queueHandoff(
  ledger: Ledger,
  { keyId, version }: Pick<VersionRecord, 'keyId' | 'version'>,
  wish: Wish,
): void {
  const path = paths.queued(keyId, version)
  const known = ledger.get<QueuedHandoff>(path)
  if (known !== undefined && known.place !== '' && known.urgency <= wish.urgency) {
    if (known.staleBeforeMs < wish.staleBeforeMs)
      ledger.put(path, { ...known, staleBeforeMs: wish.staleBeforeMs })
    return
  }
  const staleBeforeMs = Math.max(wish.staleBeforeMs, known?.staleBeforeMs ?? 0)
  const place = paths.handoff(wish.urgency, keyId, version)
  if (known !== undefined && known.place !== '') ledger.delete(known.place)
  ledger.cancelWake(path)
  ledger.put(place, { keyId, version })
  ledger.put(path, {
    ...{ keyId, version, place, staleBeforeMs },
    ...{ urgency: wish.urgency, failures: known?.failures ?? 0 },
  } satisfies QueuedHandoff)
}

/** A version has new shares, or is destroyed: nothing waits for it any more. */
export function forgetHandoff(ledger: Ledger, keyId: Uint8Array, version: number): void {
  const path = paths.queued(keyId, version)
  const known = ledger.get<QueuedHandoff>(path)
  if (known === undefined) return
  if (known.place !== '') ledger.delete(known.place)
  ledger.cancelWake(path)
  ledger.delete(path)
}

/** A queued handoff has not come about: it is tried again, the later the more often that happened. */
export function deferHandoff(ledger: Ledger, keyId: Uint8Array, version: number): void {
  const path = paths.queued(keyId, version)
  const known = ledger.get<QueuedHandoff>(path)
  if (known === undefined) return
  if (known.place !== '') ledger.delete(known.place)
  const pauseMs = RETRY_MS * 2 ** Math.min(known.failures, MAX_DOUBLINGS)
  ledger.put(path, { ...known, place: '', failures: known.failures + 1 } satisfies QueuedHandoff)
  ledger.wakeAt(ledger.timeMs + pauseMs, path)
}

/** A deferred handoff is queued again. */
export const requeueHandoff: DeadlineHandler = (ledger, path) => {
  const known = ledger.get<QueuedHandoff>(path)
  if (known !== undefined && known.place === '') queueHandoff(ledger, known, known)
}
