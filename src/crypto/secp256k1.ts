import { secp256k1 as noble } from '@noble/curves/secp256k1.js'
import { fromHex, OstrakaError, type Rng, toHex } from '../base/index.ts'
import type { Element, Group, Scalar } from './group.ts'
import { LazyElement, multiplySmall, type PointCodec } from './lazy-element.ts'
import { isAllZero, requireSmallInt } from './scalars25519.ts'

const { Point } = noble
const { Fn } = Point
type Point = typeof Point.BASE

// SEC1 gives the identity one zero byte; a fixed width suits fixed-size records better.
const IDENTITY_BYTES = new Uint8Array(33)

const codec: PointCodec<Point> = {
  name: 'secp256k1',
  encode: point => (point.is0() ? IDENTITY_BYTES : point.toBytes(true)),
  decode: bytes => (isAllZero(bytes) ? Point.ZERO : Point.fromBytes(bytes)),
}

const fromPoint = (point: Point): Element => LazyElement.ofPoint(codec, point)
const pointOf = (element: Element): Point => LazyElement.from(codec, element).point
const identity = LazyElement.ofBytes(codec, IDENTITY_BYTES)

/**
 * secp256k1 (SEC 2 section 2.4.1) by noble, as libsodium lacks it: scalars are big-endian, elements compressed.
 * Its multiplication is algorithmically constant-time, but runs on BigInts: weaker against timing than the others.
 */
export const secp256k1: Group = {
  name: 'secp256k1',
  order: Fn.ORDER,
  scalarBytes: 32,
  elementBytes: 33,
  base: fromPoint(Point.BASE),
  identity,

  randomScalar,
  scalarFromInt: value => encodeScalar(BigInt(requireSmallInt(value))),
  scalarFromWide,
  decodeScalar,
  scalarAdd: (a, b) => encodeScalar(Fn.add(toBigInt(a), toBigInt(b))),
  scalarSubtract: (a, b) => encodeScalar(Fn.sub(toBigInt(a), toBigInt(b))),
  scalarMultiply: (a, b) => encodeScalar(Fn.mul(toBigInt(a), toBigInt(b))),
  scalarNegate: a => encodeScalar(Fn.neg(toBigInt(a))),
  scalarInvert: a => encodeScalar(Fn.inv(requireNonZero(toBigInt(a)))),
  isZeroScalar: a => toBigInt(a) === 0n,

  decode,
  decodeAllowingIdentity: bytes => (bytes.length === 33 && isAllZero(bytes) ? identity : decode(bytes)),
  multiplyBase: scalar => multiplyPoint(Point.BASE, scalar),
  multiply: (element, scalar) => multiplyPoint(pointOf(element), scalar),
  add: (a, b) => fromPoint(pointOf(a).add(pointOf(b))),
  subtract: (a, b) => fromPoint(pointOf(a).subtract(pointOf(b))),
  equals: (a, b) => LazyElement.from(codec, a).equals(LazyElement.from(codec, b)),
  isIdentity: a => pointOf(a).is0(),
  publicMultiplySmall: (element, factor) =>
    fromPoint(multiplySmall(pointOf(element), requireSmallInt(factor)) ?? Point.ZERO),
  publicMultiplySum,
}

function randomScalar(rng: Rng): Scalar {
  for (;;) {
    const wide = rng.bytes(64)
    const scalar = scalarFromWide(wide)
    wide.fill(0)
    if (toBigInt(scalar) !== 0n) return scalar
  }
}

function scalarFromWide(bytes: Uint8Array): Scalar {
  if (bytes.length !== 64) throw new OstrakaError('internal', 'a wide scalar has 64 bytes')
  return encodeScalar(Fn.create(toBigInt(bytes)))
}

function decodeScalar(bytes: Uint8Array): Scalar {
  if (bytes.length !== 32) throw new OstrakaError('malformed', 'a scalar has 32 bytes')
  if (toBigInt(bytes) >= Fn.ORDER) {
    throw new OstrakaError('malformed', 'the scalar is not reduced modulo the group order')
  }
  return new Uint8Array(bytes)
}

function decode(bytes: Uint8Array): Element {
  if (bytes.length !== 33) throw new OstrakaError('malformed', 'an element has 33 bytes')
  try {
    // The cofactor is 1: every point but the identity, which has no such encoding, generates the group.
    return fromPoint(Point.fromBytes(bytes))
  } catch {
    throw new OstrakaError('malformed', 'not an element of secp256k1')
  }
}

function multiplyPoint(point: Point, scalar: Scalar): Element {
  const factor = toBigInt(scalar)
  return factor === 0n || point.is0() ? identity : fromPoint(point.multiply(factor))
}

function publicMultiplySum(terms: ReadonlyArray<readonly [Scalar, Element]>): Element {
  let sum = Point.ZERO
  for (const [scalar, element] of terms) sum = sum.add(pointOf(element).multiplyUnsafe(toBigInt(scalar)))
  return fromPoint(sum)
}

function requireNonZero(value: bigint): bigint {
  if (value === 0n) throw new OstrakaError('internal', 'zero has no inverse')
  return value
}

function encodeScalar(value: bigint): Scalar {
  return fromHex(value.toString(16).padStart(64, '0'))
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`)
}
