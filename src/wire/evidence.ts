import type { PeerId } from '../base/index.ts'
import { auditGeneration } from './audit.ts'
import { type Beacon, beaconCodec } from './beacon.ts'
import { type Complain, complainSchema, type Deal, dealSchema } from './ceremonies.ts'
import {
  hash32,
  keyVersion,
  MAX_SLOTS,
  peerId,
  publicKey32,
  type Signed,
  signature64,
  signedSchema,
  slotNumber,
} from './common.ts'
import { commitmentsSchema, type Encapsulation, encapsulationSchema } from './dealing.ts'
import { type KeyKind, keyKind } from './keys.ts'
import { bytesUpTo, integer, list, literal, oneOf, optional, type Schema, struct, union } from './schema.ts'

/** Two statements by one signer that contradict each other, or a partial that its own proof convicts. */
export interface ReportEvidence {
  readonly type: 'report-evidence'
  readonly evidence: Evidence
}

export type Evidence =
  | ConflictingVotes
  | ConflictingProposals
  | ConflictingDeals
  | ConflictingBeacons
  | BadPartial
  | ForkedAudit
  | LateComplaint
  | LateDeal

/**
 * What a ceremony's digest in the ledger hashes, once the ceremony is over: slots with the sealing keys that shares were sealed
 * under, and dealings by their place.
 */
export interface ClosedCeremony {
  readonly ceremony: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly kind: KeyKind
  readonly slots: readonly ClosedSlot[]
  readonly deals: readonly ClosedDeal[]
}

export interface ClosedSlot {
  readonly slot: number
  readonly peerId: PeerId
  readonly sealingKey: Uint8Array
}

export interface ClosedDeal {
  readonly place: number
  readonly dealer: Uint8Array
  readonly fromSlot: number
  readonly commitments: readonly Uint8Array[]
  readonly encapsulation: Encapsulation
  readonly recordHash: Uint8Array
}

/** A complaint that no block held before its ceremony was over. Convicts the dealer, or the complainer who signed it. */
export interface LateComplaint {
  readonly type: 'late-complaint'
  readonly closed: ClosedCeremony
  readonly complaint: Signed<Complain>
}

/** Another dealing than the one that the ceremony took of the same dealer for the same slot. */
export interface LateDeal {
  readonly type: 'late-deal'
  readonly closed: ClosedCeremony
  readonly deal: Signed<Deal>
}

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

/** Two different proposals of one proposer for one height and round. */
export interface ConflictingProposals {
  readonly type: 'conflicting-proposals'
  readonly proposer: Uint8Array
  readonly height: number
  readonly round: number
  readonly first: ProposalHalf
  readonly second: ProposalHalf
}

export interface ProposalHalf {
  readonly validRound: number
  readonly blockId: Uint8Array
  readonly signature: Uint8Array
}

/** Two different dealings of one signer in one ceremony, both of the same share (`fromSlot`). */
export interface ConflictingDeals {
  readonly type: 'conflicting-deals'
  readonly first: Signed<Deal>
  readonly second: Signed<Deal>
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

/**
 * What a holder answers wrongly it must not be able to hide behind: all requests but the largest signing batches, and an
 * answer of a dozen slots to 256 inputs.
 */
export const MAX_PROVEN_REQUEST_BYTES: number = 640 * 1024
export const MAX_PROVEN_PARTIAL_BYTES: number = 128 * 1024

const voteHalf: Schema<VoteHalf> = struct<VoteHalf>({ blockId: bytesUpTo(32), signature: signature64 })

const conflictingVotes: Schema<ConflictingVotes> = struct<ConflictingVotes>({
  type: literal('conflicting-votes'),
  step: oneOf(['prevote', 'precommit']),
  voter: publicKey32,
  height: integer(1),
  round: integer(0),
  first: voteHalf,
  second: voteHalf,
})

const proposalHalf: Schema<ProposalHalf> = struct<ProposalHalf>({
  validRound: integer(-1),
  blockId: hash32,
  signature: signature64,
})

const conflictingProposals: Schema<ConflictingProposals> = struct<ConflictingProposals>({
  type: literal('conflicting-proposals'),
  proposer: publicKey32,
  height: integer(1),
  round: integer(0),
  first: proposalHalf,
  second: proposalHalf,
})

const checkpointHalf: Schema<CheckpointHalf> = struct<CheckpointHalf>({
  root: hash32,
  signature: signature64,
})

const forkedAudit: Schema<ForkedAudit> = struct<ForkedAudit>({
  type: literal('forked-audit'),
  log: publicKey32,
  generation: optional(auditGeneration),
  size: integer(1),
  first: checkpointHalf,
  second: checkpointHalf,
})

const signedDeal: Schema<Signed<Deal>> = signedSchema(dealSchema)

const closedCeremony: Schema<ClosedCeremony> = struct<ClosedCeremony>({
  ceremony: hash32,
  keyId: hash32,
  version: keyVersion,
  kind: keyKind,
  slots: list(struct<ClosedSlot>({ slot: slotNumber, peerId, sealingKey: publicKey32 }), MAX_SLOTS),
  deals: list(
    struct<ClosedDeal>({
      place: integer(0, MAX_SLOTS - 1),
      dealer: publicKey32,
      fromSlot: integer(0, MAX_SLOTS),
      commitments: commitmentsSchema,
      encapsulation: encapsulationSchema,
      recordHash: hash32,
    }),
    MAX_SLOTS,
  ),
})

const evidenceSchema: Schema<Evidence> = union<Evidence>({
  'conflicting-votes': conflictingVotes,
  'conflicting-proposals': conflictingProposals,
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
  'late-complaint': struct<LateComplaint>({
    type: literal('late-complaint'),
    closed: closedCeremony,
    complaint: signedSchema(complainSchema),
  }),
  'late-deal': struct<LateDeal>({ type: literal('late-deal'), closed: closedCeremony, deal: signedDeal }),
})

export const reportEvidence: Schema<ReportEvidence> = struct<ReportEvidence>({
  type: literal('report-evidence'),
  evidence: evidenceSchema,
})
