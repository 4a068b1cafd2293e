import assert from 'node:assert/strict'
import { concat, fromHex, Secret, toHex } from '../../src/base/index.ts'
import { AeadKey, hkdfSha512 } from '../../src/crypto/index.ts'
import { hkdfExpand, hkdfExtract } from '../../src/crypto/kdf.ts'
import { refuses } from './refuses.ts'
import { readVectors } from './shared-key.ts'

interface Vectors<T> {
  readonly numberOfTests: number
  readonly testGroups: ReadonlyArray<{ readonly tests: readonly T[] }>
}

interface HkdfTest {
  readonly tcId: number
  readonly ikm: string
  readonly salt: string
  readonly info: string
  readonly size: number
  readonly okm: string
  readonly result: 'valid' | 'invalid'
}

interface AeadTest {
  readonly tcId: number
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
  readonly result: 'valid' | 'invalid'
}

describe('Wycheproof HKDF-SHA512', () => {
  const tests = readVectors<Vectors<HkdfTest>>('wycheproof/hkdf_sha512_test.json').testGroups.flatMap(
    g => g.tests,
  )

  it('agrees on every valid output and refuses sizes beyond 255 blocks', () => {
    for (const test of tests) {
      const [ikm, salt, info] = [fromHex(test.ikm), fromHex(test.salt), fromHex(test.info)]
      if (test.result === 'invalid') {
        refuses('too_large', () => hkdfSha512(new Secret(ikm), salt, info, test.size))
        refuses('too_large', () => hkdfExpand(hkdfExtract(salt, ikm), info, test.size))
        continue
      }
      assert.equal(
        toHex(hkdfSha512(new Secret(ikm), salt, info, test.size).expose()),
        test.okm,
        `${test.tcId}`,
      )
      assert.equal(
        toHex(hkdfExpand(hkdfExtract(salt, ikm), info, test.size).expose()),
        test.okm,
        `${test.tcId}`,
      )
    }
    assert.equal(tests.length, 83)
  })
})

describe('Wycheproof AES-256-GCM', () => {
  const tests = readVectors<Vectors<AeadTest>>('wycheproof/aes_gcm_test.json').testGroups.flatMap(
    g => g.tests,
  )

  it('agrees on every valid message and opens no invalid one', () => {
    for (const test of tests) {
      const key = new AeadKey(new Secret(fromHex(test.key)))
      const [nonce, aad, plaintext] = [fromHex(test.iv), fromHex(test.aad), fromHex(test.msg)]
      const sealed = concat(fromHex(test.ct), fromHex(test.tag))
      const opened = key.open(nonce, aad, sealed)
      if (test.result === 'valid') {
        assert.equal(toHex(key.seal(nonce, aad, plaintext)), toHex(sealed), `${test.tcId}`)
        assert.equal(toHex(opened!), test.msg, `${test.tcId}`)
      } else {
        assert.equal(opened, undefined, `${test.tcId}`)
      }
    }
    assert.equal(tests.length, 66)
  })

  it('refuses keys and nonces of other sizes, and messages shorter than a tag', () => {
    refuses('internal', () => new AeadKey(new Secret(new Uint8Array(16))))
    const key = new AeadKey(new Secret(new Uint8Array(32)))
    refuses('internal', () => key.seal(new Uint8Array(16), new Uint8Array(0), new Uint8Array(0)))
    refuses('internal', () => key.open(new Uint8Array(0), new Uint8Array(0), new Uint8Array(16)))
    assert.equal(key.open(new Uint8Array(12), new Uint8Array(0), new Uint8Array(15)), undefined)
  })
})
