import assert from 'node:assert/strict'
import { fromHex, toHex } from '../../src/base/index.ts'
import { aggregate, signShares, verifyShare } from '../../src/crypto/frost.ts'
import type { Ciphersuite } from '../../src/crypto/frost-ciphersuite.ts'
import { commitNonces } from '../../src/crypto/frost-nonces.ts'
import { bindCommitments } from '../../src/crypto/frost-package.ts'
import { assertHex, dealKey, FixedRng, type FrostVector } from './frost-fixture.ts'

/** Declares one test for each intermediate value of a FROST vector. */
export function reproducesVector(suite: Ciphersuite, vector: FrostVector): void {
  const { group } = suite
  const { inputs } = vector
  const slots = inputs.participant_shares.map(share => share.identifier)
  const coefficients = [inputs.group_secret_key, ...inputs.share_polynomial_coefficients].map(fromHex)
  const message = fromHex(inputs.message)
  const outputs = vector.round_one_outputs.outputs
  const commitments = outputs.map(output => ({
    slot: output.identifier,
    hiding: fromHex(output.hiding_nonce_commitment),
    binding: fromHex(output.binding_nonce_commitment),
  }))
  const sigShares = vector.round_two_outputs.outputs.map(output => ({
    slot: output.identifier,
    share: fromHex(output.sig_share),
  }))
  const deal = () => dealKey(group, coefficients, slots)
  const commit = (index: number) => {
    const output = outputs[index]!
    const rng = new FixedRng(output.hiding_nonce_randomness, output.binding_nonce_randomness)
    return commitNonces(suite, deal().share(output.identifier), rng)
  }

  it('deals the shares and the public key', () => {
    const key = deal()
    assertHex(key.publicKey.bytes, inputs.group_public_key ?? inputs.verifying_key_key!)
    for (const { identifier, participant_share } of inputs.participant_shares) {
      assertHex(key.shares.get(identifier)!, participant_share)
    }
  })

  it('generates the nonces and the nonce commitments', () => {
    for (const [index, output] of outputs.entries()) {
      const { nonces, commitments } = commit(index)
      assertHex(commitments.hiding, output.hiding_nonce_commitment)
      assertHex(commitments.binding, output.binding_nonce_commitment)
      const scalars = nonces.spend((hiding, binding) => [toHex(hiding), toHex(binding)])
      assert.deepEqual(scalars, [output.hiding_nonce, output.binding_nonce])
    }
  })

  it('computes the binding factors', () => {
    // H1 of the vector's input, and of the input as assembled by the code
    for (const output of outputs) {
      assertHex(suite.h1(fromHex(output.binding_factor_input)), output.binding_factor)
    }
    const terms = bindCommitments(suite, deal().publicKey, commitments, message)
    assert.deepEqual(
      terms.map(term => toHex(term.factor)),
      outputs.map(output => output.binding_factor),
    )
  })

  it('computes the signature shares', () => {
    const key = deal()
    for (const [index, { slot, share }] of sigShares.entries()) {
      const signer = { slot, share: key.share(slot), publicKey: key.publicKey }
      const { nonces } = commit(index)
      const [made] = signShares(suite, signer, [{ nonces, commitments, message }])
      assertHex(made!, toHex(share))
    }
  })

  it('verifies the signature shares', () => {
    const { publicKey, verifyingShare } = deal()
    for (const { slot, share } of sigShares) {
      const claim = { slot, share, verifyingShare: verifyingShare(slot), publicKey, commitments, message }
      assert.equal(verifyShare(suite, claim), true)
      const otherMessage = new Uint8Array([...message, 0])
      assert.equal(verifyShare(suite, { ...claim, message: otherMessage }), false)
    }
  })

  it('aggregates the signature, which verifies', () => {
    const key = deal()
    const [signature] = aggregate(suite, key, [{ commitments, message, shares: sigShares }])
    assertHex(signature!, vector.final_output.sig)
    assert.equal(suite.isValid(key.publicKey, message, signature!), true)
  })
}
