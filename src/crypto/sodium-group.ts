import { equalBytes, OstrakaError } from '../base/index.ts'
import type { Element, Group, GroupName, Scalar } from './group.ts'
import { LazyElement, multiplySmall, type NoblePoint, type PointCodec } from './lazy-element.ts'
import { requireSmallInt, scalars25519 } from './scalars25519.ts'

/** The libsodium and noble halves of one group of order L. */
export interface SodiumGroupParts<P> {
  readonly name: GroupName
  readonly baseBytes: Uint8Array
  readonly identityBytes: Uint8Array
  readonly zero: P
  decodePoint(bytes: Uint8Array): P
  encodePoint(point: P): Uint8Array
  /** Canonical and in the prime-order subgroup; what it says of the identity does not matter. */
  isValid(bytes: Uint8Array): boolean
  /** Constant time. Never called with the identity or with zero, which libsodium refuses. */
  multiplyBase(scalar: Scalar): Uint8Array
  multiply(bytes: Uint8Array, scalar: Scalar): Uint8Array
  add(a: Uint8Array, b: Uint8Array): Uint8Array
  subtract(a: Uint8Array, b: Uint8Array): Uint8Array
}

/** Joins libsodium (multiplication, decoding) and noble (sums of public points) into a Group of order L. */
export function makeSodiumGroup<P extends NoblePoint<P>>(parts: SodiumGroupParts<P>): Group {
  const codec: PointCodec<P> = { name: parts.name, encode: parts.encodePoint, decode: parts.decodePoint }
  const fromBytes = (bytes: Uint8Array): Element => LazyElement.ofBytes(codec, bytes)
  const fromPoint = (point: P): Element => LazyElement.ofPoint(codec, point)
  const lazy = (element: Element): LazyElement<P> => LazyElement.from(codec, element)
  const identity = fromBytes(parts.identityBytes)
  const isIdentityBytes = (bytes: Uint8Array): boolean => equalBytes(bytes, parts.identityBytes)

  function decodeAllowingIdentity(bytes: Uint8Array): Element {
    if (bytes.length !== 32) throw new OstrakaError('malformed', 'an element has 32 bytes')
    if (isIdentityBytes(bytes)) return identity
    if (!parts.isValid(bytes)) throw new OstrakaError('malformed', `not an element of ${parts.name}`)
    return fromBytes(new Uint8Array(bytes))
  }

  function decode(bytes: Uint8Array): Element {
    const element = decodeAllowingIdentity(bytes)
    if (element === identity) throw new OstrakaError('malformed', 'the identity element')
    return element
  }

  function multiply(element: Element, scalar: Scalar): Element {
    const { bytes } = lazy(element)
    if (scalars25519.isZeroScalar(scalar) || isIdentityBytes(bytes)) return identity
    return fromBytes(parts.multiply(bytes, scalar))
  }

  function add(a: Element, b: Element): Element {
    const [left, right] = [lazy(a), lazy(b)]
    if (left.hasPoint || right.hasPoint) return fromPoint(left.point.add(right.point))
    return fromBytes(parts.add(left.bytes, right.bytes))
  }

  function subtract(a: Element, b: Element): Element {
    const [left, right] = [lazy(a), lazy(b)]
    if (left.hasPoint || right.hasPoint) return fromPoint(left.point.subtract(right.point))
    return fromBytes(parts.subtract(left.bytes, right.bytes))
  }

  // libsodium multiplies ten times as fast as noble, so sums of a few products use it although the input is public.
  function publicMultiplySum(terms: ReadonlyArray<readonly [Scalar, Element]>): Element {
    let sum: Uint8Array | undefined
    for (const [scalar, element] of terms) {
      const product = multiply(element, scalar).bytes
      sum = sum === undefined ? product : parts.add(sum, product)
    }
    return sum === undefined ? identity : fromBytes(sum)
  }

  return {
    ...scalars25519,
    name: parts.name,
    elementBytes: 32,
    base: fromBytes(parts.baseBytes),
    identity,
    decode,
    decodeAllowingIdentity,
    multiplyBase: scalar =>
      scalars25519.isZeroScalar(scalar) ? identity : fromBytes(parts.multiplyBase(scalar)),
    multiply,
    add,
    subtract,
    equals: (a, b) => lazy(a).equals(lazy(b)),
    isIdentity: a => lazy(a).equals(lazy(identity)),
    publicMultiplySmall: (element, factor) =>
      fromPoint(multiplySmall(lazy(element).point, requireSmallInt(factor)) ?? parts.zero),
    publicMultiplySum,
  }
}
