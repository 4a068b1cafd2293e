import { type Rng, Secret } from '../base/index.ts'
import {
  deal as dealShares,
  groupByName,
  ristretto255,
  type SigningKey,
  secretContext,
  secretScalar,
  signValue,
} from '../crypto/index.ts'
import {
  bytesUpTo,
  type Codec,
  codec,
  type Deal,
  dealSchema,
  hash32,
  MAX_RECORD_BYTES,
  sealedDealingCodec,
  struct,
} from '../wire/index.ts'
import { dealingContext } from './context.ts'
import type { KindSuite } from './kinds.ts'
import { recordHashOf, shareTreeRoot } from './sealed-records.ts'

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
  readonly recordHash: Uint8Array
  /** The signed sealed dealing: the DHT record. */
  readonly record: Uint8Array
}

/** How a dealer keeps its own dealing on disk until its ceremony has ended. */
export const ownDealingCodec: Codec<MadeDealing> = codec(
  'own-dealing',
  2 * MAX_RECORD_BYTES,
  struct<MadeDealing>({ deal: dealSchema, recordHash: hash32, record: bytesUpTo(MAX_RECORD_BYTES) }),
)

/**
 * One verifiable sharing of `secret` (a scalar; stays the caller's to wipe), or of a fresh one when it is undefined. The
 * polynomial and the ephemeral key are wiped and cannot be had again: the result is stored before anyone hears of it.
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
  const context = dealingContext(plan.networkId, plan, { dealer: dealer.publicKey, fromSlot })
  const constant =
    secret ?? new Secret(secretScalar(group, 'contribution', dealer.hedge, rng, secretContext(context)))
  const { commitments, encapsulation, sealedShares, possession } = dealShares({
    group,
    threshold: plan.threshold,
    recipients: plan.recipients.map(({ slot, sealingKey }) => ({
      slot,
      sealingKey: ristretto255.decode(sealingKey),
    })),
    secret: constant,
    context,
    rng,
  })
  if (secret === undefined) constant.wipe()
  const { id, keyId, version } = plan
  const dealing = { ceremony: id, keyId, version, fromSlot, shares: sealedShares }
  const record = sealedDealingCodec.encode(signValue(dealer, 'sealed-dealing', plan.networkId, dealing))
  const root = shareTreeRoot(sealedShares)
  return {
    deal: { type: 'deal', ceremony: id, fromSlot, commitments, possession, encapsulation, root },
    recordHash: recordHashOf({ ceremony: id, dealer: dealer.publicKey, fromSlot }, root),
    record,
  }
}
