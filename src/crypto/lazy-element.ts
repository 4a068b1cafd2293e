import { equalBytes, OstrakaError } from '../base/index.ts'
import type { Element, GroupName } from './group.ts'

/** What this project asks of a point of @noble/curves. */
export interface NoblePoint<P> {
  add(other: P): P
  subtract(other: P): P
  double(): P
  equals(other: P): boolean
}

/** How one group turns points into canonical bytes and back. */
export interface PointCodec<P> {
  readonly name: GroupName
  encode(point: P): Uint8Array
  /** Only ever called with bytes that have passed the group's own validation. */
  decode(bytes: Uint8Array): P
}

/**
 * An element that holds its encoding, a noble point, or both, and makes the missing one when it is first asked for:
 * libsodium multiplies bytes, noble adds points, and the conversion (a square root) costs as much as many additions.
 */
export class LazyElement<P extends NoblePoint<P>> implements Element {
  readonly group: GroupName
  readonly #codec: PointCodec<P>
  #bytes: Uint8Array | undefined
  #point: P | undefined

  private constructor(codec: PointCodec<P>, bytes: Uint8Array | undefined, point: P | undefined) {
    this.group = codec.name
    this.#codec = codec
    this.#bytes = bytes
    this.#point = point
  }

  static ofBytes<P extends NoblePoint<P>>(codec: PointCodec<P>, bytes: Uint8Array): LazyElement<P> {
    return new LazyElement(codec, bytes, undefined)
  }

  static ofPoint<P extends NoblePoint<P>>(codec: PointCodec<P>, point: P): LazyElement<P> {
    return new LazyElement<P>(codec, undefined, point)
  }

  /** Gives the element its type back; `internal` when it belongs to another group. */
  static from<P extends NoblePoint<P>>(codec: PointCodec<P>, element: Element): LazyElement<P> {
    if (element.group !== codec.name || !(element instanceof LazyElement)) {
      throw new OstrakaError('internal', 'an element of another group', { expected: codec.name })
    }
    return element as LazyElement<P>
  }

  get bytes(): Uint8Array {
    this.#bytes ??= this.#codec.encode(this.#point!)
    return this.#bytes
  }

  get point(): P {
    this.#point ??= this.#codec.decode(this.#bytes!)
    return this.#point
  }

  get hasPoint(): boolean {
    return this.#point !== undefined
  }

  equals(other: LazyElement<P>): boolean {
    if (this.#bytes === undefined && other.hasPoint) return this.point.equals(other.point)
    return equalBytes(this.bytes, other.bytes)
  }
}

/** factor * point by double-and-add over a small public integer; undefined stands for the identity. */
export function multiplySmall<P extends NoblePoint<P>>(point: P, factor: number): P | undefined {
  let sum: P | undefined
  let power = point
  for (let rest = factor; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) sum = sum === undefined ? power : sum.add(power)
    if (rest > 1) power = power.double()
  }
  return sum
}
