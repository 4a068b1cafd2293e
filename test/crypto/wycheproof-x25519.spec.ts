import assert from 'node:assert/strict'
import { fromHex, Secret, SeededRng, toHex } from '../../src/base/index.ts'
import {
  combineDecryption,
  cryptoReady,
  decodeEncapsulation,
  edwards25519 as group,
  multiplyByShare,
  privateKeyToScalar,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'
import { readVectors, shareKey } from './shared-key.ts'

await cryptoReady

interface Wycheproof {
  readonly testGroups: ReadonlyArray<{
    readonly tests: ReadonlyArray<{
      readonly tcId: number
      readonly flags: readonly string[]
      readonly public: string
      readonly private: string
      readonly shared: string
    }>
  }>
}

/** The order times a point is the identity for points of prime order alone; judged independently of the code under test. */
function isPrimeOrder(u: Uint8Array): boolean {
  const order = fromHex(group.order.toString(16).padStart(64, '0')).reverse()
  return montgomeryLadderIsZero(order, u)
}

/** RFC 7748 section 5 without clamping, on BigInts: true when scalar * u is the point at infinity. */
function montgomeryLadderIsZero(scalar: Uint8Array, u: Uint8Array): boolean {
  const p = 2n ** 255n - 19n
  const mod = (value: bigint): bigint => ((value % p) + p) % p
  const x1 = BigInt(`0x${toHex(u.toReversed())}`)
  const k = BigInt(`0x${toHex(scalar.toReversed())}`)
  let [x2, z2, x3, z3] = [1n, 0n, x1, 1n]
  for (let t = 254n; t >= 0n; t--) {
    const bit = (k >> t) & 1n
    if (bit) [x2, z2, x3, z3] = [x3, z3, x2, z2]
    const [a, b, c, d] = [mod(x2 + z2), mod(x2 - z2), mod(x3 + z3), mod(x3 - z3)]
    const [aa, bb, da, cb] = [mod(a * a), mod(b * b), mod(d * a), mod(c * b)]
    const e = mod(aa - bb)
    x3 = mod((da + cb) ** 2n)
    z3 = mod(x1 * mod((da - cb) ** 2n))
    x2 = mod(aa * bb)
    z2 = mod(e * (aa + 121665n * e))
    if (bit) [x2, z2, x3, z3] = [x3, z3, x2, z2]
  }
  return z2 === 0n
}

describe('Wycheproof X25519 through shares', () => {
  const rng = new SeededRng('wycheproof x25519')
  const tests = readVectors<Wycheproof>('wycheproof/x25519_test.json').testGroups.flatMap(g => g.tests)
  const isRefusable = (flags: readonly string[]): boolean =>
    ['Twist', 'LowOrderPublic', 'NonCanonicalPublic', 'ZeroSharedSecret'].some(flag => flags.includes(flag))

  it('agrees on every point of prime order and refuses every other', () => {
    let agreed = 0
    let refused = 0
    for (const test of tests) {
      const u = fromHex(test.public)
      if (isRefusable(test.flags) || !isPrimeOrder(u)) {
        refuses('malformed', () => decodeEncapsulation(group, u))
        refused++
        continue
      }
      const scalar = privateKeyToScalar(new Secret(fromHex(test.private)))
      const key = shareKey(group, scalar.expose(), [2, 3], rng)
      const point = decodeEncapsulation(group, u)
      const partials = [2, 3].map(slot => ({
        slot,
        elements: multiplyByShare(group, key.shares.get(slot)!, [point]),
      }))
      assert.equal(toHex(combineDecryption(group, partials)[0]!.expose()), test.shared, `tcId ${test.tcId}`)
      agreed++
    }
    assert.equal(agreed + refused, 518)
    assert.ok(agreed >= 30, `only ${agreed} vectors have points of prime order`)
  })
})
