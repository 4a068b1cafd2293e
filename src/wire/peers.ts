import {
  type CertifiedBlock,
  type CertifiedHeader,
  certificateSchema,
  certifiedBlockSchema,
  headerSchema,
  type ProposalMessage,
  proposalMessageSchema,
  type VoteMessage,
  voteMessageSchema,
} from './blocks.ts'
import { hash32, keyVersion, type Signed, signedSchema, slotNumber } from './common.ts'
import { MAX_RECORD_BYTES } from './dealing.ts'
import { type ExportedShares, exportedSharesSchema } from './exports.ts'
import {
  type NonceCommitment,
  nonceCommitmentSchema,
  type Partial,
  type PartialRequest,
  partialRequestSchema,
  signedPartialSchema,
} from './operations.ts'
import {
  bytesUpTo,
  type Codec,
  codec,
  integer,
  list,
  literal,
  nullable,
  type Schema,
  struct,
  union,
} from './schema.ts'
import { type SignedTransaction, type Transaction, transactionSchema } from './transactions.ts'

/** One transport frame. */
export const MAX_FRAME_BYTES: number = 1024 * 1024

/** One-way messages between members. */
export type PeerMessage =
  | ProposalMessage
  | VoteMessage
  | TransactionsMessage
  | BlockMessage
  | RecordMessage
  | StatusMessage

/** Transactions on their way to the validators. */
export interface TransactionsMessage {
  readonly type: 'transactions'
  readonly transactions: readonly SignedTransaction[]
}

/** A certified block for a node that seems to be behind it. */
export interface BlockMessage {
  readonly type: 'block'
  readonly certified: CertifiedBlock
}

/** A DHT record, pushed straight to those who need it at once. */
export interface RecordMessage {
  readonly type: 'record'
  readonly record: Uint8Array
}

/** The height that the sender has applied, so that whoever is behind asks for more. */
export interface StatusMessage {
  readonly type: 'status'
  readonly height: number
}

export type PeerRequest =
  | PartialCall
  | NoncesCall
  | PingCall
  | BlocksCall
  | HeadersCall
  | ManifestCall
  | SnapshotCall
  | RecordCall
  | ExportCall

export interface PartialCall {
  readonly type: 'partial'
  readonly call: PartialRequest
  /** sign only: how many fresh nonce commitments per slot the gateway wants back with the answer. */
  readonly refill: number
}

/** Asks a holder for nonce commitments made ahead (RFC 9591 section 5.1). */
export interface NoncesCall {
  readonly type: 'nonces'
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
  readonly count: number
}

export interface PingCall {
  readonly type: 'ping'
}

export interface BlocksCall {
  readonly type: 'blocks'
  readonly from: number
  readonly limit: number
}

export interface HeadersCall {
  readonly type: 'headers'
  readonly from: number
  readonly limit: number
}

/** Asks for what the newest snapshot consists of. */
export interface ManifestCall {
  readonly type: 'manifest'
}

/** Part `part` of the snapshot at `height`. */
export interface SnapshotCall {
  readonly type: 'snapshot'
  readonly height: number
  readonly part: number
}

export interface RecordCall {
  readonly type: 'record'
  readonly hash: Uint8Array
}

/** Asks a holder to seal its shares for an approved export that its own log shows to be in use. */
export interface ExportCall {
  readonly type: 'export'
  readonly proposal: Uint8Array
  /** Of the version's shares, as the gateway sees it: shares of two generations do not fit together. */
  readonly generation: number
}

export type PeerAnswer =
  | PartialAnswer
  | NoncesAnswer
  | PongAnswer
  | BlocksAnswer
  | HeadersAnswer
  | ManifestAnswer
  | SnapshotAnswer
  | RecordAnswer
  | ExportAnswer

export interface SlotNonces {
  readonly slot: number
  readonly commitments: readonly NonceCommitment[]
}

export interface PartialAnswer {
  readonly type: 'partial'
  readonly partial: Signed<Partial>
  readonly nonces: readonly SlotNonces[]
}

export interface NoncesAnswer {
  readonly type: 'nonces'
  readonly nonces: readonly SlotNonces[]
}

export interface PongAnswer {
  readonly type: 'pong'
  readonly height: number
}

export interface BlocksAnswer {
  readonly type: 'blocks'
  readonly blocks: readonly CertifiedBlock[]
  /** The lowest height whose whole block the answering node still has, and the highest it has applied. */
  readonly lowest: number
  readonly height: number
}

export interface HeadersAnswer {
  readonly type: 'headers'
  readonly headers: readonly CertifiedHeader[]
}

/** One part of a snapshot: a subtree of the state's Merkle map, by its depth and root hash. */
export interface SnapshotPart {
  readonly depth: number
  readonly root: Uint8Array
}

/** The parts of a snapshot, from left to right: together they determine the state's root. */
export interface ManifestAnswer {
  readonly type: 'manifest'
  readonly height: number
  readonly parts: readonly SnapshotPart[]
}

/** The records of one part. */
export interface SnapshotAnswer {
  readonly type: 'snapshot'
  readonly height: number
  readonly part: number
  readonly bytes: Uint8Array
}

export interface RecordAnswer {
  readonly type: 'record'
  readonly record: Uint8Array | null
}

export interface ExportAnswer {
  readonly type: 'export'
  readonly shares: Signed<ExportedShares>
}

/** Their list fits one frame many times over; so many parts are more than half a gigabyte. */
export const MAX_MANIFEST_PARTS = 4096

export const snapshotPartsSchema: Schema<readonly SnapshotPart[]> = list(
  struct<SnapshotPart>({ depth: integer(0, 256), root: hash32 }),
  MAX_MANIFEST_PARTS,
)

const limit: Schema<number> = integer(1, 1024)
const signedTransactions: Schema<readonly SignedTransaction[]> = list(
  signedSchema<Transaction>(transactionSchema),
  1024,
)
const slotNonces: Schema<readonly SlotNonces[]> = list(
  struct<SlotNonces>({ slot: slotNumber, commitments: list(nonceCommitmentSchema, 1024) }),
  64,
)

export const peerMessageCodec: Codec<PeerMessage> = codec(
  'peer-message',
  MAX_FRAME_BYTES,
  union<PeerMessage>({
    proposal: proposalMessageSchema,
    vote: voteMessageSchema,
    transactions: struct<TransactionsMessage>({
      type: literal('transactions'),
      transactions: signedTransactions,
    }),
    block: struct<BlockMessage>({ type: literal('block'), certified: certifiedBlockSchema }),
    record: struct<RecordMessage>({ type: literal('record'), record: bytesUpTo(MAX_RECORD_BYTES) }),
    status: struct<StatusMessage>({ type: literal('status'), height: integer(0) }),
  }),
)

export const peerRequestCodec: Codec<PeerRequest> = codec(
  'peer-request',
  MAX_FRAME_BYTES,
  union<PeerRequest>({
    partial: struct<PartialCall>({
      type: literal('partial'),
      call: partialRequestSchema,
      refill: integer(0, 1024),
    }),
    nonces: struct<NoncesCall>({
      type: literal('nonces'),
      keyId: hash32,
      version: keyVersion,
      generation: integer(0),
      count: integer(1, 1024),
    }),
    ping: struct<PingCall>({ type: literal('ping') }),
    blocks: struct<BlocksCall>({ type: literal('blocks'), from: integer(1), limit }),
    headers: struct<HeadersCall>({ type: literal('headers'), from: integer(1), limit }),
    manifest: struct<ManifestCall>({ type: literal('manifest') }),
    snapshot: struct<SnapshotCall>({ type: literal('snapshot'), height: integer(1), part: integer(0) }),
    record: struct<RecordCall>({ type: literal('record'), hash: hash32 }),
    export: struct<ExportCall>({ type: literal('export'), proposal: hash32, generation: integer(0) }),
  }),
)

export const peerAnswerCodec: Codec<PeerAnswer> = codec(
  'peer-answer',
  MAX_FRAME_BYTES,
  union<PeerAnswer>({
    partial: struct<PartialAnswer>({
      type: literal('partial'),
      partial: signedPartialSchema,
      nonces: slotNonces,
    }),
    nonces: struct<NoncesAnswer>({ type: literal('nonces'), nonces: slotNonces }),
    pong: struct<PongAnswer>({ type: literal('pong'), height: integer(0) }),
    blocks: struct<BlocksAnswer>({
      type: literal('blocks'),
      blocks: list(certifiedBlockSchema, 1024),
      lowest: integer(0),
      height: integer(0),
    }),
    headers: struct<HeadersAnswer>({
      type: literal('headers'),
      headers: list(struct<CertifiedHeader>({ header: headerSchema, certificate: certificateSchema }), 1024),
    }),
    manifest: struct<ManifestAnswer>({
      type: literal('manifest'),
      height: integer(1),
      parts: snapshotPartsSchema,
    }),
    snapshot: struct<SnapshotAnswer>({
      type: literal('snapshot'),
      height: integer(0),
      part: integer(0),
      bytes: bytesUpTo(MAX_FRAME_BYTES),
    }),
    record: struct<RecordAnswer>({ type: literal('record'), record: nullable(bytesUpTo(MAX_RECORD_BYTES)) }),
    export: struct<ExportAnswer>({ type: literal('export'), shares: exportedSharesSchema }),
  }),
)
