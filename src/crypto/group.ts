import type { Rng } from '../base/index.ts'

export type GroupName = 'edwards25519' | 'ristretto255' | 'secp256k1' | 'toy'

/** A canonical encoded scalar, 32 bytes, in the group's own byte order (little-endian but for secp256k1). */
export type Scalar = Uint8Array

/**
 * A group element that has passed `decode` or came out of group arithmetic: in the prime-order subgroup.
 * Opaque: only the Group that made it looks inside.
 */
export interface Element {
  readonly group: GroupName
  /** The canonical encoding, `elementBytes` long. */
  readonly bytes: Uint8Array
}

/**
 * A prime-order group as the threshold protocols see it.
 * Scalars and `multiply`/`multiplyBase` are safe for secrets (libsodium where it has the group);
 * the operations whose name begins with `public` are variable-time and take public input only.
 */
export interface Group {
  readonly name: GroupName
  readonly order: bigint
  readonly scalarBytes: 32
  /** 32; 33 (SEC1 compressed) for secp256k1. */
  readonly elementBytes: number
  readonly base: Element
  readonly identity: Element

  // scalars
  randomScalar(rng: Rng): Scalar
  /** A small non-negative integer as a scalar. */
  scalarFromInt(value: number): Scalar
  /** Reduces 64 bytes, in the group's byte order, modulo the order. */
  scalarFromWide(bytes: Uint8Array): Scalar
  /** Checks 32 bytes for canonicity; `malformed` otherwise. Zero is allowed here. */
  decodeScalar(bytes: Uint8Array): Scalar
  scalarAdd(a: Scalar, b: Scalar): Scalar
  scalarSubtract(a: Scalar, b: Scalar): Scalar
  scalarMultiply(a: Scalar, b: Scalar): Scalar
  scalarNegate(a: Scalar): Scalar
  scalarInvert(a: Scalar): Scalar
  isZeroScalar(a: Scalar): boolean

  // elements
  /** Decodes canonically; refuses the identity and anything outside the prime-order subgroup with `malformed`. */
  decode(bytes: Uint8Array): Element
  /** As `decode`, but lets the identity through (only where a protocol defines it, e.g. a zero commitment). */
  decodeAllowingIdentity(bytes: Uint8Array): Element
  multiplyBase(scalar: Scalar): Element
  multiply(element: Element, scalar: Scalar): Element
  add(a: Element, b: Element): Element
  subtract(a: Element, b: Element): Element
  equals(a: Element, b: Element): boolean
  isIdentity(a: Element): boolean
  /** Multiplies by a small public integer (slot numbers), by double-and-add: a handful of additions. */
  publicMultiplySmall(element: Element, factor: number): Element
  /** Sum of scalar_i * element_i over public input. */
  publicMultiplySum(terms: ReadonlyArray<readonly [Scalar, Element]>): Element
}
