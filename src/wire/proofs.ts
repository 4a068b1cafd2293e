import { type Certificate, certificateSchema, type Header, headerSchema } from './blocks.ts'
import { hash32 } from './common.ts'
import { bytesUpTo, type Codec, codec, list, nullable, type Schema, struct, textUpTo } from './schema.ts'

/** One path of the state's Merkle map, and the way from what stands there up to the root. */
export interface ProvenRecord {
  readonly path: string
  /** The record's canonical bytes; null: the map holds nothing at this path. */
  readonly bytes: Uint8Array | null
  /** From the root down. */
  readonly siblings: readonly Uint8Array[]
  /** For absence: the leaf that ends this branch in the path's stead, if one does. */
  readonly other: { readonly keyHash: Uint8Array; readonly valueHash: Uint8Array } | null
}

/** Records of the state before a block, whose root the header carries, and the quorum that decided on that header. */
export interface StateProof {
  readonly header: Header
  readonly certificate: Certificate
  readonly records: readonly ProvenRecord[]
}

/** The set that votes, a key, its versions and its ceremony fit. */
export const MAX_PROVEN_RECORDS = 8
/** A record of the ledger holds at most 256 KiB; few come near. */
const MAX_RECORD_BYTES = 256 * 1024
const MAX_PROOF_BYTES = 1024 * 1024
/** Ledger paths are short; key names are the longest part of any. */
const MAX_PATH_CHARACTERS = 200
/** The bits of a path's hash. */
const MAX_DEPTH = 256

const provenRecord: Schema<ProvenRecord> = struct<ProvenRecord>({
  path: textUpTo(MAX_PATH_CHARACTERS),
  bytes: nullable(bytesUpTo(MAX_RECORD_BYTES)),
  siblings: list(hash32, MAX_DEPTH),
  other: nullable(struct({ keyHash: hash32, valueHash: hash32 })),
})

export const stateProofCodec: Codec<StateProof> = codec(
  'state-proof',
  MAX_PROOF_BYTES,
  struct<StateProof>({
    header: headerSchema,
    certificate: certificateSchema,
    records: list(provenRecord, MAX_PROVEN_RECORDS),
  }),
)
