import assert from 'node:assert/strict'
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { concat, fromHex, Secret, SeededRng, toHex } from '../../src/base/index.ts'
import {
  combineDecryption,
  cryptoReady,
  decodeEncapsulation,
  decryptPartial,
  edwards25519 as group,
  privateKeyToScalar,
  publicKeyFromEdwards,
  verifyDecryptPartial,
  verifyingShare,
} from '../../src/crypto/index.ts'
import { refuses } from './refuses.ts'
import { shareKey } from './shared-key.ts'

const SPKI = fromHex('302a300506032b656e032100')
const rawOf = (key: KeyObject): Uint8Array =>
  new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length))
const keyOf = (u: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.from(concat(SPKI, u)), format: 'der', type: 'spki' })

await cryptoReady

describe('x25519 decryption under a shared key', () => {
  const rng = new SeededRng('x25519')

  it('gives the shared secret that an ordinary X25519 sender computes, whoever answers', () => {
    for (const shape of [
      [1, 1],
      [2, 3],
      [3, 5],
      [7, 10],
    ] as const) {
      const key = shareKey(group, group.randomScalar(rng), shape, rng)
      const recipient = keyOf(publicKeyFromEdwards(key.publicKey))
      const senders = [1, 2, 3].map(() => generateKeyPairSync('x25519'))
      const points = senders.map(({ publicKey }) => decodeEncapsulation(group, rawOf(publicKey)))
      const slots = [...key.shares.keys()].slice(-shape[0])
      const partials = slots.map(slot => {
        const publicShare = verifyingShare(group, key.commitments, slot)
        const partial = decryptPartial(group, key.shares.get(slot)!, points, publicShare, rng)
        assert.ok(verifyDecryptPartial(group, points, publicShare, partial.elements, partial.proof))
        return { slot, ...partial }
      })
      const secrets = combineDecryption(group, partials).map(secret => toHex(secret.expose()))
      const expected = senders.map(({ privateKey }) => diffieHellman({ privateKey, publicKey: recipient }))
      assert.deepEqual(
        secrets,
        expected.map(bytes => bytes.toString('hex')),
      )
    }
  })

  it('serves an imported X25519 key under its old public key', () => {
    const recipient = generateKeyPairSync('x25519')
    const raw = recipient.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
    const scalar = privateKeyToScalar(new Secret(new Uint8Array(raw)))
    const publicKey = group.multiplyBase(scalar.expose())
    assert.equal(toHex(publicKeyFromEdwards(publicKey)), toHex(rawOf(recipient.publicKey)))
    refuses('malformed', () => privateKeyToScalar(new Secret(new Uint8Array(31))))
  })

  it('finds the wrong partial by its proof', () => {
    const key = shareKey(group, group.randomScalar(rng), [2, 3], rng)
    const point = decodeEncapsulation(group, rawOf(generateKeyPairSync('x25519').publicKey))
    const publicShare = verifyingShare(group, key.commitments, 1)
    const { elements, proof } = decryptPartial(group, key.shares.get(1)!, [point], publicShare, rng)
    const wrong = [group.add(elements[0]!, group.base)]
    assert.ok(!verifyDecryptPartial(group, [point], publicShare, wrong, proof))
    assert.ok(!verifyDecryptPartial(group, [point], key.publicKey, elements, proof))
  })

  it('refuses partials that cancel out', () => {
    const partials = [1, 2].map(slot => ({ slot, elements: [group.identity] }))
    refuses('bad_partial', () => combineDecryption(group, partials))
  })
})
