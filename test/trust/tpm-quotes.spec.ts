import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fromHex, OstrakaError, toHex, utf8 } from '../../src/base/index.ts'
import { sha256, signValue } from '../../src/crypto/index.ts'
import {
  attestationKeyId,
  platformMeasurement,
  quoteChallenge,
  selectionOf,
  verifyQuote,
  verifyStatement,
} from '../../src/trust/index.ts'
import { readAttestationKey, readQuote, readSignature } from '../../src/trust/tpm-structures.ts'
import type { AttestationEvidence, AttestationStatement, Tpm2Evidence } from '../../src/wire/index.ts'
import { keyNamed } from '../control/fixture.ts'

interface Vector {
  readonly name: string
  readonly attestationKey: string
  readonly quote: string
  readonly signature: string
  readonly reason?: string
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/tpm2/quotes.json', import.meta.url), 'utf8')) as {
  readonly challenge: string
  readonly pcrs: readonly number[]
  readonly accepted: readonly Vector[]
  readonly refused: readonly Vector[]
  readonly names: Readonly<Record<string, string>>
  readonly pem: Readonly<Record<string, string>>
}

const networkId = sha256(utf8('network'))
const nonce = sha256(utf8('nonce'))
const program = sha256(utf8('program'))
const node = keyNamed('node-0')
const challenge = fromHex(vectors.challenge)
const [ecc, rsa] = vectors.accepted as readonly [Vector, Vector]

function evidenceOf(vector: Vector, changes: Partial<Tpm2Evidence> = {}): Tpm2Evidence {
  const { attestationKey, quote, signature } = vector
  return {
    type: 'tpm2',
    program,
    attestationKey: fromHex(attestationKey),
    quote: fromHex(quote),
    signature: fromHex(signature),
    ...changes,
  }
}

/** The error's code, and for `bad_attestation` its reason. */
function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof OstrakaError, String(error))
    return error.code === 'bad_attestation' ? String(error.details.reason) : error.code
  }
  return 'accepted'
}

const replaced = (bytes: Uint8Array, at: number, value: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at] = value
  return copy
}

describe('quotes of a real TPM stack', () => {
  it('hold under both key types, and say which PCRs held what', () => {
    const boot = sha256(new Uint8Array(32), sha256(utf8('boot')))
    const digest = sha256(new Uint8Array(96), boot)
    for (const vector of vectors.accepted) {
      const quote = verifyQuote(evidenceOf(vector), challenge)
      assert.deepEqual(quote.pcrs, vectors.pcrs, vector.name)
      assert.equal(toHex(quote.pcrDigest), toHex(digest))
      assert.deepEqual(quote.selection, selectionOf(vectors.pcrs))
    }
  })

  it('are refused for the reason that is theirs', () => {
    for (const vector of vectors.refused) {
      assert.equal(
        refusal(() => verifyQuote(evidenceOf(vector), challenge)),
        vector.reason,
        vector.name,
      )
    }
  })

  it('no changed byte of a quote, and none of its signature, passes', () => {
    for (const vector of vectors.accepted) {
      const evidence = evidenceOf(vector)
      for (const field of ['quote', 'signature'] as const) {
        for (let at = 0; at < evidence[field].length; at++) {
          const changed = { ...evidence, [field]: replaced(evidence[field], at, evidence[field][at]! ^ 1) }
          assert.notEqual(
            refusal(() => verifyQuote(changed, challenge)),
            'accepted',
            `${field} byte ${at}`,
          )
        }
      }
    }
  })

  it('structures cut off at any byte, or followed by one, are malformed', () => {
    const readers = [
      [fromHex(ecc.attestationKey), readAttestationKey],
      [fromHex(rsa.attestationKey), readAttestationKey],
      [fromHex(ecc.quote), readQuote],
      [fromHex(ecc.signature), (bytes: Uint8Array) => readSignature(bytes, 'ecdsa-p256')],
    ] as const
    for (const [bytes, read] of readers) {
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(
          refusal(() => read(bytes.slice(0, length))),
          'malformed',
          `${length} bytes`,
        )
      }
      assert.equal(
        refusal(() => read(new Uint8Array([...bytes, 0]))),
        'malformed',
      )
    }
  })

  it('an attestation key is known by its TPM name, and is the key that the TPM exported', () => {
    for (const vector of vectors.accepted) {
      const area = fromHex(vector.attestationKey)
      assert.equal(`000b${toHex(attestationKeyId(area))}`, vectors.names[vector.name])
      const key = readAttestationKey(area)
      const jwk = createPublicKey(vectors.pem[vector.name]!).export({ format: 'jwk' })
      const [mine, theirs] = key.type === 'rsassa' ? [key.modulus, jwk.n!] : [key.x, jwk.x!]
      assert.equal(Buffer.from(mine).toString('base64url'), theirs)
    }
  })

  it('a key that could leave its TPM, or decrypt, is refused by its attributes', () => {
    // objectAttributes are the bytes 4 to 7: 00 05 00 72
    const area = fromHex(ecc.attestationKey)
    for (const [at, value] of [
      [7, 0x70],
      [7, 0x62],
      [7, 0x52],
      [5, 0x04],
      [5, 0x01],
      [5, 0x07],
    ] as const) {
      assert.equal(
        refusal(() => readAttestationKey(replaced(area, at, value))),
        'key',
      )
    }
  })

  it('a point off the curve and a short RSA key are refused', () => {
    const offCurve = replaced(fromHex(ecc.attestationKey), 30, 0)
    assert.equal(
      refusal(() => verifyQuote(evidenceOf(ecc, { attestationKey: offCurve }), challenge)),
      'malformed',
    )
    const area = fromHex(rsa.attestationKey)
    const short = new Uint8Array([...area.slice(0, -258), 0, 128, ...area.slice(-256, -128)])
    assert.equal(
      refusal(() => verifyQuote(evidenceOf(rsa, { attestationKey: short }), challenge)),
      'malformed',
    )
  })
})

describe('a statement', () => {
  const signed = (value: Partial<AttestationStatement> = {}, key = node, network = networkId) =>
    signValue(key, 'attestation', network, { nonce, evidence: evidenceOf(ecc), ...value })
  const verify = (statement: ReturnType<typeof signed>) =>
    verifyStatement(networkId, node.publicKey, [sha256(utf8('older')), nonce], statement)

  it('gives the measurements of the program and of the platform', () => {
    assert.deepEqual(quoteChallenge(networkId, nonce, node.publicKey, program), challenge)
    const attested = verify(signed())
    const { selection, pcrDigest } = attested.quote!
    assert.equal(attested.method, 'tpm2')
    assert.deepEqual(attested.measurements, [program, platformMeasurement(selection, pcrDigest)])
    const measured = verify(signed({ evidence: { type: 'measured', program } }))
    assert.deepEqual(measured, { method: 'measured', measurements: [program] })
  })

  it('another choice of PCRs is another platform', () => {
    const digest = sha256()
    assert.notDeepEqual(
      platformMeasurement(selectionOf([0, 2]), digest),
      platformMeasurement(selectionOf([0, 4]), digest),
    )
  })

  it('is refused from another node, over another challenge, for another network or program', () => {
    const stranger = keyNamed('stranger')
    const evidence: AttestationEvidence = { ...evidenceOf(ecc), program: sha256(utf8('another program')) }
    assert.equal(
      refusal(() => verify(signed({}, stranger))),
      'unauthorized',
    )
    assert.equal(
      refusal(() => verify(signed({ nonce: sha256(utf8('newer')) }))),
      'expired',
    )
    assert.equal(
      refusal(() => verify(signed({}, node, sha256(utf8('other'))))),
      'bad_signature',
    )
    assert.equal(
      refusal(() => verify(signed({ evidence }))),
      'nonce',
    )
  })

  it('of another node’s quote is refused, though that node’s TPM made it', () => {
    const thief = keyNamed('thief')
    const stolen = signed({}, thief)
    assert.equal(
      refusal(() => verifyStatement(networkId, thief.publicKey, [nonce], stolen)),
      'nonce',
    )
  })
})
