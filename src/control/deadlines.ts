import { OstrakaError } from '../base/index.ts'
import type { BlockContext, Ledger, LedgerDraft } from './ledger.ts'
import { DEADLINE_PREFIX, type DeadlineRecord, RETRY_PREFIX, type RetryRecord, retryPath } from './records.ts'

/**
 * What is done when a deadline has come. `subject` is what it was registered under. A deadline is consumed by the
 * handler's success: one that throws leaves no trace, and its deadline is tried again.
 */
export type DeadlineHandler = (ledger: Ledger, subject: string, at: BlockContext) => void

/** By the first segment of the subject, up to its first slash. */
export type DeadlineHandlers = Readonly<Record<string, DeadlineHandler>>

/**
 * One block handles so many deadlines, the earliest first; the rest waits for the next block, which is made at once.
 * The costliest, a ceremony of 64 slots that becomes a version, takes some milliseconds.
 */
export const MAX_DUE_PER_BLOCK = 32

/** Deadlines that failed before: so few of them a block, behind all others, that they cost nobody anything. */
export const MAX_RETRIES_PER_BLOCK = 4

/**
 * A failed deadline waits twice as many blocks each time, up to this many. It is never given up: a version of this
 * program that mends the fault has it done. No block is made for it alone.
 */
export const MAX_RETRY_BLOCKS = 1024

const NO_HANDLER: DeadlineHandler = () => {}

/** Handles what is due, each subject by itself; returns what went wrong. */
export function runDeadlines(
  ledger: LedgerDraft,
  handlers: DeadlineHandlers,
  at: BlockContext,
): OstrakaError[] {
  const due = ledger
    .page<DeadlineRecord>(DEADLINE_PREFIX, '', MAX_DUE_PER_BLOCK)
    .filter(({ value }) => value.timeMs <= at.timeMs)
  const again = ledger
    .page<RetryRecord>(RETRY_PREFIX, '', MAX_RETRIES_PER_BLOCK)
    .filter(({ value }) => value.height <= at.height)
  const faults: OstrakaError[] = []
  for (const { path, value } of [...due, ...again]) {
    // an earlier one of this block may have moved or cancelled it
    if (ledger.get(path) === undefined) continue
    const { subject } = value
    const handler = handlers[subject.split('/', 1)[0]!] ?? NO_HANDLER
    const error = ledger.attempt(() => {
      ledger.cancelWake(subject)
      handler(ledger, subject, at)
    })
    if (error === undefined) continue
    const failures = 'failures' in value ? value.failures + 1 : 1
    retryLater(ledger, subject, failures, at)
    faults.push(new OstrakaError(error.code, error.message, { ...error.details, subject, failures }))
  }
  return faults
}

function retryLater(ledger: LedgerDraft, subject: string, failures: number, { height }: BlockContext): void {
  const pause = Math.min(MAX_RETRY_BLOCKS, 2 ** Math.min(failures, 30))
  const record: RetryRecord = { subject, height: height + pause, failures }
  ledger.waitAt(retryPath(record.height, subject), record)
}
