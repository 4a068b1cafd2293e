import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { ReadableStream } from 'node:stream/web'
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { decryptStream, encryptStream, type NetworkIdentity } from '../../src/cli/age/index.ts'
import { type ApiFixture, startFixture } from '../api/fixture.ts'

describe('age files of network keys', () => {
  let api: ApiFixture
  let recipient: string

  before(async () => {
    api = await startFixture()
    const key = { kind: 'x25519', threshold: 2, shares: 3 } as const
    recipient = (await api.client.createKey({ name: 'files', ...key })).recipient!
    await api.client.createKey({ name: 'others', ...key })
  })

  after(() => api.stop())

  const identity = async (name: string, client = api.client): Promise<NetworkIdentity> => ({
    name,
    version: 1,
    recipient: (await client.key(name)).recipient!,
    sharedSecret: async ephemeral => (await client.decrypt(name, [ephemeral])).outputs[0]!,
  })

  const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> => ReadableStream.from([bytes])

  const bytesOf = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> => {
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  for (const size of [0, 1, 65_536, 200_001]) {
    it(`${size} bytes come back`, async () => {
      const plain = randomBytes(size)
      const sealed = await bytesOf(await encryptStream([recipient], streamOf(plain)))
      const opened = await decryptStream([await identity('files')], streamOf(sealed))
      assert.deepEqual(await bytesOf(opened), plain)
    })
  }

  it('finds the right key among several, and the right stanza among several', async () => {
    const own = await generateIdentity()
    const recipients = [await identityToRecipient(own), recipient]
    const sealed = await bytesOf(await encryptStream(recipients, streamOf(Buffer.from('both'))))
    const identities = [await identity('others'), await identity('files')]
    assert.equal(String(await bytesOf(await decryptStream(identities, streamOf(sealed)))), 'both')
    const decrypter = new Decrypter()
    decrypter.addIdentity(own)
    assert.equal(await decrypter.decrypt(new Uint8Array(sealed), 'text'), 'both')
  })

  it('a file for someone else is refused, and so is a principal without rights', async () => {
    const other = await identityToRecipient(await generateIdentity())
    const sealed = await bytesOf(await encryptStream([other], streamOf(Buffer.from('x'))))
    await assert.rejects(decryptStream([await identity('files')], streamOf(sealed)), { code: 'malformed' })
    const ours = await bytesOf(await encryptStream([recipient], streamOf(Buffer.from('x'))))
    const stranger = await identity('files', api.as(api.stranger))
    await assert.rejects(decryptStream([stranger], streamOf(ours)), { code: 'forbidden' })
  })

  it('a bent payload is never passed off as plain text', async () => {
    const sealed = await bytesOf(await encryptStream([recipient], streamOf(randomBytes(1000))))
    sealed[sealed.length - 1]! ^= 1
    const opened = await decryptStream([await identity('files')], streamOf(sealed))
    await assert.rejects(bytesOf(opened))
  })

  it('refuses what is no recipient', async () => {
    await assert.rejects(encryptStream(['age1nonsense'], streamOf(new Uint8Array(0))), { code: 'malformed' })
  })
})
