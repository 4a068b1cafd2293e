import { hash32, keyVersion, MAX_SLOTS, type Signed, signedCodec, signedSchema } from './common.ts'
import { type SealedShare, sealedShareSchema } from './dealing.ts'
import { type Codec, integer, list, type Schema, struct } from './schema.ts'

/** One holder's shares of a version, each sealed to the approved one-time key. Signed by the holder in the domain `export`. */
export interface ExportedShares {
  readonly proposal: Uint8Array
  readonly version: number
  readonly generation: number
  readonly shares: readonly SealedShare[]
}

const exportedShares: Schema<ExportedShares> = struct<ExportedShares>({
  proposal: hash32,
  version: keyVersion,
  generation: integer(0),
  shares: list(sealedShareSchema, MAX_SLOTS),
})

export const exportedSharesSchema: Schema<Signed<ExportedShares>> = signedSchema(exportedShares)

/** As clients get them: 64 slots of 160 bytes, and what stands around them. */
export const exportedSharesCodec: Codec<Signed<ExportedShares>> = signedCodec(
  'exported-shares',
  16 * 1024,
  exportedShares,
)
