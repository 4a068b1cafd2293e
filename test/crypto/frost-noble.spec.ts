import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import type { FROST } from '@noble/curves/abstract/frost.js'
import { ed25519_FROST } from '@noble/curves/ed25519.js'
import { schnorr, schnorr_FROST } from '@noble/curves/secp256k1.js'
import { randomBelow, SeededRng, toHex } from '../../src/base/index.ts'
import { frostBip340 } from '../../src/crypto/bip340.ts'
import type { Ciphersuite } from '../../src/crypto/frost-ciphersuite.ts'
import { frostEd25519 } from '../../src/crypto/frost-ed25519.ts'
import { commitNonces } from '../../src/crypto/frost-nonces.ts'
import { cryptoReady } from '../../src/crypto/index.ts'
import { type SigningKind, signingSuite } from '../../src/crypto/signing-suite.ts'
import { randomKey, type TestKey } from './frost-fixture.ts'

before(() => cryptoReady)

type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean

const verifyByPlatform: Verify = (publicKey, message, signature) => {
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, message, key, signature)
}

const CASES: ReadonlyArray<{ kind: SigningKind; ciphersuite: Ciphersuite; noble: FROST; verify: Verify }> = [
  { kind: 'ed25519', ciphersuite: frostEd25519, noble: ed25519_FROST, verify: verifyByPlatform },
  {
    kind: 'secp256k1',
    ciphersuite: frostBip340,
    noble: schnorr_FROST,
    verify: (publicKey, message, signature) => schnorr.verify(signature, message, publicKey),
  },
]

// thresholds and share counts; every other run has more signers than the threshold
const SHAPES = [
  [2, 2],
  [2, 3],
  [3, 5],
  [2, 7],
  [4, 6],
  [5, 9],
  [2, 5],
  [3, 4],
] as const

for (const { kind, ciphersuite, noble, verify } of CASES) {
  describe(`FROST for ${kind} against noble`, () => {
    const suite = signingSuite(kind)
    const { group } = suite

    const nobleIdOf = (slot: number): string => noble.Identifier.fromNumber(slot)
    const noblePublic = (key: TestKey, min: number, slots: readonly number[]) => ({
      signers: { min, max: slots.length },
      commitments: [key.publicKey.bytes],
      verifyingShares: Object.fromEntries(
        slots.map(slot => [nobleIdOf(slot), key.verifyingShare(slot).bytes]),
      ),
    })

    for (const [run, [threshold, count]] of SHAPES.entries()) {
      it(`${threshold} of ${count}: same commitments, same signature shares, same signature`, () => {
        const rng = new SeededRng(`noble/${kind}/${run}`)
        const slots = Array.from({ length: count }, (_, i) => i + 1)
        const key = randomKey(group, threshold, slots, rng)
        const signers = chooseSome(slots, Math.min(count, threshold + (run % 2)), rng)
        const message = rng.bytes(randomBelow(rng, 200))

        const rounds = signers.map(slot => {
          const random = rng.fork(`nonce/${slot}`)
          const secret = { identifier: nobleIdOf(slot), signingShare: new Uint8Array(key.shares.get(slot)!) }
          const theirs = noble.commit(secret, (length = 32) => new Uint8Array(random.bytes(length)))
          const ours = commitNonces(ciphersuite, key.share(slot), rng.fork(`nonce/${slot}`))
          assert.equal(toHex(ours.commitments.hiding), toHex(theirs.commitments.hiding))
          assert.equal(toHex(ours.commitments.binding), toHex(theirs.commitments.binding))
          return { slot, secret, theirs, ours }
        })
        const commitments = rounds.map(({ slot, ours }) => ({ slot, ...ours.commitments }))
        const nobleCommitments = rounds.map(({ theirs }) => theirs.commitments)
        const publicPackage = noblePublic(key, threshold, slots)

        const shares = rounds.map(({ slot, secret, theirs, ours }) => {
          const { publicKey } = key
          const request = {
            slot,
            share: key.share(slot),
            publicKey,
            nonces: ours.nonces,
            commitments,
            message,
          }
          const share = suite.signShare(request)
          const expected = noble.signShare(secret, publicPackage, theirs.nonces, nobleCommitments, message)
          assert.equal(toHex(share), toHex(expected))
          return { slot, share }
        })

        const signature = suite.aggregate({ ...key, commitments, message, shares })
        const nobleShares = Object.fromEntries(shares.map(({ slot, share }) => [nobleIdOf(slot), share]))
        const expected = noble.aggregate(publicPackage, nobleCommitments, message, nobleShares)
        assert.equal(toHex(signature), toHex(expected))
        assert.equal(verify(suite.encodePublicKey(key.publicKey), message, signature), true)
      })
    }
  })
}

/** `count` of the slots, in random order. */
function chooseSome(slots: readonly number[], count: number, rng: SeededRng): number[] {
  const rest = [...slots]
  return Array.from({ length: count }, () => rest.splice(randomBelow(rng, rest.length), 1)[0]!)
}
