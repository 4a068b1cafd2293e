import { keyVersion, MAX_SLOTS, slotNumber } from './common.ts'
import { type DleqProof, dleqProofSchema } from './dealing.ts'
import { fixedBytes, integer, list, literal, type Schema, struct } from './schema.ts'

/** One slot's part of an epoch's randomness. */
export interface RandomnessDraw {
  readonly slot: number
  /** The slot's share of the network's key times the epoch's element: ristretto255. */
  readonly element: Uint8Array
  readonly proof: DleqProof
}

/** A holder's parts of the randomness of an epoch that has yet to open. Signed by the node. */
export interface Randomness {
  readonly type: 'randomness'
  readonly epoch: number
  /** The share set of the network's key that the parts are made with: those of another prove nothing. */
  readonly version: number
  readonly generation: number
  /** Ascending by slot, each once. */
  readonly partials: readonly RandomnessDraw[]
}

export const randomnessSchema: Schema<Randomness> = struct<Randomness>({
  type: literal('randomness'),
  epoch: integer(1),
  version: keyVersion,
  generation: integer(0),
  partials: list(
    struct<RandomnessDraw>({ slot: slotNumber, element: fixedBytes(32), proof: dleqProofSchema }),
    MAX_SLOTS,
  ),
})
