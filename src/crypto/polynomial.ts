import { OstrakaError, type Rng, Secret } from '../base/index.ts'
import type { Group, Scalar } from './group.ts'
import { secretScalar } from './secret-scalars.ts'
import { framed, uint16 } from './transcript.ts'

/** A secret polynomial over a group's scalar field: coefficients of x^0, x^1, …, one for each holder needed. */
export interface Polynomial {
  readonly coefficients: readonly Secret[]
}

/**
 * A random polynomial of degree `threshold - 1` whose constant term is a copy of `constant`. `statement` names what it
 * shares among whom: each coefficient hashes it, with the constant term and fresh randomness.
 */
export function randomPolynomial(
  group: Group,
  threshold: number,
  constant: Secret,
  rng: Rng,
  statement: Uint8Array,
): Polynomial {
  if (!Number.isInteger(threshold) || threshold < 1) {
    throw new OstrakaError('malformed', 'a threshold is a positive integer', { threshold })
  }
  const coefficients = [new Secret(group.decodeScalar(constant.expose()))]
  for (let degree = 1; degree < threshold; degree++) {
    const bound = framed(statement, uint16(threshold), uint16(degree))
    coefficients.push(new Secret(secretScalar(group, 'coefficient', constant, rng, bound)))
  }
  return { coefficients }
}

/** p(slot), by Horner's rule in constant-time arithmetic. Errors: `malformed` for slot 0, which is the secret itself. */
export function evaluate(group: Group, polynomial: Polynomial, slot: number): Secret {
  const x = group.scalarFromInt(requireSlot(slot))
  let sum: Scalar = group.scalarFromInt(0)
  for (const coefficient of polynomial.coefficients.toReversed()) {
    const product = group.scalarMultiply(sum, x)
    const next = group.scalarAdd(product, coefficient.expose())
    sum.fill(0)
    product.fill(0)
    sum = next
  }
  return new Secret(sum)
}

export function wipePolynomial(polynomial: Polynomial): void {
  for (const coefficient of polynomial.coefficients) coefficient.wipe()
}

/** The weight of `slot` when the polynomial through `slots` is read at 0. */
export function lagrangeAtZero(group: Group, slots: readonly number[], slot: number): Scalar {
  return lagrangeAt(group, slots, slot, 0)
}

/**
 * The weight of `slot` when the polynomial through `slots` is read at `x`: the product of (x - j) / (slot - j) over
 * the other slots j. Errors: `malformed` when a slot is zero, repeated, or `slot` is not among them.
 */
export function lagrangeAt(group: Group, slots: readonly number[], slot: number, x: number): Scalar {
  requireDistinctSlots(slots)
  if (!slots.includes(slot))
    throw new OstrakaError('malformed', 'the slot is not among the slots', { slot, slots })
  let numerator = group.scalarFromInt(1)
  let denominator = numerator
  const at = group.scalarFromInt(x)
  const own = group.scalarFromInt(slot)
  for (const other of slots) {
    if (other === slot) continue
    const node = group.scalarFromInt(other)
    numerator = group.scalarMultiply(numerator, group.scalarSubtract(at, node))
    denominator = group.scalarMultiply(denominator, group.scalarSubtract(own, node))
  }
  return group.scalarMultiply(numerator, group.scalarInvert(denominator))
}

/** Slots are positive: slot 0 would be the secret. Below 2^16 they fit every context that names them. */
export function requireSlot(slot: number): number {
  if (!Number.isInteger(slot) || slot < 1 || slot > 0xffff) {
    throw new OstrakaError('malformed', 'a slot is an integer from 1 to 65535', { slot })
  }
  return slot
}

export function requireDistinctSlots(slots: readonly number[]): void {
  for (const slot of slots) requireSlot(slot)
  if (new Set(slots).size !== slots.length)
    throw new OstrakaError('malformed', 'a slot is repeated', { slots })
}
