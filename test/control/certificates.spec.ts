import assert from 'node:assert/strict'
import { compareBytes, toHex } from '../../src/base/index.ts'
import { honestMinority, makeCertificate } from '../../src/control/certificates.ts'
import { initialState, networkIdOf, quorumOf, verifyCertificate } from '../../src/control/index.ts'
import { signValue } from '../../src/crypto/index.ts'
import type { Certificate, Signed, Vote } from '../../src/wire/index.ts'
import { keyNamed, makeGenesis, nodeKeys } from './fixture.ts'

const keys = nodeKeys(5)
const genesis = makeGenesis(keys)
const networkId = networkIdOf(genesis)
const { validators } = initialState(genesis)
const vote: Vote = { height: 3, round: 1, blockId: new Uint8Array(32).fill(9) }

function precommits(count: number, value: Vote = vote): Signed<Vote>[] {
  return keys.slice(0, count).map(key => signValue(key, 'precommit', networkId, value))
}

function isGood(certificate: Certificate): boolean {
  try {
    verifyCertificate(networkId, validators, certificate)
    return true
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'bad_certificate')
    return false
  }
}

describe('certificates', () => {
  it('a quorum is more than two thirds: any two share an honest validator', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 10, 16].map(quorumOf), [1, 2, 3, 3, 4, 5, 5, 7, 11])
    for (let n = 1; n <= 64; n++) {
      const f = Math.floor((n - 1) / 3)
      assert.ok(2 * quorumOf(n) - n > f && quorumOf(n) <= n - f)
      assert.equal(honestMinority(n), f + 1)
    }
  })

  it('q signatures of distinct validators make one, in whatever order they came', () => {
    const certificate = makeCertificate(precommits(4).toReversed())
    assert.ok(isGood(certificate))
    const signers = certificate.signatures.map(({ signer }) => signer)
    assert.deepEqual(signers.map(toHex), signers.toSorted(compareBytes).map(toHex))
  })

  it('too few, doubled, disordered, foreign, forged and misplaced signatures make none', () => {
    const good = makeCertificate(precommits(4))
    const { signatures } = good
    const stranger = signValue(keyNamed('stranger'), 'precommit', networkId, vote)
    const prevote = signValue(keys[4]!, 'prevote', networkId, vote)
    const elsewhere = signValue(keys[4]!, 'precommit', new Uint8Array(32), vote)
    const bad: Record<string, Certificate> = {
      'too few': makeCertificate(precommits(3)),
      doubled: { ...good, signatures: [signatures[0]!, ...signatures.slice(0, 3)] },
      disordered: { ...good, signatures: signatures.toReversed() },
      foreign: makeCertificate([...precommits(3), stranger]),
      'another step': makeCertificate([...precommits(3), prevote]),
      'another network': makeCertificate([...precommits(3), elsewhere]),
      'another round': { ...good, round: 2 },
      'another block': { ...good, blockId: new Uint8Array(32) },
      'another height': { ...good, height: 4 },
    }
    for (const [why, certificate] of Object.entries(bad)) assert.ok(!isGood(certificate), why)
  })
})
