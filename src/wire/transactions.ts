import type { PeerId } from '../base/index.ts'
import { type ApprovalTransaction, approvalSchemas } from './approvals.ts'
import { type AttestationTransaction, attestationSchemas } from './attestation.ts'
import { type Beacon, beaconCodec } from './beacon.ts'
import {
  type Approval,
  approvals,
  elementBytes,
  hash32,
  keyName,
  keyVersion,
  MAX_SLOTS,
  peerId,
  publicKey32,
  type Signed,
  signature64,
  signedCodec,
  signedSchema,
  slotNumber,
  timeMs,
} from './common.ts'
import { commitmentsSchema, type DleqProof, dleqProofSchema } from './dealing.ts'
import { type KeyKind, keyKind, type PolicyRule, policyRules } from './keys.ts'
import { type MembershipTransaction, membershipSchemas } from './membership.ts'
import { type Randomness, randomnessSchema } from './randomness.ts'
import { type Report, reportSchema } from './reports.ts'
import {
  bytesUpTo,
  type Codec,
  fixedBytes,
  flag,
  integer,
  list,
  literal,
  oneOf,
  optional,
  real,
  type Schema,
  struct,
  union,
} from './schema.ts'

/** Opens the ceremony that makes a key's first version. Signed by a principal with the right to create keys. */
export interface CreateKey {
  readonly type: 'create-key'
  /** Makes two attempts at one name two transactions. */
  readonly nonce: Uint8Array
  readonly name: string
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly rules: readonly PolicyRule[]
  readonly isExportable: boolean
  /** Declared entropy of what the key protects, 0 to 1. */
  readonly entropy: number
  /** `generate`: by the holders together. `import`: dealt once by the creating principal (BYOK). */
  readonly origin: 'generate' | 'import'
}

/** One dealer's public half of a dealing. Signed by the dealing node, or by the importing principal. */
export interface Deal {
  readonly type: 'deal'
  readonly ceremony: Uint8Array
  /** The slot whose share is dealt on; 0 when the dealt secret is new or imported. */
  readonly fromSlot: number
  readonly commitments: readonly Uint8Array[]
  /** Schnorr proof that the dealer knows its constant term: challenge, response. */
  readonly possession: DleqProof
  /** SHA-256 of the sealed dealing, which is its DHT key. */
  readonly recordHash: Uint8Array
}

/** A node's word that it holds, durably, valid shares of its slots from these dealers. */
export interface Acknowledge {
  readonly type: 'acknowledge'
  readonly ceremony: Uint8Array
  /** Which of the ceremony's dealings, by their place in its list, ascending. */
  readonly dealings: readonly number[]
}

/** Opens a share that does not fit its dealer's commitments, so that anyone can see who lied. */
export interface Complain {
  readonly type: 'complain'
  readonly ceremony: Uint8Array
  /** The dealing's place in the ceremony's list. */
  readonly dealing: number
  readonly slot: number
  /** The whole sealed dealing, whose hash the dealer's transaction pins. */
  readonly record: Uint8Array
  /** The KEM's shared point and the proof that it belongs to the complainer's sealing key. */
  readonly sharedPoint: Uint8Array
  readonly proof: DleqProof
}

/** Replaces a key's policy. Signed by the key's owner; `revision` is that of the policy it replaces. */
export interface SetPolicy {
  readonly type: 'set-policy'
  readonly name: string
  readonly revision: number
  readonly rules: readonly PolicyRule[]
}

/** Grants or withdraws the right to create keys. Signed by an operator. */
export interface GrantCreate {
  readonly type: 'grant-create'
  readonly principal: Uint8Array
  readonly revision: number
  readonly isAllowed: boolean
}

/** Two statements by one signer that contradict each other, or a partial that its own proof convicts. */
export interface ReportEvidence {
  readonly type: 'report-evidence'
  readonly evidence: Evidence
}

export type Evidence = ConflictingVotes | ConflictingDeals | ConflictingBeacons | BadPartial | ForkedAudit

/** Two different votes of one signer for one height, round and step. */
export interface ConflictingVotes {
  readonly type: 'conflicting-votes'
  readonly step: 'prevote' | 'precommit'
  readonly voter: Uint8Array
  readonly height: number
  readonly round: number
  /** Each: the voted block id (empty for nil) and the signature. */
  readonly first: VoteHalf
  readonly second: VoteHalf
}

export interface VoteHalf {
  readonly blockId: Uint8Array
  readonly signature: Uint8Array
}

/** Two different dealings of one signer for one ceremony. */
export interface ConflictingDeals {
  readonly type: 'conflicting-deals'
  readonly first: Signed<Transaction>
  readonly second: Signed<Transaction>
}

/** Two different beacons of one signer with one sequence. */
export interface ConflictingBeacons {
  readonly type: 'conflicting-beacons'
  readonly first: Signed<Beacon>
  readonly second: Signed<Beacon>
}

/** A signed partial response that does not verify against the holder's share, with the request it answers. */
export interface BadPartial {
  readonly type: 'bad-partial'
  readonly holder: PeerId
  /** Canonical `partial-request` and signed `partial` bytes. */
  readonly request: Uint8Array
  readonly partial: Uint8Array
}

/** Two checkpoints of one audit log that one node signed: one size, two roots. */
export interface ForkedAudit {
  readonly type: 'forked-audit'
  /** The node's public key. */
  readonly log: Uint8Array
  /** Which of the node's logs; absent for the first. */
  readonly generation?: number
  readonly size: number
  readonly first: CheckpointHalf
  readonly second: CheckpointHalf
}

export interface CheckpointHalf {
  readonly root: Uint8Array
  readonly signature: Uint8Array
}

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

export type Transaction =
  | CreateKey
  | ChangeKey
  | RetireVersion
  | AnnounceSealingKey
  | Deal
  | Acknowledge
  | Complain
  | SetPolicy
  | GrantCreate
  | ReportEvidence
  | Report
  | Randomness
  | MembershipTransaction
  | AttestationTransaction
  | ApprovalTransaction
  | AuditCheckpoint
  | ResetAudit
export type SignedTransaction = Signed<Transaction>

/** Opens a ceremony on a key that exists. Signed by the key's owner. */
export interface ChangeKey {
  readonly type: 'change-key'
  readonly nonce: Uint8Array
  readonly name: string
  /** `rotate`: a new secret, a new version. `refresh`: the same secret, new shares. `reshare`: also other holders. */
  readonly change: 'rotate' | 'refresh' | 'reshare'
  /** The version and generation that this is about: a replayed change finds others and does nothing. */
  readonly version: number
  readonly generation: number
  /** reshare, and rotate if wanted: the new numbers. */
  readonly threshold?: number
  readonly shares?: number
  /** reshare only: the nodes that are to hold the slots, in this order; without it, all that are eligible. */
  readonly holders?: readonly PeerId[]
}

/** Takes a version out of service. Signed by the key's owner. */
export interface RetireVersion {
  readonly type: 'retire-version'
  readonly name: string
  readonly version: number
  readonly state: 'archived' | 'destroyed'
  /** archived: when it is destroyed; absent means never by itself. */
  readonly retainUntilMs?: number
}

/** A node's next sealing key; the ledger's revision of the current one makes it single-use. Signed by the node. */
export interface AnnounceSealingKey {
  readonly type: 'announce-sealing-key'
  readonly sealingKey: Uint8Array
  readonly revision: number
}

/**
 * What a holder answers wrongly it must not be able to hide behind: all requests but the largest signing batches, and an
 * answer of a dozen slots to 256 inputs.
 */
export const MAX_PROVEN_REQUEST_BYTES: number = 640 * 1024
export const MAX_PROVEN_PARTIAL_BYTES: number = 128 * 1024

/** Evidence of a bad partial fits, in a block; complaints with their whole record and all else are far below. */
export const MAX_TRANSACTION_BYTES: number = 800 * 1024

const createKey: Schema<CreateKey> = struct<CreateKey>({
  type: literal('create-key'),
  nonce: fixedBytes(16),
  name: keyName,
  kind: keyKind,
  threshold: integer(1, 64),
  shares: integer(1, 64),
  rules: policyRules,
  isExportable: flag,
  entropy: real(0, 1),
  origin: { check: (value, path) => (value === 'import' ? value : literal('generate').check(value, path)) },
})

export const dealSchema: Schema<Deal> = struct<Deal>({
  type: literal('deal'),
  ceremony: hash32,
  fromSlot: integer(0, MAX_SLOTS),
  commitments: commitmentsSchema,
  possession: dleqProofSchema,
  recordHash: hash32,
})

/** A ceremony has at most one dealing per slot. */
const dealingIndex: Schema<number> = integer(0, MAX_SLOTS - 1)

const acknowledge: Schema<Acknowledge> = struct<Acknowledge>({
  type: literal('acknowledge'),
  ceremony: hash32,
  dealings: list(dealingIndex, MAX_SLOTS),
})

const complain: Schema<Complain> = struct<Complain>({
  type: literal('complain'),
  ceremony: hash32,
  dealing: dealingIndex,
  slot: slotNumber,
  record: bytesUpTo(64 * 1024),
  sharedPoint: elementBytes,
  proof: dleqProofSchema,
})

const changeKey: Schema<ChangeKey> = struct<ChangeKey>({
  type: literal('change-key'),
  nonce: fixedBytes(16),
  name: keyName,
  change: oneOf(['rotate', 'refresh', 'reshare']),
  version: keyVersion,
  generation: integer(0),
  threshold: optional(integer(1, MAX_SLOTS)),
  shares: optional(integer(1, MAX_SLOTS)),
  holders: optional(list(peerId, MAX_SLOTS)),
})

const retireVersion: Schema<RetireVersion> = struct<RetireVersion>({
  type: literal('retire-version'),
  name: keyName,
  version: keyVersion,
  state: oneOf(['archived', 'destroyed']),
  retainUntilMs: optional(timeMs),
})

const announceSealingKey: Schema<AnnounceSealingKey> = struct<AnnounceSealingKey>({
  type: literal('announce-sealing-key'),
  sealingKey: publicKey32,
  revision: integer(0),
})

const setPolicy: Schema<SetPolicy> = struct<SetPolicy>({
  type: literal('set-policy'),
  name: keyName,
  revision: integer(0),
  rules: policyRules,
})

const grantCreate: Schema<GrantCreate> = struct<GrantCreate>({
  type: literal('grant-create'),
  principal: publicKey32,
  revision: integer(0),
  isAllowed: flag,
})

const voteHalf: Schema<VoteHalf> = struct<VoteHalf>({ blockId: bytesUpTo(32), signature: signature64 })

const conflictingVotes: Schema<ConflictingVotes> = struct<ConflictingVotes>({
  type: literal('conflicting-votes'),
  step: { check: (value, path) => (value === 'prevote' ? value : literal('precommit').check(value, path)) },
  voter: publicKey32,
  height: integer(1),
  round: integer(0),
  first: voteHalf,
  second: voteHalf,
})

const checkpointHalf: Schema<CheckpointHalf> = struct<CheckpointHalf>({
  root: hash32,
  signature: signature64,
})

/** Each costs an operator's signature, and a line in the ledger for good. */
export const MAX_AUDIT_GENERATION = 64
const auditGeneration: Schema<number> = integer(1, MAX_AUDIT_GENERATION)

const forkedAudit: Schema<ForkedAudit> = struct<ForkedAudit>({
  type: literal('forked-audit'),
  log: publicKey32,
  generation: optional(auditGeneration),
  size: integer(1),
  first: checkpointHalf,
  second: checkpointHalf,
})

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

/** Evidence holds transactions only of type `deal`, so the recursion ends there. */
const signedDeal: Schema<SignedTransaction> = signedSchema<Transaction>(dealSchema)

const evidenceSchema: Schema<Evidence> = union<Evidence>({
  'conflicting-votes': conflictingVotes,
  'conflicting-deals': struct<ConflictingDeals>({
    type: literal('conflicting-deals'),
    first: signedDeal,
    second: signedDeal,
  }),
  'conflicting-beacons': struct<ConflictingBeacons>({
    type: literal('conflicting-beacons'),
    first: beaconCodec,
    second: beaconCodec,
  }),
  'bad-partial': struct<BadPartial>({
    type: literal('bad-partial'),
    holder: peerId,
    request: bytesUpTo(MAX_PROVEN_REQUEST_BYTES),
    partial: bytesUpTo(MAX_PROVEN_PARTIAL_BYTES),
  }),
  'forked-audit': forkedAudit,
})

export const transactionSchema: Schema<Transaction> = union<Transaction>({
  'create-key': createKey,
  'change-key': changeKey,
  'retire-version': retireVersion,
  'announce-sealing-key': announceSealingKey,
  deal: dealSchema,
  acknowledge,
  complain,
  'set-policy': setPolicy,
  'grant-create': grantCreate,
  report: reportSchema,
  randomness: randomnessSchema,
  ...membershipSchemas,
  ...attestationSchemas,
  ...approvalSchemas,
  'report-evidence': struct<ReportEvidence>({ type: literal('report-evidence'), evidence: evidenceSchema }),
  'audit-checkpoint': auditCheckpoint,
  'reset-audit': resetAudit,
})

export const transactionCodec: Codec<SignedTransaction> = signedCodec(
  'transaction',
  MAX_TRANSACTION_BYTES,
  transactionSchema,
)
