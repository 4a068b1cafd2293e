import {
  elementBytes,
  hash32,
  keyName,
  keyVersion,
  nonce16,
  type Signed,
  signedCodec,
  signedSchema,
  slotNumber,
  timeMs,
} from './common.ts'
import { type DleqProof, dleqProofSchema } from './dealing.ts'
import { type Operation, operationName } from './keys.ts'
import { bytesUpTo, type Codec, codec, flag, integer, list, optional, type Schema, struct } from './schema.ts'

/** What a principal asks of a key. Every holder checks the signature itself. */
export interface OperationRequest {
  readonly key: string
  /** 0 means the version that is active when a holder looks. */
  readonly version: number
  readonly operation: Operation
  /** derive only: the inputs are blinded elements, and proofs are wanted back. */
  readonly isBlinded: boolean
  readonly inputs: readonly Uint8Array[]
  readonly nonce: Uint8Array
  readonly expiresMs: number
}

/** Batches amortise the round trip; more than this only adds latency for everyone else. */
export const MAX_INPUTS = 256
export const MAX_INPUT_BYTES: number = 512 * 1024

/** All inputs together, so that a request fits one transport frame with its signing packages. */
export const MAX_REQUEST_BYTES: number = 640 * 1024

/** One holder's nonce commitments for one message, RFC 9591 section 5.1. */
export interface NonceCommitment {
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

export interface SlotCommitment extends NonceCommitment {
  readonly slot: number
}

/** What a gateway sends to one holder: the client's request and, for signatures, who signs with which nonces. */
export interface PartialRequest {
  readonly request: Signed<OperationRequest>
  /** The resolved version, and the generation of its shares: shares of two generations do not fit together. */
  readonly version: number
  readonly generation: number
  /** The asked holder's slots that are to answer. */
  readonly slots: readonly number[]
  /** sign only: for each input, the commitments of all signers, ascending by slot. */
  readonly packages?: readonly (readonly SlotCommitment[])[]
}

export interface SlotPartial {
  readonly slot: number
  /** One per input: a 32-byte signature share, or an evaluated element. */
  readonly values: readonly Uint8Array[]
  /** derive and decrypt: the batched DLEQ proof over all inputs. */
  readonly proof?: DleqProof
}

/** One holder's contribution, signed by the holder: if it is wrong, it convicts. */
export interface Partial {
  /** SHA-256 of the canonical partial request that it answers. */
  readonly requestHash: Uint8Array
  readonly partials: readonly SlotPartial[]
}

export const operationRequestSchema: Schema<OperationRequest> = struct<OperationRequest>({
  key: keyName,
  version: integer(0, 2 ** 31),
  operation: operationName,
  isBlinded: flag,
  inputs: list(bytesUpTo(MAX_INPUT_BYTES), MAX_INPUTS),
  nonce: nonce16,
  expiresMs: timeMs,
})

const commitment = { hiding: elementBytes, binding: elementBytes }
export const nonceCommitmentSchema: Schema<NonceCommitment> = struct<NonceCommitment>(commitment)

export const partialRequestSchema: Schema<PartialRequest> = struct<PartialRequest>({
  request: signedSchema(operationRequestSchema),
  version: keyVersion,
  generation: integer(0),
  slots: list(slotNumber, 64),
  packages: optional(list(list(struct<SlotCommitment>({ slot: slotNumber, ...commitment }), 64), MAX_INPUTS)),
})

const partialSchema: Schema<Partial> = struct<Partial>({
  requestHash: hash32,
  partials: list(
    struct<SlotPartial>({
      slot: slotNumber,
      values: list(bytesUpTo(33), MAX_INPUTS),
      proof: optional(dleqProofSchema),
    }),
    64,
  ),
})

export const operationRequestCodec: Codec<OperationRequest> = codec(
  'operation',
  MAX_REQUEST_BYTES,
  operationRequestSchema,
)
export const signedOperationCodec: Codec<Signed<OperationRequest>> = signedCodec(
  'signed-operation',
  MAX_REQUEST_BYTES,
  operationRequestSchema,
)
export const partialRequestCodec: Codec<PartialRequest> = codec(
  'partial-request',
  960 * 1024,
  partialRequestSchema,
)
export const signedPartialCodec: Codec<Signed<Partial>> = signedCodec('partial', 640 * 1024, partialSchema)
export const signedPartialSchema: Schema<Signed<Partial>> = signedSchema(partialSchema)
export const unsignedPartialCodec: Codec<Partial> = codec('partial', 640 * 1024, partialSchema)
