import assert from 'node:assert/strict'
import { type Rng, Secret, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import { proveDleq } from '../../src/crypto/dleq.ts'
import {
  blind,
  cryptoReady,
  deal,
  edwards25519,
  evaluate,
  type Group,
  generateSealingKey,
  provePossession,
  randomPolynomial,
  ristretto255,
  type Scalar,
  SigningKey,
  sealTogether,
  secp256k1,
  secretBytes,
  secretScalar,
  signingSuite,
  toy,
} from '../../src/crypto/index.ts'
import { Vault } from '../../src/keys/index.ts'

await cryptoReady

/** The state of a virtual machine that was resumed twice: every draw is the same. */
const repeating: Rng = { bytes: length => new Uint8Array(length).fill(0x5a) }

/** k of a Schnorr proof: response + challenge * secret. */
function nonceOf(group: Group, secret: Secret, proof: { challenge: Scalar; response: Scalar }): string {
  const product = group.scalarMultiply(proof.challenge, secret.expose())
  return toHex(group.scalarAdd(proof.response, product))
}

function allDiffer(values: readonly string[]): void {
  assert.equal(new Set(values).size, values.length)
}

for (const group of [edwards25519, ristretto255, secp256k1, toy]) {
  describe(`with a random generator that repeats itself, over ${group.name}`, () => {
    const rng = new SeededRng(`hedged/${group.name}`)
    const secrets = [1, 2].map(() => new Secret(group.randomScalar(rng))) as [Secret, Secret]
    const publicKeys = secrets.map(secret => group.multiplyBase(secret.expose()))

    it('two different statements never share a DLEQ nonce', () => {
      const elements = [2, 3].map(each => group.multiplyBase(group.scalarFromInt(each)))
      const nonces = secrets.flatMap((secret, at) =>
        elements.flatMap(element =>
          ['one', 'two'].map(domain => {
            const evaluated = [group.multiply(element, secret.expose())]
            const statement = { publicKey: publicKeys[at]!, elements: [element], evaluated }
            const proof = proveDleq({ group, contextString: utf8(domain) }, secret, statement, repeating)
            return nonceOf(group, secret, proof)
          }),
        ),
      )
      allDiffer(nonces)
    })

    it('two different statements never share a nonce of a proof of possession', () => {
      const nonces = secrets.flatMap((secret, at) =>
        ['one', 'two'].map(context =>
          nonceOf(group, secret, provePossession(group, secret, publicKeys[at]!, utf8(context), repeating)),
        ),
      )
      allDiffer(nonces)
    })

    it('two different sharings never share a coefficient, nor do two degrees of one', () => {
      const coefficients = secrets.flatMap(secret =>
        ['one', 'two'].flatMap(statement =>
          randomPolynomial(group, 4, secret, repeating, utf8(statement))
            .coefficients.slice(1)
            .map(each => toHex(each.expose())),
        ),
      )
      assert.equal(coefficients.length, 12)
      allDiffer(coefficients)
    })

    it('two refreshes of one share are two polynomials', () => {
      const shares = ['one', 'two'].map(statement => {
        const polynomial = randomPolynomial(group, 3, secrets[0], repeating, utf8(statement))
        return toHex(evaluate(group, polynomial, 1).expose())
      })
      allDiffer(shares)
    })

    it('two different occasions, secrets or groups of recipients never share an ephemeral key', () => {
      const sealingGroup = group === toy ? toy : ristretto255
      const recipients = [1, 2].map(() => generateSealingKey(rng, sealingGroup).publicKey)
      const encs = secrets.flatMap(hedge =>
        ['one', 'two'].flatMap(occasion =>
          recipients.flatMap(recipient =>
            ['a', 'b'].map(info => {
              const message = { recipient, info: utf8(info), plaintext: hedge }
              const sealed = sealTogether(utf8(occasion), [message], hedge, repeating, sealingGroup)
              return toHex(sealed.encapsulation.enc)
            }),
          ),
        ),
      )
      assert.equal(encs.length, 16)
      allDiffer(encs)
    })

    it('no derivation is one of another purpose, and all need the secret', () => {
      const purposes = ['coefficient', 'contribution', 'ephemeral', 'sealing-key'] as const
      allDiffer(
        secrets.flatMap(secret =>
          purposes.map(purpose => toHex(secretScalar(group, purpose, secret, repeating, utf8('same')))),
        ),
      )
    })
  })
}

describe('with a random generator that repeats itself', () => {
  const rng = new SeededRng('hedged')

  it('FROST nonces made ahead differ by share, start counter and index', () => {
    for (const kind of ['ed25519', 'secp256k1'] as const) {
      const suite = signingSuite(kind)
      const shares = [1, 2].map(() => new Secret(suite.group.randomScalar(rng)))
      const commitments = shares.flatMap(share =>
        [1, 2].flatMap(start =>
          [0, 1, 2].flatMap(index => {
            const { hiding, binding } = suite.commitNonces(share, { start, index }, repeating).commitments
            return [toHex(hiding), toHex(binding)]
          }),
        ),
      )
      assert.equal(commitments.length, 24)
      allDiffer(commitments)
    }
  })

  it('two nodes, or two announcements of one, never make one sealing key', () => {
    const keys = [1, 2].map(() => new SigningKey(new Secret(rng.bytes(32))))
    const made = keys.flatMap(({ hedge }) =>
      ['one', 'two'].map(text =>
        toHex(generateSealingKey(repeating, ristretto255, { hedge, statement: utf8(text) }).publicKey.bytes),
      ),
    )
    allDiffer(made)
  })

  it('two inputs are never blinded by one scalar', () => {
    allDiffer(['one', 'two'].map(input => toHex(blind(ristretto255, utf8(input), repeating).blind.expose())))
  })

  it('no two secrets on the disk are encrypted under one AEAD nonce', () => {
    const vault = new Vault(new Secret(rng.bytes(32)))
    const secrets = [1, 2].map(() => new Secret(rng.bytes(32)))
    const nonces = secrets.flatMap(secret =>
      ['keys/share/a', 'keys/share/b'].map(path =>
        toHex(vault.lock(path, secret, repeating).value!.subarray(0, 12)),
      ),
    )
    allDiffer(nonces)
  })

  it('fresh randomness still counts: one statement twice gives two results', () => {
    const secret = new Secret(rng.bytes(32))
    const results = [1, 2, 3].map(() => toHex(secretBytes('coefficient', secret, rng, utf8('same'))))
    allDiffer(results)
  })

  it('a whole dealing of one share in two ceremonies has no point or ciphertext in common', () => {
    const secret = new Secret(edwards25519.randomScalar(rng))
    const keys = [1, 2, 3].map(() => generateSealingKey(rng))
    const recipients = keys.map(({ publicKey }, index) => ({ slot: index + 1, sealingKey: publicKey }))
    const [networkId, keyId, dealer] = [1, 2, 3].map(each => new Uint8Array(32).fill(each))
    const dealings = [7, 8].map(each => {
      const ceremony = new Uint8Array(32).fill(each)
      const named = { networkId: networkId!, keyId: keyId!, dealer: dealer!, version: 1, fromSlot: 2 }
      const context = { ...named, ceremony }
      return deal({ group: edwards25519, threshold: 3, recipients, secret, context, rng: repeating })
    })
    allDiffer(
      dealings.flatMap(({ commitments, encapsulation, sealedShares, possession }) => [
        ...commitments.slice(1).map(toHex),
        toHex(encapsulation.enc),
        nonceOf(edwards25519, secret, possession),
        ...sealedShares.map(({ sealed }) => toHex(sealed)),
      ]),
    )
  })
})
