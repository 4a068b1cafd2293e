import type { PeerId } from '../base/index.ts'
import { type AttestationChange, attestationPolicySchema } from './attestation.ts'
import { type AuditReset, auditGeneration } from './audit.ts'
import { hash32, keyName, keyVersion, nonce16, peerId, publicKey32, signature64, timeMs } from './common.ts'
import { integer, literal, matching, type Schema, struct, union } from './schema.ts'

/** To seal every share of one version of an exportable key to a one-time key: whoever has it gets the secret itself. */
export interface ExportAct {
  readonly type: 'export-key'
  readonly name: string
  /** The name alone would also fit a later key. */
  readonly keyId: Uint8Array
  readonly version: number
  /** The requester's one-time ristretto255 key, as a sealing key. */
  readonly recipient: Uint8Array
}

/** To take a node out for good, by operators who sign one after the other. */
export interface RemovalAct {
  readonly type: 'remove-member'
  readonly peerId: PeerId
}

/** To replace the attestation policy of that revision, by such operators. */
export interface AttestationAct extends AttestationChange {
  readonly type: 'set-attestation'
}

/** To write a node's audit log off, by such operators. */
export interface AuditResetAct extends AuditReset {
  readonly type: 'reset-audit'
}

/** To destroy a version that waits for it, without the rest of its waiting time. */
export interface DestroyAct {
  readonly type: 'destroy-version'
  readonly name: string
  readonly keyId: Uint8Array
  readonly version: number
}

/** What happens only when as many operators approve as the genesis asks for. */
export type Act = ExportAct | RemovalAct | AttestationAct | AuditResetAct | DestroyAct

/** Puts an act before the operators. Signed by whoever would do it. */
export interface Propose {
  readonly type: 'propose'
  /** Makes two proposals of one act two. */
  readonly nonce: Uint8Array
  readonly act: Act
  /** For the operators, in the proposer's words. */
  readonly reason: string
  /** In block time: neither approved nor used from then on. */
  readonly expiresMs: number
}

/** One operator's approval. Signed by it, and `signature` is its word on the whole `Consent`, in the domain `approval`. */
export interface Approve {
  readonly type: 'approve'
  readonly proposal: Uint8Array
  readonly signature: Uint8Array
}

/** Takes a proposal back, also an approved one that has not been used. Signed by its proposer. */
export interface Withdraw {
  readonly type: 'withdraw'
  readonly proposal: Uint8Array
}

/** Does what was approved, once. Signed by its proposer, for acts that wait for it. */
export interface UseApproval {
  readonly type: 'use-approval'
  readonly proposal: Uint8Array
}

/**
 * What an operator signs: not a hash that somebody names, but the act itself, who asks for it, and why. So an approval
 * can be checked by whoever holds a record of the proposal, and fits no other.
 */
export interface Consent {
  readonly proposal: Uint8Array
  readonly proposer: Uint8Array
  readonly act: Act
  readonly reason: string
  readonly expiresMs: number
}

export type ApprovalTransaction = Propose | Approve | Withdraw | UseApproval

/** Nobody should approve in the morning what was asked for, and perhaps stolen, the day before. */
export const MAX_PROPOSAL_MS: number = 24 * 3_600_000

/** Printable text of the basic plane without direction marks: an operator's terminal shows it as it is. */
const reason: Schema<string> = matching(
  /^[ -~\u00a0-\u061b\u061d-\u1fff\u2010-\u2027\u2030-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd]{1,256}$/,
  'a reason of 1 to 256 printable characters',
)

const act: Schema<Act> = union<Act>({
  'export-key': struct<ExportAct>({
    type: literal('export-key'),
    name: keyName,
    keyId: hash32,
    version: keyVersion,
    recipient: publicKey32,
  }),
  'remove-member': struct<RemovalAct>({ type: literal('remove-member'), peerId }),
  'set-attestation': struct<AttestationAct>({
    type: literal('set-attestation'),
    revision: integer(0),
    policy: attestationPolicySchema,
  }),
  'reset-audit': struct<AuditResetAct>({
    type: literal('reset-audit'),
    peerId,
    generation: auditGeneration,
  }),
  'destroy-version': struct<DestroyAct>({
    type: literal('destroy-version'),
    name: keyName,
    keyId: hash32,
    version: keyVersion,
  }),
})

export const approvalSchemas: {
  readonly [K in ApprovalTransaction['type']]: Schema<Extract<ApprovalTransaction, { readonly type: K }>>
} = {
  propose: struct<Propose>({ type: literal('propose'), nonce: nonce16, act, reason, expiresMs: timeMs }),
  approve: struct<Approve>({ type: literal('approve'), proposal: hash32, signature: signature64 }),
  withdraw: struct<Withdraw>({ type: literal('withdraw'), proposal: hash32 }),
  'use-approval': struct<UseApproval>({ type: literal('use-approval'), proposal: hash32 }),
}
