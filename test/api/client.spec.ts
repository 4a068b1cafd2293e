import assert from 'node:assert/strict'
import { diffieHellman, generateKeyPairSync, randomBytes } from 'node:crypto'
import { connect, publicKeyOfRecipient } from '../../src/api/index.ts'
import { OstrakaError, Secret, toHex, utf8 } from '../../src/base/index.ts'
import { SigningKey } from '../../src/crypto/index.ts'
import { type ApiFixture, startFixture } from './fixture.ts'
import { voprfVectors } from './rfc9497.ts'

describe('API client', () => {
  let api: ApiFixture

  before(async () => {
    api = await startFixture()
  })

  after(() => api.stop())

  const SIZES = { threshold: 2, shares: 3 } as const

  for (const way of ['token', 'principal'] as const) {
    const client = () => (way === 'token' ? api.client : api.as(api.owner))

    it(`imports an Ed25519 seed without showing it, by ${way}`, async () => {
      const seed = randomBytes(32)
      const { publicKey } = new SigningKey(new Secret(Uint8Array.from(seed)))
      const key = { name: `seed-${way}`, kind: 'ed25519', ...SIZES } as const
      const made = await client().importKey(key, new Secret(Uint8Array.from(seed)))
      assert.equal(made.publicKey, Buffer.from(publicKey).toString('base64'))
      assert.equal(made.state, 'active')
      for (const record of api.node.records.values()) assert.ok(!Buffer.from(record).includes(seed))
    })

    it(`imports RFC 9497’s ristretto255 key and derives the RFC’s output, by ${way}`, async () => {
      const { key, vectors } = voprfVectors()
      const name = `oprf-${way}`
      await client().importKey({ name, kind: 'ristretto255', ...SIZES }, new Secret(key))
      const inputs = vectors.map(vector => vector.input)
      const expected = vectors.map(vector => toHex(vector.output))
      assert.deepEqual((await client().derive(name, inputs)).outputs.map(toHex), expected)
      assert.deepEqual((await client().deriveBlinded(name, inputs)).outputs.map(toHex), expected)
    })

    it(`imports an X25519 key that agrees as before, by ${way}`, async () => {
      const own = generateKeyPairSync('x25519')
      const raw = own.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
      const name = `x-${way}`
      const made = await client().importKey(
        { name, kind: 'x25519', ...SIZES },
        new Secret(Uint8Array.from(raw)),
      )
      const spki = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
      assert.equal(toHex(publicKeyOfRecipient(made.recipient!)!), toHex(spki))
      const other = generateKeyPairSync('x25519')
      const expected = diffieHellman({ privateKey: own.privateKey, publicKey: other.publicKey })
      const ephemeral = other.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
      const { outputs } = await client().decrypt(name, [Uint8Array.from(ephemeral)])
      assert.equal(toHex(outputs[0]!), toHex(expected))
    })
  }

  it('refuses a gateway’s wrong evaluation in blinded derivation', async () => {
    await api.client.createKey({ name: 'liar', kind: 'ristretto255', ...SIZES })
    const { operate } = api.node
    api.node.operate = async request => {
      const result = await operate.call(api.node, request)
      const [first, ...rest] = result.proofs ?? []
      return { ...result, proofs: [{ ...first!, elements: rest[0]!.elements }, ...rest] }
    }
    try {
      await assert.rejects(api.client.deriveBlinded('liar', [utf8('x')]), { code: 'bad_partial' })
    } finally {
      api.node.operate = operate
    }
  })

  it('throws the daemon’s own code with its details', async () => {
    await assert.rejects(api.client.key('none'), error => {
      assert.ok(error instanceof OstrakaError)
      assert.equal(error.code, 'unknown_key')
      assert.deepEqual(error.details, { name: 'none' })
      return true
    })
  })

  it('says unreachable when nobody listens', async () => {
    const client = connect({ api: 'http://127.0.0.1:1' })
    await assert.rejects(client.status(), { code: 'unreachable' })
    client.close()
  })
})
