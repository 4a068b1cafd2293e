import { EMPTY_ROOT, verifyCheckpoint, verifyConsistency } from '../audit/index.ts'
import { equalBytes, OstrakaError, type PeerId, peerIdOf } from '../base/index.ts'
import {
  type ActRule,
  type Ledger,
  type LedgerReader,
  memberPath,
  operatorsRule,
  requireOperators,
  type TransactionContext,
} from '../control/index.ts'
import {
  type AuditCheckpoint,
  type AuditReset,
  type AuditResetAct,
  type ForkedAudit,
  MAX_AUDIT_GENERATION,
  type ResetAudit,
} from '../wire/index.ts'
import { convict } from './ceremony-rules.ts'
import { paths } from './paths.ts'
import type { AuditLoss, AuditLosses, AuditRecord, ConvictionRecord } from './records.ts'

/**
 * Records the newest checkpoint of a node's audit log, which must continue the one on record: sizes never shrink, and
 * what was once recorded stays the beginning of the log. A second root for the size on record is a forked log, and
 * convicts its node. Errors: `stranger`, `forbidden` for the convicted, `bad_signature`, `conflict` { size, generation }.
 */
export function recordCheckpoint(ledger: Ledger, checkpoint: AuditCheckpoint, at: TransactionContext): void {
  const peerId = peerIdOf(at.signer)
  const { size, root, signature, proof, generation = 0 } = checkpoint
  if (ledger.get(memberPath(peerId)) === undefined)
    throw new OstrakaError('stranger', 'no member’s audit log')
  if (ledger.get(paths.conviction(peerId)) !== undefined) throw new OstrakaError('forbidden', 'convicted')
  if (!verifyCheckpoint(ledger.networkId, peerId, checkpoint, generation)) {
    throw new OstrakaError('bad_signature', 'the log’s node has not signed this checkpoint')
  }
  const current = auditLosses(ledger, peerId).length
  if (generation !== current) {
    throw new OstrakaError('conflict', 'not the log that the node keeps now', { generation, current })
  }
  const recorded = ledger.get<AuditRecord>(paths.audit(peerId))
  if (recorded !== undefined) {
    const details = { peerId, size, recorded: recorded.size }
    if (size === recorded.size && !equalBytes(root, recorded.root)) {
      convict(ledger, at.signer, 'forked_audit', at)
      return
    }
    if (size <= recorded.size) throw new OstrakaError('conflict', 'a later checkpoint is on record', details)
    if (!verifyConsistency(recorded.size, size, recorded.root, root, proof)) {
      throw new OstrakaError('conflict', 'the log does not continue the one on record', details)
    }
  }
  const { height, timeMs } = at
  const record: AuditRecord = { peerId, generation, size, root, signature, height, timeMs }
  ledger.put(paths.audit(peerId), record)
}

/** The logs of a node that were written off; the one that it keeps now has this many before it. */
export function auditLosses(ledger: LedgerReader, peerId: PeerId): readonly AuditLoss[] {
  return ledger.get<AuditLosses>(paths.auditLosses(peerId))?.losses ?? []
}

/**
 * Writes a log off, for operators who have looked at why: what was on record of it stays, and the node begins another.
 * Errors: `unauthorized`, `bad_signature`, and those of `requireResettable`.
 */
export function resetAudit(ledger: Ledger, transaction: ResetAudit, at: TransactionContext): void {
  const { peerId, generation, approvals } = transaction
  const act: AuditReset = { peerId, generation }
  requireOperators(ledger, at.signer, approvals, 'audit-reset', act)
  requireResettable(ledger, act)
  writeOff(ledger, act, at)
}

/**
 * The same, by operators who sign one after the other: proposed by one of them, done with the last approval. Errors:
 * `unauthorized` (proposed by no operator), and those of `requireResettable`.
 */
export const auditResetRule: ActRule<AuditResetAct> = operatorsRule<AuditResetAct>(
  requireResettable,
  writeOff,
)

/** Errors: `not_found` (no member), `too_large` (no further log), `conflict` { generation }. */
function requireResettable(ledger: LedgerReader, { peerId, generation }: AuditReset): void {
  if (ledger.get(memberPath(peerId)) === undefined) {
    throw new OstrakaError('not_found', 'no such member', { peerId })
  }
  const lost = auditLosses(ledger, peerId).length
  if (lost >= MAX_AUDIT_GENERATION) {
    throw new OstrakaError('too_large', 'too many logs of this node were lost: remove it')
  }
  if (generation !== lost + 1) {
    throw new OstrakaError('conflict', 'another log is the next', { generation: lost + 1 })
  }
}

function writeOff(ledger: Ledger, { peerId }: AuditReset, at: TransactionContext): void {
  const losses = auditLosses(ledger, peerId)
  const recorded = ledger.get<AuditRecord>(paths.audit(peerId))
  const { size, root } = recorded ?? { size: 0, root: EMPTY_ROOT }
  const { height, timeMs, signer } = at
  const loss: AuditLoss = { size, root, height, timeMs, operator: signer }
  ledger.put(paths.auditLosses(peerId), { peerId, losses: [...losses, loss] } satisfies AuditLosses)
  if (recorded !== undefined) ledger.delete(paths.audit(peerId))
}

/**
 * Guilty who signed two roots for one size of its log. An honest node is safe: it signs only what is on its disk, each
 * size once, and stores the checkpoint before it leaves.
 */
export function judgeFork(
  networkId: Uint8Array,
  { log, generation, size, first, second }: ForkedAudit,
): { readonly culprit: Uint8Array; readonly reason: ConvictionRecord['reason'] } | undefined {
  if (equalBytes(first.root, second.root)) return undefined
  const peerId = peerIdOf(log)
  const isSigned = [first, second].every(half =>
    verifyCheckpoint(networkId, peerId, { size, ...half }, generation),
  )
  return isSigned ? { culprit: log, reason: 'forked_audit' } : undefined
}
