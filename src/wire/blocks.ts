import { hash32, height, publicKey32, type Signed, signature64, signedSchema, timeMs } from './common.ts'
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
} from './schema.ts'
import { type SignedTransaction, type Transaction, transactionSchema } from './transactions.ts'

/** What is voted on; its hash is the block id. */
export interface Header {
  readonly height: number
  /** The previous block's id; the network id at height 1. */
  readonly previous: Uint8Array
  /** Root of the state before this block. */
  readonly stateRoot: Uint8Array
  /** Agreed time, strictly after the previous block's. */
  readonly timeMs: number
  /** The round in which this block was first proposed, and who did; together they say which rank succeeded. */
  readonly round: number
  readonly proposer: Uint8Array
  /** Hash of `previousCertificate`; 32 zero bytes at height 1. */
  readonly certificateHash: Uint8Array
  /** Hash of the canonical list of transactions. */
  readonly transactionsHash: Uint8Array
}

/** The finality of a block: precommits of at least q validators, ascending by signer. */
export interface Certificate {
  readonly height: number
  readonly round: number
  readonly blockId: Uint8Array
  readonly signatures: readonly VoteSignature[]
}

export interface VoteSignature {
  readonly signer: Uint8Array
  readonly signature: Uint8Array
}

export interface Block {
  readonly header: Header
  readonly previousCertificate: Certificate | null
  readonly transactions: readonly SignedTransaction[]
}

export interface CertifiedBlock {
  readonly block: Block
  readonly certificate: Certificate
}

export interface CertifiedHeader {
  readonly header: Header
  readonly certificate: Certificate
}

/** A vote for a block (32 bytes) or for nil (empty). The step is its signing domain: `prevote` or `precommit`. */
export interface Vote {
  readonly height: number
  readonly round: number
  readonly blockId: Uint8Array
}

export interface Proposal {
  readonly height: number
  readonly round: number
  /** arXiv:1807.04938's validRound: -1 for a fresh value. */
  readonly validRound: number
  readonly blockId: Uint8Array
}

export interface ProposalMessage {
  readonly type: 'proposal'
  readonly proposal: Signed<Proposal>
  readonly block: Block
  /** With validRound >= 0: the prevotes of that round, so that line 28 can fire though they were lost on the way. */
  readonly justification: readonly Signed<Vote>[]
}

export interface VoteMessage {
  readonly type: 'vote'
  readonly step: 'prevote' | 'precommit'
  readonly vote: Signed<Vote>
}

/** Fits one transport frame with room for its envelope. */
export const MAX_BLOCK_BYTES: number = 960 * 1024

/** At most 16 validators; the slack lets a later protocol raise it. */
export const MAX_VALIDATORS = 64

/** Rounds beyond this are no honest network's; bounds what a liar can make others remember. */
export const MAX_ROUND = 10_000

const round: Schema<number> = integer(0, MAX_ROUND)

export const headerSchema: Schema<Header> = struct<Header>({
  height,
  previous: hash32,
  stateRoot: hash32,
  timeMs,
  round,
  proposer: publicKey32,
  certificateHash: hash32,
  transactionsHash: hash32,
})

export const certificateSchema: Schema<Certificate> = struct<Certificate>({
  height,
  round,
  blockId: hash32,
  signatures: list(struct<VoteSignature>({ signer: publicKey32, signature: signature64 }), MAX_VALIDATORS),
})

/** Bounds the work of checking one block's signatures. */
export const MAX_BLOCK_TRANSACTIONS = 2048

const transactionList: Schema<readonly SignedTransaction[]> = list(
  signedSchema<Transaction>(transactionSchema),
  MAX_BLOCK_TRANSACTIONS,
)

export const blockSchema: Schema<Block> = struct<Block>({
  header: headerSchema,
  previousCertificate: nullable(certificateSchema),
  transactions: transactionList,
})

export const certifiedBlockSchema: Schema<CertifiedBlock> = struct<CertifiedBlock>({
  block: blockSchema,
  certificate: certificateSchema,
})

const voteSchema: Schema<Vote> = struct<Vote>({
  height,
  round,
  blockId: {
    check: (value, path) => {
      const bytes = bytesUpTo(32).check(value, path)
      return bytes.length === 0 ? bytes : hash32.check(bytes, path)
    },
  },
})

const proposalSchema: Schema<Proposal> = struct<Proposal>({
  height,
  round,
  validRound: integer(-1, MAX_ROUND),
  blockId: hash32,
})

export const proposalMessageSchema: Schema<ProposalMessage> = struct<ProposalMessage>({
  type: literal('proposal'),
  proposal: signedSchema(proposalSchema),
  block: blockSchema,
  justification: list(signedSchema(voteSchema), MAX_VALIDATORS),
})

export const voteMessageSchema: Schema<VoteMessage> = struct<VoteMessage>({
  type: literal('vote'),
  step: { check: (value, path) => (value === 'prevote' ? value : literal('precommit').check(value, path)) },
  vote: signedSchema(voteSchema),
})

export const headerCodec: Codec<Header> = codec('header', 1024, headerSchema)
export const certificateCodec: Codec<Certificate> = codec('certificate', 16 * 1024, certificateSchema)
export const transactionListCodec: Codec<readonly SignedTransaction[]> = codec(
  'transactions',
  MAX_BLOCK_BYTES,
  transactionList,
)
export const certifiedBlockCodec: Codec<CertifiedBlock> = codec(
  'certified-block',
  MAX_BLOCK_BYTES,
  certifiedBlockSchema,
)
export const certifiedHeaderCodec: Codec<CertifiedHeader> = codec(
  'certified-header',
  20 * 1024,
  struct<CertifiedHeader>({ header: headerSchema, certificate: certificateSchema }),
)
export const voteCodec: Codec<Vote> = codec('vote', 256, voteSchema)
export const proposalCodec: Codec<Proposal> = codec('proposal', 256, proposalSchema)
