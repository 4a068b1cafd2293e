import { equalBytes, type Rng, randomBelow } from '../../base/index.ts'
import { type SigningKey, signValue, toy } from '../../crypto/index.ts'
import { type DealingPlan, makeDealing, recordHashOf, shareTreeRoot } from '../../keys/index.ts'
import { type Deal, type SealedShare, sealedDealingCodec } from '../../wire/index.ts'
import type { Attack } from './counts.ts'

/** How a dealer of the coalition deals. */
export type DealAttack =
  | 'soundly'
  | 'copied encapsulation'
  | 'copied encapsulation and proof'
  | 'garbage ciphertexts'
  | 'malformed ciphertexts'
  | 'record withheld from some holders'
  | 'constant term that cancels the honest ones'
  | 'another dealer’s whole dealing as its own'
  | 'two dealings'

/** A deal of an honest dealer that the coalition has seen. */
export interface Victim {
  readonly networkId: Uint8Array
  readonly dealer: Uint8Array
  readonly deal: Deal
  isAborted: boolean
}

/** A deal and its record, as the coalition wants them. */
export interface BentDealing {
  readonly deal: Deal
  readonly key: Uint8Array
  readonly record: Uint8Array
}

/** Builds a record around these ciphertexts, and the deal that pins it. */
export function assemble(
  dealer: SigningKey,
  networkId: Uint8Array,
  plan: Pick<DealingPlan, 'keyId' | 'version'>,
  deal: Deal,
  shares: readonly SealedShare[],
): BentDealing {
  const { ceremony, fromSlot } = deal
  const value = { ceremony, keyId: plan.keyId, version: plan.version, fromSlot, shares }
  const root = shareTreeRoot(shares)
  return {
    deal: { ...deal, root },
    key: recordHashOf({ ceremony, dealer: dealer.publicKey, fromSlot }, root),
    record: sealedDealingCodec.encode(signValue(dealer, 'sealed-dealing', networkId, value)),
  }
}

export function sharesIn(record: Uint8Array): readonly SealedShare[] {
  return sealedDealingCodec.decode(record).value.shares
}

export function bendShares(
  attack: DealAttack,
  shares: readonly SealedShare[],
  rng: Rng,
): readonly SealedShare[] {
  if (attack === 'garbage ciphertexts') return shares.map(({ slot }) => ({ slot, sealed: rng.bytes(48) }))
  if (attack === 'malformed ciphertexts') {
    return shares.map(({ slot }) => ({ slot, sealed: rng.bytes(randomBelow(rng, 48)) }))
  }
  return shares
}

/** Of which kind a copy is. */
export function copyAttack(victim: Victim, networkId: Uint8Array, ceremony: Uint8Array): Attack {
  if (!equalBytes(victim.networkId, networkId)) return 'copied encapsulation, of another network'
  if (equalBytes(victim.deal.ceremony, ceremony)) return 'copied encapsulation, of the same ceremony'
  return victim.isAborted
    ? 'copied encapsulation, of an aborted ceremony'
    : 'copied encapsulation, of an earlier ceremony'
}

/** Another sound dealing of another secret. */
export function anotherDealing(
  plan: DealingPlan,
  dealer: SigningKey,
  rng: Rng,
  fromSlot: number,
): BentDealing {
  const { deal, record, recordHash } = makeDealing(plan, dealer, undefined, rng, fromSlot)
  return { deal, record, key: recordHash }
}

/** Of this ceremony, of an earlier one, of one that came to nothing, of another network: any of them as often. */
export function drawVictim(
  victims: readonly Victim[],
  networkId: Uint8Array,
  ceremony: Uint8Array,
  rng: Rng,
): Victim | undefined {
  const kinds = new Map<Attack, Victim[]>()
  for (const victim of victims) {
    const kind = copyAttack(victim, networkId, ceremony)
    kinds.set(kind, [...(kinds.get(kind) ?? []), victim])
  }
  const among = [...kinds.values()]
  const pool = among[randomBelow(rng, Math.max(1, among.length))]
  return pool?.[randomBelow(rng, pool.length)]
}

/** A constant term that makes the sum with the honest ones `wanted`, without knowing its logarithm: a rogue key. */
export function cancelling(wanted: Uint8Array, honest: readonly Uint8Array[]): Uint8Array {
  return honest.reduce((rest, bytes) => toy.subtract(rest, toy.decode(bytes)), toy.decode(wanted)).bytes
}
