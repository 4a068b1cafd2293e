import assert from 'node:assert/strict'
import { ed25519 } from '@noble/curves/ed25519.js'
import { fromHex, Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import {
  checkPublicKey,
  cryptoReady,
  edwards25519,
  SigningKey,
  scalarFromSeed,
  verifyEd25519,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'
import { readVectors } from './shared-key.ts'

interface Vectors {
  readonly testGroups: ReadonlyArray<{
    readonly publicKey: { readonly pk: string }
    readonly tests: ReadonlyArray<{
      readonly tcId: number
      readonly msg: string
      readonly sig: string
      readonly result: 'valid' | 'invalid'
    }>
  }>
}

await cryptoReady

describe('Wycheproof Ed25519', () => {
  it('accepts every valid signature and no invalid one', () => {
    let count = 0
    for (const { publicKey, tests } of readVectors<Vectors>('wycheproof/ed25519_test.json').testGroups) {
      const key = fromHex(publicKey.pk)
      checkPublicKey(key)
      for (const test of tests) {
        const isValid = verifyEd25519(key, fromHex(test.msg), fromHex(test.sig))
        assert.equal(isValid, test.result === 'valid', `tcId ${test.tcId}`)
        count++
      }
    }
    assert.equal(count, 151)
  })
})

describe('an Ed25519 identity', () => {
  const rng = new SeededRng('identity')
  const seed = rng.bytes(32)
  const key = new SigningKey(new Secret(new Uint8Array(seed)))

  it('has the public key and signatures of RFC 8032', () => {
    const message = utf8('message')
    assert.equal(toHex(key.publicKey), toHex(ed25519.getPublicKey(seed)))
    assert.equal(toHex(key.sign(message)), toHex(ed25519.sign(message, seed)))
    assert.ok(verifyEd25519(key.publicKey, message, key.sign(message)))
    assert.ok(!verifyEd25519(key.publicKey, utf8('another'), key.sign(message)))
    assert.ok(!verifyEd25519(key.publicKey, message, key.sign(message).subarray(1)))
    refuses('malformed', () => new SigningKey(new Secret(new Uint8Array(31))))
  })

  it('has the public key of its imported scalar', () => {
    const scalar = scalarFromSeed(new Secret(new Uint8Array(seed)))
    assert.equal(toHex(edwards25519.multiplyBase(scalar.expose()).bytes), toHex(key.publicKey))
    refuses('malformed', () => scalarFromSeed(new Secret(new Uint8Array(33))))
  })

  it('is refused with a small-order, mixed-order or non-canonical key, however it signs', () => {
    const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
    const mixed = ed25519.Point.fromBytes(key.publicKey).add(torsion).toBytes()
    const nonCanonical = new Uint8Array(32).fill(255)
    for (const bad of [torsion.toBytes(), mixed, nonCanonical, new Uint8Array(32), new Uint8Array(31)]) {
      refuses('malformed', () => checkPublicKey(bad))
    }
    // S = 0 and R = A = identity: accepted by OpenSSL for every message, were the key let through
    const identity = fromHex(`01${'00'.repeat(31)}`)
    const signature = fromHex(`01${'00'.repeat(63)}`)
    assert.ok(!verifyEd25519(identity, utf8('anything'), signature))
  })
})
