import { secp256k1 as noble } from '@noble/curves/secp256k1.js'
import { isPointCompressed, pointAdd, pointCompress, pointFromScalar, pointMultiply } from 'tiny-secp256k1'
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
const fromBytes = (bytes: Uint8Array): Element => LazyElement.ofBytes(codec, bytes)
const lazy = (element: Element): LazyElement<Point> => LazyElement.from(codec, element)
const identity = fromBytes(IDENTITY_BYTES)

/**
 * secp256k1 (SEC 2 section 2.4.1): scalars are big-endian, elements compressed. Multiplication is libsecp256k1's, compiled to
 * WebAssembly: of the base in constant time and blinded, of other public elements by public scalars as fast as it can. Noble adds
 * points that it has, and multiplies other elements than the base by secrets: constant-time in its algorithm, but on BigInts.
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
  multiplyBase: scalar => (isAllZero(scalar) ? identity : fromBytes(pointFromScalar(scalar, true)!)),
  multiply,
  add: (a, b) =>
    isEncoded(a, b) ? sumOfEncodings([a.bytes, b.bytes]) : fromPoint(lazy(a).point.add(lazy(b).point)),
  subtract: (a, b) => fromPoint(lazy(a).point.subtract(lazy(b).point)),
  equals: (a, b) => lazy(a).equals(lazy(b)),
  isIdentity: a => lazy(a).equals(lazy(identity)),
  publicMultiplySmall: (element, factor) =>
    fromPoint(multiplySmall(lazy(element).point, requireSmallInt(factor)) ?? Point.ZERO),
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
  // The cofactor is 1: every point but the identity, which has no such encoding, generates the group.
  if (!isPointCompressed(bytes)) throw new OstrakaError('malformed', 'not an element of secp256k1')
  return fromBytes(new Uint8Array(bytes))
}

/** By a secret: libsecp256k1's multiplication of other elements than the base is for public scalars. */
function multiply(element: Element, scalar: Scalar): Element {
  const [{ point }, factor] = [lazy(element), toBigInt(scalar)]
  return factor === 0n || point.is0() ? identity : fromPoint(point.multiply(factor))
}

/** Whether nobody has paid for the points of these yet, which takes a square root each. */
function isEncoded(...elements: readonly Element[]): boolean {
  return elements.every(element => !lazy(element).hasPoint)
}

function publicMultiplySum(terms: ReadonlyArray<readonly [Scalar, Element]>): Element {
  const products: Uint8Array[] = []
  for (const [scalar, element] of terms) {
    const { bytes } = lazy(element)
    if (!isAllZero(scalar) && !isAllZero(bytes)) products.push(pointMultiply(bytes, scalar, false)!)
  }
  return sumOfEncodings(products)
}

/** The sum of valid encodings, which may be uncompressed: no form costs less to read. */
export function sumOfEncodings(encoded: readonly Uint8Array[]): Element {
  let total: Uint8Array | null = null
  for (const each of encoded) {
    if (isAllZero(each)) continue
    total = total === null ? each : pointAdd(total, each, false)
  }
  return total === null ? identity : fromBytes(pointCompress(total, true))
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
