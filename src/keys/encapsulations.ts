import { toHex } from '../base/index.ts'
import {
  type DealingContext,
  type Encapsulation,
  ProvenEncapsulation,
  sealingContext,
  sha256,
} from '../crypto/index.ts'
import { canonicalBytes } from '../wire/index.ts'

/**
 * The dealing's encapsulation, if it is proven to be its dealer's for this network, ceremony, dealer and slot; undefined
 * otherwise. Whoever opens a share, complains or judges asks here first.
 */
export function provenEncapsulation(
  context: DealingContext,
  encapsulation: Encapsulation,
): ProvenEncapsulation | undefined {
  const occasion = sealingContext(context)
  const name = toHex(sha256(canonicalBytes({ occasion, encapsulation })))
  const known = proven.get(name)
  if (known !== undefined) return known
  const made = ProvenEncapsulation.verify(encapsulation, occasion)
  if (made !== undefined) remember(name, made)
  return made
}

/** Proofs that were found good lately: each is looked at in the mempool, in its block, and by every holder of the dealing. */
const proven = new Map<string, ProvenEncapsulation>()

/** Four ceremonies of as many dealers as there may be. */
const MAX_PROVEN = 256

function remember(name: string, made: ProvenEncapsulation): void {
  proven.set(name, made)
  if (proven.size > MAX_PROVEN) proven.delete(proven.keys().next().value!)
}
