import { randomBytes } from 'node:crypto'
import { type Rng, Secret } from '../src/base/index.ts'
import {
  commit,
  type Element,
  evaluate,
  type Group,
  randomPolynomial,
  verifyingShare,
  wipePolynomial,
} from '../src/crypto/index.ts'

export const systemRng: Rng = { bytes: length => new Uint8Array(randomBytes(length)) }

/** One slot of a key that the benchmark has dealt to itself. */
export interface HeldSlot {
  readonly slot: number
  readonly share: Secret
  readonly verifyingShare: Element
}

export interface SharedKey {
  readonly publicKey: Element
  readonly commitments: readonly Element[]
  readonly slots: readonly HeldSlot[]
}

/** A fresh `threshold`-of-`count` key. */
export function shareKey(group: Group, threshold: number, count: number): SharedKey {
  const polynomial = randomPolynomial(
    group,
    threshold,
    new Secret(group.randomScalar(systemRng)),
    systemRng,
    new Uint8Array(0),
  )
  const commitments = commit(group, polynomial)
  const slots = Array.from({ length: count }, (_, index) => ({
    slot: index + 1,
    share: evaluate(group, polynomial, index + 1),
    verifyingShare: verifyingShare(group, commitments, index + 1),
  }))
  wipePolynomial(polynomial)
  return { publicKey: commitments[0]!, commitments, slots }
}
