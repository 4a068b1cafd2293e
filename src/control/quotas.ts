import { OstrakaError } from '../base/index.ts'
import {
  DEFAULT_QUOTA,
  type Quota,
  type SignedTransaction,
  type Transaction,
  transactionCodec,
} from '../wire/index.ts'
import type { Ledger, LedgerReader } from './ledger.ts'
import { isOperator } from './operators.ts'
import { type CreatorRecord, creatorPath, type UsageRecord, usagePath } from './records.ts'

const HOUR_MS = 3_600_000

/**
 * What a principal asks for by itself. All else is said in a ceremony, by evidence or about membership: no creator's quota
 * ever holds that up.
 */
const CHARGED: ReadonlySet<Transaction['type']> = new Set([
  'create-key',
  'change-key',
  'retire-version',
  'set-policy',
  'propose',
  'withdraw',
  'use-approval',
])

const NOTHING: UsageRecord = { versions: 0, queued: 0, bytes: 0, atMs: 0 }

/** What this principal may have: its own quota where operators gave it one, else the genesis's. */
export function quotaOf(
  ledger: LedgerReader & { readonly genesis: { readonly quota?: Quota } },
  principal: Uint8Array,
): Quota {
  const own = ledger.get<CreatorRecord>(creatorPath(principal))?.quota
  return own ?? ledger.genesis.quota ?? DEFAULT_QUOTA
}

export function usageOf(ledger: LedgerReader, principal: Uint8Array): UsageRecord {
  return ledger.get<UsageRecord>(usagePath(principal)) ?? NOTHING
}

/**
 * Counts a transaction's bytes, whether it succeeds or not. A principal without the right to create keys has none to
 * change either: it is refused for that. Errors: `overloaded` { quota, limit, retryAfterMs }.
 */
export function chargeTransaction(ledger: Ledger, signed: SignedTransaction): void {
  const { value, signer } = signed
  if (!CHARGED.has(value.type) || isOperator(ledger.genesis, signer)) return
  if (ledger.get(creatorPath(signer)) === undefined) return
  chargeBytes(ledger, signer, transactionCodec.encode(signed).length)
}

/** A bucket that holds an hour's bytes and drains steadily. Errors: `overloaded` { quota, limit, retryAfterMs }. */
export function chargeBytes(ledger: Ledger, principal: Uint8Array, sizeBytes: number): void {
  if (isOperator(ledger.genesis, principal)) return
  const { logBytesPerHour: limit } = quotaOf(ledger, principal)
  const usage = usageOf(ledger, principal)
  const elapsedMs = Math.min(HOUR_MS, ledger.timeMs - usage.atMs)
  const left = Math.max(0, usage.bytes - Math.floor((elapsedMs * limit) / HOUR_MS))
  const bytes = left + sizeBytes
  if (bytes > limit) {
    const retryAfterMs = Math.ceil(((bytes - limit) * HOUR_MS) / Math.max(1, limit))
    throw new OstrakaError('overloaded', 'this principal has used its part of the log for now', {
      ...{ quota: 'logBytesPerHour', limit, retryAfterMs: Math.min(retryAfterMs, HOUR_MS) },
    })
  }
  putUsage(ledger, principal, { ...usage, bytes, atMs: ledger.timeMs })
}

/** Takes room for one more version. Errors: `overloaded` { quota, limit }. */
export function takeVersion(ledger: Ledger, principal: Uint8Array): void {
  const { versions: limit } = quotaOf(ledger, principal)
  const usage = usageOf(ledger, principal)
  if (usage.versions >= limit) {
    throw new OstrakaError('overloaded', 'this principal has as many key versions as it may have', {
      ...{ quota: 'versions', limit },
    })
  }
  putUsage(ledger, principal, { ...usage, versions: usage.versions + 1 })
}

/** A version is destroyed, or was not made. */
export function giveVersionBack(ledger: Ledger, principal: Uint8Array): void {
  const usage = usageOf(ledger, principal)
  if (usage.versions > 0) putUsage(ledger, principal, { ...usage, versions: usage.versions - 1 })
}

/** Counts creations that wait. */
export function countQueued(ledger: Ledger, principal: Uint8Array, change: 1 | -1): void {
  const usage = usageOf(ledger, principal)
  putUsage(ledger, principal, { ...usage, queued: usage.queued + change })
}

function putUsage(ledger: Ledger, principal: Uint8Array, usage: UsageRecord): void {
  ledger.put(usagePath(principal), usage)
}
