import { viewLog } from '../control/index.ts'
import { type AuditRecord, auditLosses, keyPaths } from '../keys/index.ts'
import type { NoteEffect } from '../wire/index.ts'
import { type CheckpointStep, onLedger } from './auditing.ts'
import { type NodeState, reading } from './state.ts'

/**
 * Holds this node's audit log against what the ledger has of it: the checkpoint that is due, if one is, and a note the
 * first time that the two contradict each other.
 */
export function lookAtOwnLog(
  { auditing, ledger, log, peerId }: NodeState,
  nowMs: number,
): { readonly step: CheckpointStep | undefined; readonly note: NoteEffect | undefined } {
  const wasSound = auditing.log.damage === undefined
  const standing = {
    recorded: ledger.records.get<AuditRecord>(keyPaths.audit(peerId)),
    losses: auditLosses(reading(ledger), peerId),
    forgottenHeight: viewLog(log, nowMs).forgottenHeight,
  }
  const step = onLedger(auditing, standing, ledger.chain.epoch)
  const { damage } = auditing.log
  if (!wasSound || damage === undefined) return { step, note: undefined }
  const { code, message: text, details } = damage
  return { step, note: { type: 'note', level: 'error', text, details: { code, ...details } } }
}
