import { hash32, keyVersion, MAX_SLOTS, type Signed, signedCodec, signedSchema } from './common.ts'
import { type Encapsulation, encapsulationSchema, type SealedShare, sealedShareSchema } from './dealing.ts'
import { type Codec, integer, list, type Schema, struct } from './schema.ts'

/** One holder's shares of a version, each sealed to the approved one-time key. Signed by the holder in the domain `export`. */
export interface ExportedShares {
  readonly proposal: Uint8Array
  readonly version: number
  readonly generation: number
  /** Of the one ephemeral key under which all these shares are sealed, proven to be this holder's. */
  readonly encapsulation: Encapsulation
  readonly shares: readonly SealedShare[]
}

const exportedShares: Schema<ExportedShares> = struct<ExportedShares>({
  proposal: hash32,
  version: keyVersion,
  generation: integer(0),
  encapsulation: encapsulationSchema,
  shares: list(sealedShareSchema, MAX_SLOTS),
})

export const exportedSharesSchema: Schema<Signed<ExportedShares>> = signedSchema(exportedShares)

/** As clients get them: 64 slots of 160 bytes, and what stands around them. */
export const exportedSharesCodec: Codec<Signed<ExportedShares>> = signedCodec(
  'exported-shares',
  16 * 1024,
  exportedShares,
)
