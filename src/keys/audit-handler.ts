import { verifyCheckpoint, verifyConsistency } from '../audit/index.ts'
import { equalBytes, OstrakaError, peerIdOf } from '../base/index.ts'
import { type Ledger, memberPath, type TransactionContext } from '../control/index.ts'
import type { AuditCheckpoint, ForkedAudit } from '../wire/index.ts'
import { convict } from './ceremony-rules.ts'
import { paths } from './paths.ts'
import type { AuditRecord, ConvictionRecord } from './records.ts'

/**
 * Records the newest checkpoint of a node's audit log, which must continue the one on record: sizes never shrink, and
 * what was once recorded stays the beginning of the log. A second root for the size on record is a forked log, and
 * convicts its node. Errors: `stranger`, `forbidden` for the convicted, `bad_signature`, `conflict` { size }.
 */
export function recordCheckpoint(ledger: Ledger, checkpoint: AuditCheckpoint, at: TransactionContext): void {
  const peerId = peerIdOf(at.signer)
  const { size, root, signature, proof } = checkpoint
  if (ledger.get(memberPath(peerId)) === undefined)
    throw new OstrakaError('stranger', 'no member’s audit log')
  if (ledger.get(paths.conviction(peerId)) !== undefined) throw new OstrakaError('forbidden', 'convicted')
  if (!verifyCheckpoint(ledger.networkId, peerId, checkpoint)) {
    throw new OstrakaError('bad_signature', 'the log’s node has not signed this checkpoint')
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
  const record: AuditRecord = { peerId, size, root, signature, height, timeMs }
  ledger.put(paths.audit(peerId), record)
}

/**
 * Guilty who signed two roots for one size of its log. An honest node is safe: it signs only what is on its disk, each
 * size once, and stores the checkpoint before it leaves.
 */
export function judgeFork(
  networkId: Uint8Array,
  { log, size, first, second }: ForkedAudit,
): { readonly culprit: Uint8Array; readonly reason: ConvictionRecord['reason'] } | undefined {
  if (equalBytes(first.root, second.root)) return undefined
  const peerId = peerIdOf(log)
  const isSigned = [first, second].every(half => verifyCheckpoint(networkId, peerId, { size, ...half }))
  return isSigned ? { culprit: log, reason: 'forked_audit' } : undefined
}
