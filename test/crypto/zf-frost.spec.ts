import assert from 'node:assert/strict'
import { fromHex, SeededRng } from '../../src/base/index.ts'
import { frostBip340 } from '../../src/crypto/bip340.ts'
import { frostEd25519 } from '../../src/crypto/frost-ed25519.ts'
import { cryptoReady, type Scalar } from '../../src/crypto/index.ts'
import { signingSuite } from '../../src/crypto/signing-suite.ts'
import { assertHex, type FrostVector, randomKey, readVector, refuses, roundOne } from './frost-fixture.ts'
import { reproducesVector } from './frost-vector-rules.ts'

interface Elements {
  readonly elements: { readonly invalid_element: string }
}

interface Samples {
  readonly identifier: string
  readonly element1: string
  readonly element2: string
  readonly scalar1: string
}

interface RepairShare {
  readonly scalar_generation: Readonly<Record<string, string>>
  readonly sigma_generation: Readonly<Record<string, string>>
}

before(() => cryptoReady)

const CASES = [
  { folder: 'zf-frost/frost-ed25519', ciphersuite: frostEd25519, kind: 'ed25519' },
  { folder: 'zf-frost/frost-secp256k1-tr', ciphersuite: frostBip340, kind: 'secp256k1' },
] as const

for (const { folder, ciphersuite, kind } of CASES) {
  describe(`Zcash Foundation ${folder}`, () => {
    const { group } = ciphersuite

    reproducesVector(ciphersuite, readVector<FrostVector>(`${folder}/vectors.json`))

    it('refuses the invalid element wherever a signer could send it', () => {
      const invalid = fromHex(readVector<Elements>(`${folder}/elements.json`).elements.invalid_element)
      refuses('malformed', () => group.decode(invalid))
      const suite = signingSuite(kind)
      const rng = new SeededRng(folder)
      const key = randomKey(group, 2, [1, 2, 3], rng)
      for (const part of ['hiding', 'binding']) {
        const { commitments, nonces } = roundOne(suite, key, [1, 3], rng)
        const forged = commitments.map(line => (line.slot === 3 ? { ...line, [part]: invalid } : line))
        const request = { slot: 1, share: key.share(1), publicKey: key.publicKey, nonces: nonces.get(1)! }
        const message = new Uint8Array(0)
        refuses('malformed', () => suite.signShare({ ...request, commitments: forged, message }), { slot: 3 })
      }
    })

    it('reads and writes the sample identifier, elements and scalar', () => {
      const samples = readVector<Samples>(`${folder}/samples.json`)
      assertHex(group.scalarFromInt(42), samples.identifier)
      assertHex(group.decode(fromHex(samples.element1)).bytes, samples.element1)
      assertHex(group.decode(fromHex(samples.element2)).bytes, samples.element2)
      assertHex(group.decodeScalar(fromHex(samples.scalar1)), samples.scalar1)
      assertHex(group.add(group.base, group.base).bytes, samples.element2)
    })

    it('adds up the repair deltas and sigmas', () => {
      const repair = readVector<RepairShare>(`${folder}/repair-share.json`)
      const sum = (values: Readonly<Record<string, string>>): Scalar =>
        Object.entries(values)
          .filter(([name]) => !name.endsWith('_sum'))
          .map(([, value]) => group.decodeScalar(fromHex(value)))
          .reduce(group.scalarAdd)
      assertHex(sum(repair.scalar_generation), repair.scalar_generation.random_scalar_sum!)
      assertHex(sum(repair.sigma_generation), repair.sigma_generation.sigma_sum!)
      assert.equal(Object.keys(repair.scalar_generation).length, 4)
    })
  })
}
