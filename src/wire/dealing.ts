import { elementBytes, hash32, keyVersion, type Signed, signedCodec, slotNumber } from './common.ts'
import { bytesUpTo, type Codec, fixedBytes, integer, list, type Schema, struct } from './schema.ts'

/** A discrete-log-equality proof, RFC 9497 section 2.2: two scalars. */
export interface DleqProof {
  readonly challenge: Uint8Array
  readonly response: Uint8Array
}

export interface SealedShare {
  readonly slot: number
  /** RFC 9180 base mode over ristretto255: 32-byte encapsulation, then AES-256-GCM ciphertext. */
  readonly sealed: Uint8Array
}

/** One dealer's sealed shares: the DHT record. Its hash stands in the dealer's `deal` transaction. */
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

/** An encapsulation, a 32-byte share and a tag are 80 bytes; the slack allows other suites. */
export const sealedShareSchema: Schema<SealedShare> = struct<SealedShare>({
  slot: slotNumber,
  sealed: bytesUpTo(160),
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
