import { readFileSync } from 'node:fs'
import { type Rng, Secret } from '../../src/base/index.ts'
import { commit, type Element, evaluate, type Group, randomPolynomial } from '../../src/crypto/index.ts'

/** A known secret as shares on slots 1 … total: what a dealing leaves behind, without the sealing. */
export interface SharedKey {
  readonly publicKey: Element
  readonly commitments: readonly Element[]
  readonly shares: ReadonlyMap<number, Secret>
}

export function shareKey(
  group: Group,
  secret: Uint8Array,
  [threshold, total]: readonly [number, number],
  rng: Rng,
): SharedKey {
  const polynomial = randomPolynomial(group, threshold, new Secret(secret), rng, new Uint8Array(0))
  const commitments = commit(group, polynomial)
  const slots = Array.from({ length: total }, (_, index) => index + 1)
  const shares = new Map(slots.map(slot => [slot, evaluate(group, polynomial, slot)]))
  return { publicKey: commitments[0]!, commitments, shares }
}

/** A vector file under test/vectors. */
export function readVectors<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../vectors/${path}`, import.meta.url), 'utf8')) as T
}
