import type { PeerId } from '../base/index.ts'
import { type Approval, approvals, hash32, peerId, signature64 } from './common.ts'
import { integer, list, literal, optional, type Schema, struct } from './schema.ts'

/** The head of a node's audit log, once an epoch while it grows. Signed by the node. */
export interface AuditCheckpoint {
  readonly type: 'audit-checkpoint'
  /** Which of the node's logs; absent for the first. */
  readonly generation?: number
  readonly size: number
  readonly root: Uint8Array
  /** The node's signature over the C2SP note text, which anyone can check without this network's wire format. */
  readonly signature: Uint8Array
  /** RFC 6962 consistency with the checkpoint on record; empty for the first. */
  readonly proof: readonly Uint8Array[]
}

/**
 * Writes a node's audit log off, which is lost or broken, and begins the next: the loss stays on record. Signed by an
 * operator; `approvals` are those of others, where the genesis asks for more.
 */
export interface ResetAudit extends AuditReset {
  readonly type: 'reset-audit'
  readonly approvals: readonly Approval[]
}

/** What operators sign in the domain `audit-reset`. */
export interface AuditReset {
  readonly peerId: PeerId
  /** Of the log that begins: one more than that of the log that ends. */
  readonly generation: number
}

export type AuditTransaction = AuditCheckpoint | ResetAudit

/** Each costs an operator's signature, and a line in the ledger for good. */
export const MAX_AUDIT_GENERATION = 64
export const auditGeneration: Schema<number> = integer(1, MAX_AUDIT_GENERATION)

/** Two paths in the deepest tree that a safe integer can count. */
export const MAX_PROOF_HASHES = 128

const auditCheckpoint: Schema<AuditCheckpoint> = struct<AuditCheckpoint>({
  type: literal('audit-checkpoint'),
  generation: optional(auditGeneration),
  size: integer(1),
  root: hash32,
  signature: signature64,
  proof: list(hash32, MAX_PROOF_HASHES),
})

const resetAudit: Schema<ResetAudit> = struct<ResetAudit>({
  type: literal('reset-audit'),
  peerId,
  generation: auditGeneration,
  approvals,
})

export const auditSchemas: {
  readonly [K in AuditTransaction['type']]: Schema<Extract<AuditTransaction, { readonly type: K }>>
} = {
  'audit-checkpoint': auditCheckpoint,
  'reset-audit': resetAudit,
}
