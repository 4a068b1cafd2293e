import { elementBytes, hash32, keyVersion, type Signed, signedCodec, slotNumber } from './common.ts'
import { bytesUpTo, type Codec, fixedBytes, integer, list, type Schema, struct } from './schema.ts'

/** A discrete-log-equality proof, RFC 9497 section 2.2: two scalars. */
export interface DleqProof {
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

/** The public half of a sender's ephemeral key, a ristretto255 element, and a Schnorr proof that the sender knows the other half. */
export interface Encapsulation {
  readonly enc: Uint8Array
  readonly proof: DleqProof
}

export interface SealedShare {
  readonly slot: number
  /** AES-256-GCM ciphertext under a key that follows from the sender's encapsulation. */
  readonly sealed: Uint8Array
}

/**
 * One dealer's sealed shares: the DHT record, one share for each of the ceremony's slots in their order. The Merkle root over
 * them stands in the dealer's `deal` transaction, beside the encapsulation; the DHT key hashes it with ceremony and dealer.
 */
export interface SealedDealing {
  readonly ceremony: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  /** As in the dealer's transaction. */
  readonly fromSlot: number
  readonly shares: readonly SealedShare[]
}

export const dleqProofSchema: Schema<DleqProof> = struct<DleqProof>({
  challenge: fixedBytes(32),
  response: fixedBytes(32),
})

export const encapsulationSchema: Schema<Encapsulation> = struct<Encapsulation>({
  enc: fixedBytes(32),
  proof: dleqProofSchema,
})

/** A 32-byte share and a tag are 48 bytes. What a dishonest dealer puts there instead must fit into its conviction. */
export const sealedBytes: Schema<Uint8Array> = bytesUpTo(160)

export const sealedShareSchema: Schema<SealedShare> = struct<SealedShare>({
  slot: slotNumber,
  sealed: sealedBytes,
})

/** The cap for every DHT record. */
export const MAX_RECORD_BYTES: number = 64 * 1024

export const sealedDealingCodec: Codec<Signed<SealedDealing>> = signedCodec(
  'sealed-dealing',
  MAX_RECORD_BYTES,
  struct<SealedDealing>({
    ceremony: hash32,
    keyId: hash32,
    version: keyVersion,
    fromSlot: integer(0, 64),
    shares: list(sealedShareSchema, 64),
  }),
)

/** Feldman commitments A_0 … A_{t-1}. */
export const commitmentsSchema: Schema<readonly Uint8Array[]> = list(elementBytes, 64)
