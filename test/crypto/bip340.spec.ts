import assert from 'node:assert/strict'
import { schnorr } from '@noble/curves/secp256k1.js'
import { concat, fromHex, SeededRng, toHex } from '../../src/base/index.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { signingSuite } from '../../src/crypto/signing-suite.ts'
import { dealKey, refuses, sharesOf, type TestKey } from './frost-fixture.ts'

before(() => cryptoReady)

describe('BIP-340 signatures from shares', () => {
  const suite = signingSuite('secp256k1')
  const { group } = suite
  const rng = new SeededRng('bip340')

  /** A 2-of-3 key whose public key has even (2) or odd (3) Y. */
  const keyOfParity = (parity: number): { secret: Uint8Array; key: TestKey } => {
    for (;;) {
      const secret = group.randomScalar(rng)
      const key = dealKey(group, [secret, group.randomScalar(rng)], [1, 2, 3])
      if (key.publicKey.bytes[0] === parity) return { secret, key }
    }
  }

  /** The parity of R, which the signature hides: the sum of the nonces is what it depends on, so many are tried. */
  const ATTEMPTS = 12

  for (const [name, parity] of [
    ['even', 2],
    ['odd', 3],
  ] as const) {
    it(`a key with ${name} Y signs under its x-coordinate, whatever the nonces' parity`, () => {
      const { secret, key } = keyOfParity(parity)
      const publicKey = suite.encodePublicKey(key.publicKey)
      assert.equal(toHex(publicKey), toHex(schnorr.getPublicKey(secret)))
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const message = rng.bytes(32)
        const made = sharesOf(suite, key, [1, 3], message, rng)
        const signature = suite.aggregate(made)
        assert.equal(schnorr.verify(signature, message, publicKey), true)
        for (const { slot, share } of made.shares) {
          const claim = { ...made, slot, share, verifyingShare: key.verifyingShare(slot) }
          assert.equal(suite.verifyShare(claim), true)
          assert.equal(suite.verifyShare({ ...claim, share: group.scalarNegate(share) }), false)
        }
      }
    })

    it(`a key with ${name} Y convicts the one liar`, () => {
      const { key } = keyOfParity(parity)
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const made = sharesOf(suite, key, [1, 3], rng.bytes(32), rng)
        const shares = made.shares.map(answer =>
          answer.slot === 3 ? { slot: 3, share: group.scalarNegate(answer.share) } : answer,
        )
        refuses('bad_partial', () => suite.aggregate({ ...made, shares }), { item: 0, culprits: [3] })
      }
    })
  }

  it('accepts what an ordinary BIP-340 signer makes', () => {
    const { secret, key } = keyOfParity(3)
    const message = rng.bytes(100)
    const signature = schnorr.sign(message, secret, rng.bytes(32))
    assert.equal(suite.verify(suite.encodePublicKey(key.publicKey), message, signature), true)
  })

  it('refuses an x-coordinate that is on no curve point', () => {
    // 5 is not: 5^3 + 7 is no square
    const publicKey = new Uint8Array(32)
    publicKey[31] = 5
    assert.equal(suite.verify(publicKey, rng.bytes(32), new Uint8Array(64)), false)
  })

  it('judges mended and broken signatures as noble does', () => {
    const { secret, key } = keyOfParity(2)
    const publicKey = suite.encodePublicKey(key.publicKey)
    const order = fromHex(group.order.toString(16))
    const message = rng.bytes(40)
    const signature = schnorr.sign(message, secret, rng.bytes(32))
    const [x, z] = [signature.slice(0, 32), signature.slice(32)]
    const broken: Uint8Array[] = [
      concat(x, group.scalarNegate(z)),
      concat(x, order),
      concat(x, new Uint8Array(32)),
      concat(new Uint8Array(32), z),
      concat(new Uint8Array(32).fill(255), z),
      // z - e * x = 0: R is the identity, and noble has no encoding for it
      concat(x, group.scalarMultiply(schnorrChallenge(x, publicKey, message), secret)),
      signature.subarray(1),
    ]
    for (let bit = 0; bit < 512; bit += 37) {
      const flipped = signature.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      broken.push(flipped)
    }
    assert.equal(suite.verify(publicKey, message, signature), true)
    for (const wrong of broken) {
      assert.equal(suite.verify(publicKey, message, wrong), false, toHex(wrong))
      if (wrong.length === 64) assert.equal(schnorr.verify(wrong, message, publicKey), false)
    }
    assert.equal(suite.verify(publicKey, concat(message, Uint8Array.of(0)), signature), false)
  })

  /** BIP-340's e, by noble. */
  function schnorrChallenge(x: Uint8Array, publicKey: Uint8Array, message: Uint8Array): Uint8Array {
    const digest = schnorr.utils.taggedHash('BIP0340/challenge', x, publicKey, message)
    return group.scalarFromWide(concat(new Uint8Array(32), digest))
  }
})
