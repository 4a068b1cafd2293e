import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { fromHex, OstrakaError, Secret, SeededRng } from '../../src/base/index.ts'
import {
  cryptoReady,
  edwards25519,
  privateKeyFromScalar,
  privateKeyToScalar,
  publicKeyFromEdwards,
} from '../../src/crypto/index.ts'

await cryptoReady

// RFC 8410 section 7: the DER around an X25519 private key
const PKCS8 = fromHex('302e020100300506032b656e04220420')

function platformPublicKey(privateKey: Uint8Array): Uint8Array {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, privateKey]), format: 'der', type: 'pkcs8' })
  return new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32))
}

describe('the RFC 7748 private key of a scalar', () => {
  it('is one that clamping leaves as it is, with the scalar’s public key on the platform’s X25519', () => {
    const rng = new SeededRng('scalars')
    const sizes = { low: 0, high: 0 }
    for (let count = 0; count < 200; count++) {
      const scalar = new Secret(edwards25519.randomScalar(rng))
      const bytes = privateKeyFromScalar(scalar).expose()
      assert.equal(bytes[0]! & 7, 0)
      assert.equal(bytes[31]! & 0xc0, 0x40)
      const publicKey = publicKeyFromEdwards(edwards25519.multiplyBase(scalar.expose()))
      assert.deepEqual(platformPublicKey(bytes), publicKey)
      // both ways to get there have been gone: the number itself, and its negative
      const isSame = new Secret(scalar.expose().slice()).equals(privateKeyToScalar(new Secret(bytes.slice())))
      if (isSame) sizes.low++
      else sizes.high++
    }
    assert.ok(sizes.low > 50 && sizes.high > 50, JSON.stringify(sizes))
  })

  it('comes back from an imported key, or its twin with the same public key', () => {
    const rng = new SeededRng('private keys')
    for (let count = 0; count < 20; count++) {
      const imported = privateKeyToScalar(new Secret(rng.bytes(32)))
      const again = privateKeyFromScalar(imported)
      const publicKey = publicKeyFromEdwards(edwards25519.multiplyBase(imported.expose()))
      assert.deepEqual(platformPublicKey(again.expose()), publicKey)
    }
  })

  it('does not exist for the few scalars below 2^128 or so that have none', () => {
    assert.throws(
      () => privateKeyFromScalar(new Secret(edwards25519.scalarFromInt(8))),
      (error: unknown) => error instanceof OstrakaError && error.code === 'internal',
    )
  })
})
