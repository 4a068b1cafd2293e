import assert from 'node:assert/strict'
import { Secret, SeededRng, toHex } from '../../src/base/index.ts'
import {
  combineWeightedShares,
  cryptoReady,
  evaluate,
  lagrangeAt,
  lagrangeAtZero,
  randomPolynomial,
  ristretto255,
  secp256k1,
  wipePolynomial,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'

await cryptoReady

const STATEMENT = new Uint8Array(1)

for (const group of [ristretto255, secp256k1]) {
  describe(`Shamir sharing over ${group.name}`, () => {
    const rng = new SeededRng('polynomial')

    it('gives the secret back to any t holders, and any other value to them as well', () => {
      const secret = new Secret(group.randomScalar(rng))
      const polynomial = randomPolynomial(group, 3, secret, rng, STATEMENT)
      for (const slots of [
        [1, 2, 3],
        [7, 2, 31],
        [4, 9, 1, 6],
      ]) {
        const shares = slots.map(slot => [slot, evaluate(group, polynomial, slot)] as const)
        const at = (x: number) =>
          combineWeightedShares(
            group,
            shares.map(([slot, share]) => [lagrangeAt(group, slots, slot, x), share]),
          )
        assert.ok(at(0).equals(secret))
        assert.ok(at(12).equals(evaluate(group, polynomial, 12)))
        const first = lagrangeAtZero(group, slots, slots[0]!)
        assert.equal(toHex(first), toHex(lagrangeAt(group, slots, slots[0]!, 0)))
      }
    })

    it('gives fewer than t holders something else', () => {
      const secret = new Secret(group.randomScalar(rng))
      const polynomial = randomPolynomial(group, 3, secret, rng, STATEMENT)
      const shares = [1, 2].map(
        slot => [lagrangeAtZero(group, [1, 2], slot), evaluate(group, polynomial, slot)] as const,
      )
      assert.ok(!combineWeightedShares(group, shares).equals(secret))
    })

    it('follows the polynomial: p(x) = a + bx + cx^2', () => {
      const scalar = (value: number) => new Secret(group.scalarFromInt(value))
      const value = evaluate(group, { coefficients: [scalar(5), scalar(7), scalar(11)] }, 6)
      assert.ok(value.equals(scalar(5 + 7 * 6 + 11 * 36)))
    })

    it('wipes its coefficients, and leaves the secret that it was given', () => {
      const secret = new Secret(group.randomScalar(rng))
      const polynomial = randomPolynomial(group, 2, secret, rng, STATEMENT)
      wipePolynomial(polynomial)
      assert.ok(polynomial.coefficients.every(coefficient => coefficient.isWiped))
      assert.ok(!secret.isWiped)
    })

    it('refuses slot 0, repeated slots, foreign slots and thresholds below 1', () => {
      const polynomial = randomPolynomial(group, 2, new Secret(group.randomScalar(rng)), rng, STATEMENT)
      for (const slot of [0, -1, 1.5, 65536, Number.NaN]) {
        refuses('malformed', () => evaluate(group, polynomial, slot))
        refuses('malformed', () => lagrangeAtZero(group, [1, slot], 1))
      }
      refuses('malformed', () => lagrangeAtZero(group, [1, 2, 1], 1))
      refuses('malformed', () => lagrangeAtZero(group, [1, 2], 3))
      refuses('malformed', () =>
        randomPolynomial(group, 0, new Secret(group.randomScalar(rng)), rng, STATEMENT),
      )
      refuses('malformed', () =>
        randomPolynomial(group, 2, new Secret(new Uint8Array(32).fill(255)), rng, STATEMENT),
      )
    })
  })
}
