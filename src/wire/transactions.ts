import { type ApprovalTransaction, approvalSchemas } from './approvals.ts'
import { type AttestationTransaction, attestationSchemas } from './attestation.ts'
import { type AuditTransaction, auditSchemas } from './audit.ts'
import { type CeremonyTransaction, ceremonySchemas } from './ceremonies.ts'
import { type Signed, signedCodec } from './common.ts'
import { type ReportEvidence, reportEvidence } from './evidence.ts'
import { type KeyTransaction, keySchemas } from './key-changes.ts'
import { type MembershipTransaction, membershipSchemas } from './membership.ts'
import { type Randomness, randomnessSchema } from './randomness.ts'
import { type Report, reportSchema } from './reports.ts'
import { type Codec, type Schema, union } from './schema.ts'

/** Whatever the control log decides on. Each is signed by the one whose word it is. */
export type Transaction =
  | KeyTransaction
  | CeremonyTransaction
  | ReportEvidence
  | Report
  | Randomness
  | MembershipTransaction
  | AttestationTransaction
  | ApprovalTransaction
  | AuditTransaction
export type SignedTransaction = Signed<Transaction>

/** Evidence of a bad partial fits, in a block; all else is far below. */
export const MAX_TRANSACTION_BYTES: number = 800 * 1024

export const transactionSchema: Schema<Transaction> = union<Transaction>({
  ...keySchemas,
  ...ceremonySchemas,
  report: reportSchema,
  randomness: randomnessSchema,
  ...membershipSchemas,
  ...attestationSchemas,
  ...approvalSchemas,
  'report-evidence': reportEvidence,
  ...auditSchemas,
})

export const transactionCodec: Codec<SignedTransaction> = signedCodec(
  'transaction',
  MAX_TRANSACTION_BYTES,
  transactionSchema,
)
