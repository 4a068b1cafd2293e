import assert from 'node:assert/strict'
import { ed25519, ristretto255 as nobleRistretto } from '@noble/curves/ed25519.js'
import { secp256k1 as noble256k1 } from '@noble/curves/secp256k1.js'
import { equalBytes, fromHex, SeededRng, toHex } from '../../src/base/index.ts'
import { cryptoReady, type Element, type Group, type GroupName, groupByName } from '../../src/crypto/index.ts'

import { refuses } from './refuses.ts'

const NAMES: readonly GroupName[] = ['edwards25519', 'ristretto255', 'secp256k1', 'toy']

/** The group's own idea of an integer, independent of `scalarFromInt`. */
function scalarOf(group: Group, value: bigint): Uint8Array {
  const reduced = ((value % group.order) + group.order) % group.order
  const bytes = fromHex(reduced.toString(16).padStart(64, '0'))
  return group.name === 'secp256k1' ? bytes : bytes.reverse()
}

await cryptoReady

for (const name of NAMES) {
  describe(`the group ${name}`, () => {
    const group = groupByName(name)
    const rng = new SeededRng(`groups/${name}`)
    const hex = (element: Element): string => toHex(element.bytes)

    it('has scalars that form the field of its order', () => {
      const a = 123456789012345678901234567890n
      const b = group.order - 5n
      const [x, y] = [scalarOf(group, a), scalarOf(group, b)]
      assert.deepEqual(group.scalarAdd(x, y), scalarOf(group, a + b))
      assert.deepEqual(group.scalarSubtract(x, y), scalarOf(group, a - b))
      assert.deepEqual(group.scalarMultiply(x, y), scalarOf(group, a * b))
      assert.deepEqual(group.scalarNegate(x), scalarOf(group, -a))
      assert.deepEqual(group.scalarMultiply(group.scalarInvert(x), x), group.scalarFromInt(1))
      assert.deepEqual(group.scalarFromInt(70000), scalarOf(group, 70000n))
      assert.ok(group.isZeroScalar(group.scalarFromInt(0)))
      assert.ok(!group.isZeroScalar(x))
    })

    it('reduces wide scalars in its own byte order', () => {
      const wide = (1n << 511n) + 12345n
      const bytes = fromHex(wide.toString(16).padStart(128, '0'))
      if (name !== 'secp256k1') bytes.reverse()
      assert.deepEqual(group.scalarFromWide(bytes), scalarOf(group, wide))
    })

    it('refuses scalars that are not canonical, and zero where it must be inverted', () => {
      const order = fromHex(group.order.toString(16).padStart(64, '0'))
      if (name !== 'secp256k1') order.reverse()
      refuses('malformed', () => group.decodeScalar(order))
      refuses('malformed', () => group.decodeScalar(new Uint8Array(32).fill(255)))
      refuses('malformed', () => group.decodeScalar(new Uint8Array(31)))
      const largest = scalarOf(group, -1n)
      assert.deepEqual(group.decodeScalar(largest), largest)
      assert.ok(group.isZeroScalar(group.decodeScalar(new Uint8Array(32))))
      refuses('internal', () => group.scalarInvert(group.scalarFromInt(0)))
      refuses('internal', () => group.scalarFromInt(-1))
      refuses('internal', () => group.scalarFromInt(1.5))
    })

    it('is a group, whichever of its representations an element came in', () => {
      const a = group.randomScalar(rng)
      const b = group.randomScalar(rng)
      const sum = group.multiplyBase(group.scalarAdd(a, b))
      const [left, right] = [group.multiplyBase(a), group.multiplyBase(b)]
      assert.equal(hex(group.add(left, right)), hex(sum))
      const leftAsPoint = group.publicMultiplySmall(left, 1)
      assert.equal(hex(group.add(leftAsPoint, right)), hex(sum))
      assert.equal(hex(group.subtract(sum, right)), hex(left))
      assert.equal(hex(group.subtract(sum, group.publicMultiplySmall(right, 1))), hex(left))
      assert.ok(group.equals(leftAsPoint, left) && group.equals(left, leftAsPoint))
      assert.ok(group.equals(leftAsPoint, group.publicMultiplySmall(left, 1)))
      assert.ok(!group.equals(left, right) && !group.equals(leftAsPoint, right))
      assert.ok(group.equals(group.multiply(left, b), group.multiply(right, a)))
      assert.ok(group.equals(group.multiply(group.base, a), left))
      assert.ok(group.equals(group.decode(left.bytes), left))
      assert.equal(left.bytes.length, group.elementBytes)
    })

    it('treats zero and the identity as such in every operation', () => {
      const zero = group.scalarFromInt(0)
      const a = group.multiplyBase(group.randomScalar(rng))
      const zeros = [
        group.identity,
        group.multiplyBase(zero),
        group.multiply(a, zero),
        group.multiply(group.identity, group.scalarFromInt(3)),
        group.subtract(a, a),
        group.publicMultiplySmall(a, 0),
        group.publicMultiplySmall(group.identity, 9),
        group.publicMultiplySum([]),
        group.decodeAllowingIdentity(group.identity.bytes),
      ]
      for (const element of zeros) {
        assert.ok(group.isIdentity(element))
        assert.equal(hex(element), hex(group.identity))
        assert.ok(group.equals(group.add(element, a), a))
      }
      assert.ok(!group.isIdentity(a))
    })

    it('multiplies by small integers and sums products', () => {
      const a = group.multiplyBase(group.randomScalar(rng))
      for (const factor of [1, 2, 3, 7, 31, 255, 65537]) {
        assert.ok(
          group.equals(group.publicMultiplySmall(a, factor), group.multiply(a, group.scalarFromInt(factor))),
        )
      }
      const terms = [3n, -4n, 5n].map(
        (value, index) => [scalarOf(group, value), scalarOf(group, BigInt(index))] as const,
      )
      const sum = group.publicMultiplySum(terms.map(([s, e]) => [s, group.multiplyBase(e)] as const))
      assert.ok(group.equals(sum, group.multiplyBase(scalarOf(group, 6n))))
      refuses('internal', () => group.publicMultiplySmall(a, -1))
    })

    it('refuses the identity, wrong lengths and bytes that encode nothing', () => {
      refuses('malformed', () => group.decode(group.identity.bytes))
      refuses('malformed', () => group.decode(new Uint8Array(0)))
      refuses('malformed', () => group.decode(new Uint8Array(group.elementBytes + 1)))
      refuses('malformed', () => group.decode(new Uint8Array(group.elementBytes).fill(255)))
      refuses('malformed', () => group.decodeAllowingIdentity(new Uint8Array(group.elementBytes).fill(255)))
    })

    it("refuses another group's elements", () => {
      const other = groupByName(name === 'toy' ? 'ristretto255' : 'toy')
      refuses('internal', () => group.add(group.base, other.base))
      refuses('internal', () => group.multiply(other.base, group.scalarFromInt(2)))
    })
  })
}

describe('groupByName', () => {
  it('refuses names that it does not know', () => {
    refuses('unsupported', () => groupByName('p256'))
    refuses('unsupported', () => groupByName('toString'))
  })
})

describe('secp256k1', () => {
  const group = groupByName('secp256k1')
  const { Point } = noble256k1

  it('refuses second encodings of a point, and those of other forms', () => {
    const even = Point.BASE.toBytes(true)
    for (const form of [0, 1, 4, 5, 6, 7, 255]) {
      refuses('malformed', () => group.decode(Uint8Array.of(form, ...even.subarray(1))))
    }
    refuses('malformed', () => group.decode(Point.BASE.toBytes(false)))
    // 1, 2 and 3 are x-coordinates of points, 5 is none
    for (const x of [1n, 2n, 3n]) {
      const bytes = (value: bigint) => fromHex(`02${value.toString(16).padStart(64, '0')}`)
      group.decode(bytes(x))
      refuses('malformed', () => group.decode(bytes(Point.Fp.ORDER + x)))
    }
    refuses('malformed', () => group.decode(fromHex(`02${'5'.padStart(64, '0')}`)))
  })

  it('agrees with noble, from encodings and from points', () => {
    const rng = new SeededRng('secp256k1 against noble')
    for (let i = 0; i < 10; i++) {
      const [a, b] = [group.randomScalar(rng), group.randomScalar(rng)]
      const [x, y] = [Point.Fn.fromBytes(a), Point.Fn.fromBytes(b)]
      const [left, right] = [Point.BASE.multiply(x), Point.BASE.multiply(y)]
      const sum = left.add(right).toBytes(true)
      const [encoded, other] = [group.multiplyBase(a), group.multiplyBase(b)]
      assert.ok(equalBytes(encoded.bytes, left.toBytes(true)))
      assert.ok(equalBytes(group.add(encoded, other).bytes, sum))
      // a product by a small number is kept as a point
      const point = group.publicMultiplySmall(encoded, 1)
      assert.ok(equalBytes(group.add(point, other).bytes, sum))
      assert.ok(equalBytes(group.subtract(point, other).bytes, left.subtract(right).toBytes(true)))
      const product = Point.BASE.multiply(x).multiply(y).toBytes(true)
      assert.ok(equalBytes(group.multiply(encoded, b).bytes, product))
      assert.ok(equalBytes(group.publicMultiplySum([[b, encoded]]).bytes, product))
      const negated = group.scalarNegate(b)
      assert.ok(
        group.isIdentity(
          group.publicMultiplySum([
            [b, encoded],
            [negated, encoded],
          ]),
        ),
      )
      assert.ok(group.isIdentity(group.add(encoded, group.multiplyBase(group.scalarNegate(a)))))
    }
  })
})

describe('edwards25519', () => {
  it('refuses points of small order and points outside the prime-order subgroup', () => {
    const group = groupByName('edwards25519')
    // the eight torsion points have four canonical encodings without sign, plus those with
    const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
    let point = torsion
    for (let i = 0; i < 8; i++) {
      refuses('malformed', () => group.decode(point.toBytes()))
      if (!point.is0()) refuses('malformed', () => group.decodeAllowingIdentity(point.toBytes()))
      const mixed = ed25519.Point.BASE.multiply(77n).add(point)
      if (!point.is0()) refuses('malformed', () => group.decode(mixed.toBytes()))
      point = point.add(torsion)
    }
    // y = p + 4 .. p + 18 are second encodings of y = 4 .. 18
    for (let y = 0; y < 19; y++) {
      const bytes = new Uint8Array(32).fill(255)
      bytes[0] = 0xed + y
      bytes[31] = 0x7f
      refuses('malformed', () => group.decode(bytes))
    }
  })

  it('agrees with noble', () => {
    const group = groupByName('edwards25519')
    const rng = new SeededRng('edwards25519 against noble')
    for (let i = 0; i < 20; i++) {
      const [a, b] = [group.randomScalar(rng), group.randomScalar(rng)]
      const [x, y] = [ed25519.Point.Fn.fromBytes(a), ed25519.Point.Fn.fromBytes(b)]
      const expected = ed25519.Point.BASE.multiply(x).multiply(y)
      assert.ok(equalBytes(group.multiply(group.multiplyBase(a), b).bytes, expected.toBytes()))
    }
  })

  it("finds the same point for an encoding as noble's decoder, the base's relatives included", () => {
    const group = groupByName('edwards25519')
    const rng = new SeededRng('edwards25519 points')
    const { Point } = ed25519
    const random = Array.from({ length: 50 }, () => group.multiplyBase(group.randomScalar(rng)).bytes)
    const { BASE, ZERO } = Point
    const special = [BASE, BASE.negate(), BASE.double(), BASE.double().negate(), ZERO]
    for (const bytes of [...special.map(point => point.toBytes()), ...random]) {
      const element = group.decodeAllowingIdentity(bytes)
      // a sum of points in which a wrong coordinate would show
      const found = group.add(group.publicMultiplySmall(element, 3), element)
      assert.ok(equalBytes(found.bytes, Point.fromBytes(bytes).multiplyUnsafe(4n).toBytes()))
    }
  })
})

describe('ristretto255', () => {
  it('agrees with noble', () => {
    const group = groupByName('ristretto255')
    const rng = new SeededRng('ristretto255 against noble')
    const { Point } = nobleRistretto
    for (let i = 0; i < 20; i++) {
      const [a, b] = [group.randomScalar(rng), group.randomScalar(rng)]
      const expected = Point.BASE.multiply(Point.Fn.fromBytes(a)).multiply(Point.Fn.fromBytes(b))
      assert.ok(equalBytes(group.multiply(group.multiplyBase(a), b).bytes, expected.toBytes()))
    }
  })
})
