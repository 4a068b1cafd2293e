import { OstrakaError, type Secret } from '../base/index.ts'
import type { Element, Group, Scalar } from './group.ts'
import { type Polynomial, requireSlot } from './polynomial.ts'

/** Feldman commitments to a polynomial: A_k = a_k * B (Feldman 1987). The first is the secret's public key. */
export function commit(group: Group, polynomial: Polynomial): Element[] {
  return polynomial.coefficients.map(coefficient => group.multiplyBase(coefficient.expose()))
}

/** The public key of one slot's share, p(slot) * B: Horner's rule in the exponent, with additions only. */
export function verifyingShare(group: Group, commitments: readonly Element[], slot: number): Element {
  requireSlot(slot)
  const [highest, ...lower] = commitments.toReversed()
  if (highest === undefined) throw new OstrakaError('malformed', 'no commitments')
  return lower.reduce((sum, next) => group.add(group.publicMultiplySmall(sum, slot), next), highest)
}

/** `verifyingShare` of many slots; commitments are decompressed once for all of them. */
export function verifyingShares(
  group: Group,
  commitments: readonly Element[],
  slots: readonly number[],
): Element[] {
  return slots.map(slot => verifyingShare(group, commitments, slot))
}

/** Whether `share` is the committed polynomial's value at `slot`. */
export function checkShare(
  group: Group,
  commitments: readonly Element[],
  slot: number,
  share: Secret,
): boolean {
  return group.equals(verifyingShare(group, commitments, slot), group.multiplyBase(share.expose()))
}

/** Commitments to the sum of several committed polynomials. Errors: `malformed` when their degrees differ. */
export function sumCommitments(group: Group, list: ReadonlyArray<readonly Element[]>): Element[] {
  return columns(list).map(column => column.reduce((sum, next) => group.add(sum, next)))
}

/** Commitments to the weighted sum of several committed polynomials. Errors: `malformed` when their degrees differ. */
export function weightedSumCommitments(
  group: Group,
  list: ReadonlyArray<readonly [Scalar, readonly Element[]]>,
): Element[] {
  return columns(list.map(([, commitments]) => commitments)).map(column =>
    group.publicMultiplySum(column.map((commitment, index) => [list[index]![0], commitment] as const)),
  )
}

/** The k-th commitments of all lists, for each k. */
function columns(list: ReadonlyArray<readonly Element[]>): Element[][] {
  const [first] = list
  if (first === undefined) throw new OstrakaError('malformed', 'no commitments')
  if (list.some(commitments => commitments.length !== first.length)) {
    throw new OstrakaError('malformed', 'commitments of different degrees')
  }
  return first.map((_, index) => list.map(commitments => commitments[index]!))
}
