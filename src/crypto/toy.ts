import { equalBytes, OstrakaError } from '../base/index.ts'
import type { Element, Group } from './group.ts'
import { scalars25519 as field, isAllZero, littleEndian } from './scalars25519.ts'

const element = (bytes: Uint8Array): Element => ({ group: 'toy', bytes })
const identity = element(new Uint8Array(32))

/**
 * INSECURE, for the simulator only: the additive group of integers modulo L, where an element *is* its own discrete
 * logarithm. The same algebra, orders, sizes and refusals as ristretto255 at a hundredth of the cost.
 */
export const toy: Group = {
  ...field,
  name: 'toy',
  elementBytes: 32,
  base: element(littleEndian(1n)),
  identity,
  decode,
  decodeAllowingIdentity: bytes => (bytes.length === 32 && isAllZero(bytes) ? identity : decode(bytes)),
  multiplyBase: scalar => element(new Uint8Array(scalar)),
  multiply: (a, scalar) => element(field.scalarMultiply(bytesOf(a), scalar)),
  add: (a, b) => element(field.scalarAdd(bytesOf(a), bytesOf(b))),
  subtract: (a, b) => element(field.scalarSubtract(bytesOf(a), bytesOf(b))),
  equals: (a, b) => equalBytes(bytesOf(a), bytesOf(b)),
  isIdentity: a => field.isZeroScalar(bytesOf(a)),
  publicMultiplySmall: (a, factor) => element(field.scalarMultiply(bytesOf(a), field.scalarFromInt(factor))),
  publicMultiplySum: terms =>
    terms.reduce(
      (sum, [scalar, a]) => element(field.scalarAdd(sum.bytes, field.scalarMultiply(bytesOf(a), scalar))),
      identity,
    ),
}

function decode(bytes: Uint8Array): Element {
  if (bytes.length !== 32) throw new OstrakaError('malformed', 'an element has 32 bytes')
  if (isAllZero(bytes)) throw new OstrakaError('malformed', 'the identity element')
  return element(field.decodeScalar(bytes))
}

function bytesOf(a: Element): Uint8Array {
  if (a.group !== 'toy')
    throw new OstrakaError('internal', 'an element of another group', { expected: 'toy' })
  return a.bytes
}
