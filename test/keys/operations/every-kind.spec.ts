import { deepEqual, equal, ok } from 'node:assert/strict'
import { ristretto255_oprf, x25519 } from '@noble/curves/ed25519.js'
import { schnorr } from '@noble/curves/secp256k1.js'
import { SeededRng, utf8 } from '../../../src/base/index.ts'
import {
  blind,
  cryptoReady,
  finalize,
  type ProvenPartial,
  ristretto255,
  signingSuite,
  verifyBlindedEvaluation,
  verifyEd25519,
} from '../../../src/crypto/index.ts'
import type { OperationResult } from '../../../src/keys/operations/index.ts'
import { TestNetwork } from './network.ts'

const inputs = [utf8('one'), utf8('two'), new Uint8Array(0), new Uint8Array(5000).fill(9)]

describe('operations of every kind of key', () => {
  before(() => cryptoReady)

  it('ed25519: a batch is signed, and each signature is an ordinary one', () => {
    const network = new TestNetwork()
    const key = network.addKey('ed25519')
    const { outputs, publicKey, version } = network.operate(network.request(key, inputs))
    equal(version, 1)
    deepEqual(publicKey, key.version.publicKey)
    equal(outputs.length, inputs.length)
    for (const [index, signature] of outputs.entries()) {
      ok(verifyEd25519(publicKey, inputs[index]!, signature))
    }
  })

  it('secp256k1: signatures verify as BIP-340', () => {
    const network = new TestNetwork()
    const key = network.addKey('secp256k1')
    const { outputs, publicKey } = network.operate(network.request(key, inputs.slice(0, 2)))
    for (const [index, signature] of outputs.entries()) {
      ok(schnorr.verify(signature, inputs[index]!, publicKey))
    }
  })

  it('toy: the simulator signs too', () => {
    const network = new TestNetwork()
    const key = network.addKey('toy')
    const { outputs, publicKey } = network.operate(network.request(key, inputs))
    for (const [index, signature] of outputs.entries()) {
      ok(signingSuite('toy').verify(publicKey, inputs[index]!, signature))
    }
  })

  it('ristretto255: plain and blinded derivation give the RFC 9497 output of the never assembled key', () => {
    const network = new TestNetwork()
    const key = network.addKey('ristretto255')
    const plain = network.operate(network.request(key, inputs))
    const rng = new SeededRng('blinds')
    const blinds = inputs.map(input => blind(ristretto255, input, rng))
    const elements = blinds.map(({ element }) => element)
    const request = network.request(
      key,
      elements.map(({ bytes }) => bytes),
      { isBlinded: true },
    )
    const blinded = network.operate(request)
    const evaluated = verifyBlindedEvaluation(
      ristretto255,
      key.version.commitments.map(ristretto255.decode),
      elements,
      provenPartials(blinded),
    )
    evaluated.forEach((element, index) => {
      deepEqual(blinded.outputs[index], element.bytes)
      const output = finalize(ristretto255, inputs[index]!, blinds[index]!.blind, element)
      deepEqual(output.expose(), plain.outputs[index])
    })
    equal(blinded.proofs?.length, 3)
    equal(plain.proofs, undefined)
    // noble, given the whole key, finalizes the same evaluation to the same bytes
    const client = ristretto255_oprf.voprf.blind(inputs[0]!)
    const server = ristretto255_oprf.voprf.blindEvaluate(
      key.secret.expose(),
      key.version.publicKey,
      client.blinded,
    )
    const noble = ristretto255_oprf.voprf.finalize(
      inputs[0]!,
      client.blind,
      server.evaluated,
      client.blinded,
      key.version.publicKey,
      server.proof,
    )
    deepEqual(new Uint8Array(noble), plain.outputs[0])
  })

  it('x25519: the shared secret is what the sender computed', () => {
    const network = new TestNetwork()
    const key = network.addKey('x25519')
    const senders = [1, 2, 3].map(byte => new Uint8Array(32).fill(byte))
    const { outputs } = network.operate(
      network.request(
        key,
        senders.map(sender => x25519.getPublicKey(sender)),
      ),
    )
    deepEqual(
      outputs,
      senders.map(sender => new Uint8Array(x25519.getSharedSecret(sender, key.version.publicKey))),
    )
  })

  it('a holder of several slots answers for all of them that are needed, and for no more', () => {
    for (const kind of ['ed25519', 'ristretto255'] as const) {
      const network = new TestNetwork(3)
      const [a, b, c] = network.peerIds
      const key = network.addKey(kind, 4, {}, [a!, b!, b!, c!, c!])
      network.operate(network.request(key, [utf8('x')]))
      const calls = network.requests.flatMap(({ request }) =>
        request.type === 'partial' ? [request.call] : [],
      )
      equal(calls.flatMap(call => call.slots).length, 4)
    }
  })

  it('a key with threshold 1 and one holder works', () => {
    const network = new TestNetwork(1)
    const key = network.addKey('ed25519', 1)
    ok(network.operate(network.request(key, [utf8('x')])).outputs.length === 1)
  })
})

function provenPartials({ proofs }: OperationResult): ProvenPartial[] {
  return proofs!.map(({ slot, elements, challenge, response }) => ({
    slot,
    elements: elements.map(ristretto255.decode),
    proof: { challenge, response },
  }))
}
