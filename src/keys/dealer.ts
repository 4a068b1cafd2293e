import { type Rng, Secret } from '../base/index.ts'
import {
  deal as dealShares,
  groupByName,
  ristretto255,
  type SigningKey,
  sha256,
  signValue,
} from '../crypto/index.ts'
import {
  bytesUpTo,
  type Codec,
  codec,
  type Deal,
  dealSchema,
  MAX_RECORD_BYTES,
  sealedDealingCodec,
  struct,
} from '../wire/index.ts'
import { dealingContext } from './context.ts'
import type { KindSuite } from './kinds.ts'

/** What a dealer needs to know of a ceremony; an importing client gets it from its gateway. */
export interface DealingPlan {
  readonly networkId: Uint8Array
  readonly id: Uint8Array
  readonly keyId: Uint8Array
  readonly version: number
  readonly group: KindSuite['group']
  readonly threshold: number
  readonly recipients: readonly { readonly slot: number; readonly sealingKey: Uint8Array }[]
}

export interface MadeDealing {
  /** The transaction's body, yet to be signed by the same dealer. */
  readonly deal: Deal
  /** The signed sealed dealing: the DHT record, under its SHA-256. */
  readonly record: Uint8Array
}

/** How a dealer keeps its own dealing on disk until its ceremony has ended. */
export const ownDealingCodec: Codec<MadeDealing> = codec(
  'own-dealing',
  2 * MAX_RECORD_BYTES,
  struct<MadeDealing>({ deal: dealSchema, record: bytesUpTo(MAX_RECORD_BYTES) }),
)

/**
 * One verifiable sharing of `secret` (a scalar; stays the caller's to wipe), or of a fresh one when it is undefined.
 * `fromSlot` says whose share the secret is; 0 when it is new or imported.
 */
export function makeDealing(
  plan: DealingPlan,
  dealer: SigningKey,
  secret: Secret | undefined,
  rng: Rng,
  fromSlot: number = 0,
): MadeDealing {
  const group = groupByName(plan.group)
  const constant = secret ?? new Secret(group.randomScalar(rng))
  const { commitments, sealedShares, possession } = dealShares({
    group,
    threshold: plan.threshold,
    recipients: plan.recipients.map(({ slot, sealingKey }) => ({
      slot,
      sealingKey: ristretto255.decode(sealingKey),
    })),
    secret: constant,
    context: dealingContext(plan.networkId, plan, { dealer: dealer.publicKey, fromSlot }),
    rng,
  })
  if (secret === undefined) constant.wipe()
  const { id, keyId, version } = plan
  const dealing = { ceremony: id, keyId, version, fromSlot, shares: sealedShares }
  const record = sealedDealingCodec.encode(signValue(dealer, 'sealed-dealing', plan.networkId, dealing))
  const recordHash = sha256(record)
  return { deal: { type: 'deal', ceremony: id, fromSlot, commitments, possession, recordHash }, record }
}
