import assert from 'node:assert/strict'
import { createECDH } from 'node:crypto'
import { concat, fromHex, Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import { extractAndExpand, scheduleMessageKey } from '../../src/crypto/hpke.ts'
import {
  cryptoReady,
  generateSealingKey,
  open,
  openWithSharedPoint,
  ProvenEncapsulation,
  proveOpening,
  ristretto255,
  sealingKeyFromSecret,
  sealTogether,
  toy,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'

// RFC 9180 appendix A.6.1: DHKEM(P-521, HKDF-SHA512), HKDF-SHA512, AES-256-GCM, base mode. Same KDF and AEAD as ours.
const VECTOR = {
  kemId: 0x0012,
  info: '4f6465206f6e2061204772656369616e2055726e',
  skRm:
    '01462680369ae375e4b3791070a7458ed527842f6a98a79ff5e0d4cbde83c27196a3916956655523a6a2556a7af62c5cadabe2ef9da3760bb' +
    '21e005202f7b2462847',
  pkRm:
    '0401b45498c1714e2dce167d3caf162e45e0642afc7ed435df7902ccae0e84ba0f7d373f646b7738bbbdca11ed91bdeae3cdcba3301f2457b' +
    'e452f271fa6837580e661012af49583a62e48d44bed350c7118c0d8dc861c238c72a2bda17f64704f464b57338e7f40b60959480c0e58e655' +
    '9b190d81663ed816e523b6b6a418f66d2451ec64',
  enc:
    '040138b385ca16bb0d5fa0c0665fbbd7e69e3ee29f63991d3e9b5fa740aab8900aaeed46ed73a49055758425a0ce36507c54b29cc5b85a5ce' +
    'e6bae0cf1c21f2731ece2013dc3fb7c8d21654bb161b463962ca19e8c654ff24c94dd2898de12051f1ed0692237fb02b2f8d1dc1c73e9b366' +
    'b529eb436e98a996ee522aef863dd5739d2f29b0',
  sharedSecret:
    '776ab421302f6eff7d7cb5cb1adaea0cd50872c71c2d63c30c4f1d5e43653336fef33b103c67e7a98add2d3b66e2fda95b5b2a667aa9dac7e' +
    '59cc1d46d30e818',
  nonce: '55ff7a7d739c69f44b25447b',
  plaintext: '4265617574792069732074727574682c20747275746820626561757479',
  aad: '436f756e742d30',
  ciphertext: '170f8beddfe949b75ef9c387e201baf4132fa7374593dfafa90768788b7b2b200aafcc6d80ea4c795a7c5b841a',
}

await cryptoReady

describe('RFC 9180 appendix A.6.1', () => {
  it('has the published shared secret, from its DH output and KEM context', () => {
    const ecdh = createECDH('secp521r1')
    ecdh.setPrivateKey(VECTOR.skRm, 'hex')
    const dh = new Secret(new Uint8Array(ecdh.computeSecret(VECTOR.enc, 'hex')))
    const shared = extractAndExpand(VECTOR.kemId, dh, concat(fromHex(VECTOR.enc), fromHex(VECTOR.pkRm)))
    assert.equal(toHex(shared.expose()), VECTOR.sharedSecret)
    assert.ok(dh.isWiped)
  })

  it('has the published nonce and ciphertext, from the shared secret', () => {
    const shared = new Secret(fromHex(VECTOR.sharedSecret))
    const { key, nonce } = scheduleMessageKey(VECTOR.kemId, shared, fromHex(VECTOR.info))
    assert.equal(toHex(nonce), VECTOR.nonce)
    assert.equal(toHex(key.seal(nonce, fromHex(VECTOR.aad), fromHex(VECTOR.plaintext))), VECTOR.ciphertext)
  })
})

for (const group of [ristretto255, toy]) {
  describe(`sealing over ${group.name}`, () => {
    const rng = new SeededRng('sealing')
    const keys = generateSealingKey(rng, group)
    const [occasion, info] = [utf8('occasion'), utf8('info')]
    const hedge = new Secret(rng.bytes(32))
    const plaintext = new Secret(utf8('the plaintext'))

    function sealedNow(name = info, context = occasion) {
      const message = { recipient: keys.publicKey, info: name, plaintext }
      const { encapsulation, ciphertexts } = sealTogether(context, [message], hedge, rng, group)
      const proven = ProvenEncapsulation.verify(encapsulation, context, group)!
      return { encapsulation, proven, ciphertext: ciphertexts[0]! }
    }

    const { encapsulation, proven, ciphertext } = sealedNow()

    it('opens with its key alone, and only under the same occasion and info', () => {
      assert.deepEqual(open(keys, proven, info, ciphertext)?.expose(), utf8('the plaintext'))
      assert.equal(ciphertext.length, 13 + 16)
      assert.equal(open(generateSealingKey(rng, group), proven, info, ciphertext), undefined)
      assert.equal(open(keys, proven, utf8('other'), ciphertext), undefined)
      assert.equal(open(keys, sealedNow().proven, info, ciphertext), undefined)
      assert.equal(ProvenEncapsulation.verify(encapsulation, utf8('other'), group), undefined)
    })

    it('refuses a change of any byte, and every truncation', () => {
      for (let i = 0; i < ciphertext.length; i++) {
        const changed = new Uint8Array(ciphertext)
        changed[i]! ^= 1
        assert.equal(open(keys, proven, info, changed), undefined)
        assert.equal(open(keys, proven, info, ciphertext.subarray(0, i)), undefined)
      }
    })

    it('never gives the same bytes twice', () => {
      assert.notDeepEqual(sealedNow().ciphertext, ciphertext)
      assert.notDeepEqual(sealedNow().encapsulation.enc, encapsulation.enc)
    })

    it('gives each of the plaintexts that are sealed together a key of its own', () => {
      const messages = ['one', 'two'].map(name => ({
        recipient: keys.publicKey,
        info: utf8(name),
        plaintext,
      }))
      const { ciphertexts } = sealTogether(occasion, messages, hedge, rng, group)
      assert.notDeepEqual(ciphertexts[0], ciphertexts[1])
    })

    it('restores a key pair from its secret', () => {
      const restored = sealingKeyFromSecret(new Secret(new Uint8Array(keys.secretKey.expose())), group)
      assert.ok(group.equals(restored.publicKey, keys.publicKey))
      refuses('malformed', () => sealingKeyFromSecret(new Secret(new Uint8Array(32)), group))
      refuses('malformed', () => sealingKeyFromSecret(new Secret(new Uint8Array(32).fill(255)), group))
    })

    it('lets anyone open one message with its shared point, and proves that the point is right', () => {
      const opening = proveOpening(keys, proven, info, rng)
      const opened = openWithSharedPoint(keys.publicKey, opening, proven, info, ciphertext)
      assert.deepEqual(opened?.expose(), utf8('the plaintext'))
      const other = sealedNow()
      const refused = (run: () => unknown) => refuses('false_complaint', run)
      refused(() => openWithSharedPoint(keys.publicKey, opening, other.proven, info, other.ciphertext))
      const forged = { ...opening, sharedPoint: group.base.bytes }
      refused(() => openWithSharedPoint(keys.publicKey, forged, proven, info, ciphertext))
      const stranger = proveOpening(generateSealingKey(rng, group), proven, info, rng)
      refused(() => openWithSharedPoint(keys.publicKey, stranger, proven, info, ciphertext))
      const elsewhere = proveOpening(keys, proven, utf8('other'), rng)
      refused(() => openWithSharedPoint(keys.publicKey, elsewhere, proven, info, ciphertext))
    })
  })
}
