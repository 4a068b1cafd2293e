import assert from 'node:assert/strict'
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js'
import { ristretto255_oprf } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import { expandMessage64 } from '../../src/crypto/hash-to-group.ts'
import {
  blind,
  cryptoReady,
  evaluatePartial,
  finalize,
  finalizeDirect,
  ristretto255 as group,
  hashInput,
  verifyPartial,
} from '../../src/crypto/index.ts'

await cryptoReady

describe('against noble', () => {
  const rng = new SeededRng('noble')

  it('expand_message_xmd is the same for messages around the block size', () => {
    for (const length of [0, 1, 63, 64, 127, 128, 129, 1000]) {
      const message = rng.bytes(length)
      const expected = expand_message_xmd(message, utf8('domain'), 64, sha512)
      assert.equal(toHex(expandMessage64(message, utf8('domain'))), toHex(expected))
    }
  })

  it('a noble client finalizes what a holder evaluates, and a noble server verifies its proof', () => {
    for (let i = 0; i < 8; i++) {
      const input = rng.bytes(i * 7)
      const key = new Secret(group.randomScalar(rng))
      const publicKey = group.multiplyBase(key.expose())
      const theirs = ristretto255_oprf.voprf.blind(input)
      const blinded = group.decode(theirs.blinded)
      const { elements, proof } = evaluatePartial(group, key, [blinded], publicKey, rng)
      const wireProof = Buffer.concat([proof.challenge, proof.response])
      const output = ristretto255_oprf.voprf.finalize(
        input,
        theirs.blind,
        elements[0]!.bytes,
        theirs.blinded,
        publicKey.bytes,
        new Uint8Array(wireProof),
      )
      const direct = group.multiply(hashInput(group, input), key.expose())
      assert.equal(toHex(finalizeDirect(input, direct).expose()), toHex(output))
    }
  })

  it('our client finalizes what a noble server evaluates, and verifies its proof', () => {
    const input = utf8('input')
    const key = group.randomScalar(rng)
    const publicKey = group.multiplyBase(key)
    const ours = blind(group, input, rng)
    const theirs = ristretto255_oprf.voprf.blindEvaluate(key, publicKey.bytes, ours.element.bytes)
    const evaluated = group.decode(theirs.evaluated)
    const proof = { challenge: theirs.proof.slice(0, 32), response: theirs.proof.slice(32) }
    assert.ok(verifyPartial(group, [ours.element], publicKey, [evaluated], proof))
    const output = finalize(group, input, ours.blind, evaluated)
    const direct = group.multiply(hashInput(group, input), key)
    assert.equal(toHex(output.expose()), toHex(finalizeDirect(input, direct).expose()))
  })
})
