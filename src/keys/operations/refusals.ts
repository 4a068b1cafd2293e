import { type ErrorCode, OstrakaError, type PeerId } from '../../base/index.ts'
import { type Desk, finish, isExcluded } from './desk.ts'
import type { Call, Run } from './run.ts'

/** Refusals that are about the client's request, whoever gives them. */
const CLIENT_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'forbidden',
  'replayed',
  'expired',
  'rate_limited',
  'bad_signature',
  'too_large',
  'wrong_kind',
  'unknown_key',
  'unknown_version',
  'version_destroyed',
  'version_expired',
  'pending_destruction',
])

/**
 * Refusals of a holder that may only lag: this gateway, which knows better, has applied a block that the holder has
 * not, or the holder is about to have its share. They are worth asking again, a little later.
 */
const LAG: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unknown_key',
  'unknown_version',
  'wrong_kind',
  'forbidden',
  'not_ready',
  // their owner may have brought the version back
  'version_expired',
  'pending_destruction',
])

const LAG_RETRY_MS = 100
const MAX_LAG_RETRIES = 3

/** Failures that say something of the peer, and not of this one request. */
const PEER_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unreachable',
  'deadline_exceeded',
  'overloaded',
  'internal',
  'malformed',
  'stranger',
  'storage_full',
  'storage_corrupt',
])

export function isPeerFault(error: OstrakaError): boolean {
  return PEER_FAULTS.has(error.code)
}

/** Takes a holder out of the run after its refusal; for a short while only, when it may just lag. */
export function excludeFor(desk: Desk, run: Run, call: Call, error: OstrakaError): void {
  const { to } = call
  const lags = run.lags.get(to) ?? 0
  if (!LAG.has(error.code) || lags >= MAX_LAG_RETRIES) {
    run.excluded.set(to, { error, againAtMs: null })
    return
  }
  run.lags.set(to, lags + 1)
  run.excluded.set(to, { error, againAtMs: desk.nowMs + LAG_RETRY_MS * 2 ** lags })
  // It refused before it counted an attempt.
  if (call.purpose === 'partial') run.asked.set(to, Math.max(0, (run.asked.get(to) ?? 0) - 1))
}

/**
 * With too few holders left: waits while some may only lag, and for those that are answering in their usual time, so
 * that the error says rightly how many did; else fails.
 */
export function waitOrFail(desk: Desk, run: Run): void {
  for (const call of run.calls) if (!call.isLate && call.material === run.material) return
  for (const { againAtMs } of run.excluded.values()) {
    if (againAtMs !== null && againAtMs > desk.nowMs && againAtMs < run.deadlineMs) return
  }
  fail(desk, run)
}

/** Ends the run for want of shares, or with the client's own fault when enough holders agree on one. */
export function fail(desk: Desk, run: Run): void {
  finish(desk, run, { ok: false, error: clientFault(run) ?? missingShares(desk, run) })
}

/**
 * The client's fault that holders name, if those who name one are so many that the rest could not reach the
 * threshold: fewer could be liars or laggards who alone keep the request from its result.
 */
function clientFault(run: Run): OstrakaError | undefined {
  const { threshold, slots } = run.material.record
  let refusedSlots = 0
  const errors = new Map<ErrorCode, OstrakaError[]>()
  for (const [peerId, { error }] of run.excluded) {
    if (!CLIENT_FAULTS.has(error.code)) continue
    refusedSlots += run.material.holders.get(peerId)?.length ?? 0
    errors.set(error.code, [...(errors.get(error.code) ?? []), error])
  }
  if (refusedSlots === 0 || slots.length - refusedSlots >= threshold) return undefined
  const [most] = [...errors.values()].sort((a, b) => b.length - a.length)
  const [first] = most!.toSorted((a, b) => retryAfterMs(a) - retryAfterMs(b))
  return new OstrakaError(first!.code, first!.message, { ...first!.details, refused: refusedSlots })
}

function retryAfterMs({ details }: OstrakaError): number {
  return typeof details.retryAfterMs === 'number' ? details.retryAfterMs : 0
}

/** How many slots are needed, how many of them have answered or would, and what became of the others' holders. */
function missingShares(desk: Desk, run: Run): OstrakaError {
  const { threshold } = run.material.record
  const waiting = new Set<PeerId>([...run.calls].map(call => call.to))
  const refusals: Record<PeerId, ErrorCode> = {}
  let answered = 0
  for (const [peerId, slots] of run.material.holders) {
    const exclusion = run.excluded.get(peerId)
    if (exclusion !== undefined && isExcluded(desk, run, peerId)) refusals[peerId] = exclusion.error.code
    else if (waiting.has(peerId)) refusals[peerId] = 'deadline_exceeded'
    else if (isWilling(desk, run, peerId)) answered += slots.length
  }
  return new OstrakaError('insufficient_shares', 'too few holders answered', {
    needed: threshold,
    answered,
    refusals,
  })
}

function isWilling({ gateway }: Desk, run: Run, peerId: PeerId): boolean {
  return (
    gateway.world.trust(peerId) > 0 && (run.answered.has(peerId) || gateway.standings.isConnected(peerId))
  )
}
