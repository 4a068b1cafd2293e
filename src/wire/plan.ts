import { hash32, type Signed, signedCodec } from './common.ts'
import { bytesUpTo, type Codec, integer, struct } from './schema.ts'

/** More members than this are left to the gateways' own view: the plan grows with the square. */
export const MAX_PLANNED = 64

/** The coordinator's operation plan for one epoch: what a gateway should expect of each holder, for any key. */
export interface Plan {
  readonly epoch: number
  /** SHA-256 of the canonical list of members that it covers, which every node derives from its own ledger. */
  readonly membersHash: Uint8Array
  /** One byte for each pair, in PLAN_STEP_MS: a row for each gateway in the order of the list. */
  readonly costs: Uint8Array
}

/** The cap for a signed plan: its matrix, and what stands around it. */
export const MAX_PLAN_BYTES: number = MAX_PLANNED * MAX_PLANNED + 1024

export const planCodec: Codec<Signed<Plan>> = signedCodec(
  'plan',
  MAX_PLAN_BYTES,
  struct<Plan>({
    epoch: integer(0),
    membersHash: hash32,
    costs: bytesUpTo(MAX_PLANNED * MAX_PLANNED),
  }),
)
