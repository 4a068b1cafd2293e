import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { ReadableStream } from 'node:stream/web'
import { armor, Decrypter, generateIdentity, identityToRecipient } from 'age-encryption'
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
    sharedSecrets: async ephemerals => (await client.decrypt(name, ephemerals)).outputs,
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
    const stranger = {
      ...(await identity('files')),
      sharedSecrets: async (ephemerals: readonly Uint8Array[]) =>
        (await api.as(api.stranger).decrypt('files', ephemerals)).outputs,
    }
    await assert.rejects(decryptStream([stranger], streamOf(ours)), { code: 'forbidden' })
  })

  it('a bent payload is never passed off as plain text', async () => {
    const sealed = await bytesOf(await encryptStream([recipient], streamOf(randomBytes(1000))))
    sealed[sealed.length - 1]! ^= 1
    const opened = await decryptStream([await identity('files')], streamOf(sealed))
    await assert.rejects(bytesOf(opened))
  })

  describe('with armor', () => {
    const sealed = async (plain: Uint8Array): Promise<string> =>
      armor.encode(await bytesOf(await encryptStream([recipient], streamOf(plain))))

    const opened = async (text: string, chunkBytes = text.length): Promise<Buffer> => {
      const bytes = Buffer.from(text)
      const count = Math.ceil(bytes.length / chunkBytes)
      const chunks = Array.from({ length: count }, (_, at) =>
        bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes),
      )
      return bytesOf(await decryptStream([await identity('files')], ReadableStream.from(chunks)))
    }

    for (const size of [0, 1, 2, 3, 40, 70_000]) {
      it(`${size} bytes come back, with either line end and in pieces of any size`, async () => {
        const plain = randomBytes(size)
        const text = await sealed(plain)
        for (const chunkBytes of [1, 7, 64, 65, 4096]) {
          if (size < 1000 || chunkBytes > 64) assert.deepEqual(await opened(text, chunkBytes), plain)
        }
        assert.deepEqual(await opened(`\n  ${text.replaceAll('\n', '\r\n')}\r\n\n`), plain)
      })
    }

    it('is read strictly', async () => {
      const text = await sealed(randomBytes(500))
      const lines = text.trimEnd().split('\n')
      const [begin, first, ...others] = lines
      for (const [what, bent] of Object.entries({
        'without its end': lines.slice(0, -1).join('\n'),
        'with something after it': `${text}\nmore`,
        'with an empty line': [begin, first, '', ...others].join('\n'),
        'with a short line': [begin, first!.slice(4), ...others].join('\n'),
        'with a long line': [begin, first! + others[0], ...others.slice(1)].join('\n'),
        'with padding in the middle': [begin, `${first!.slice(0, 62)}==`, ...others].join('\n'),
        'with another alphabet': [begin, `_${first!.slice(1)}`, ...others].join('\n'),
        'without lines': `${begin}${'A'.repeat(5000)}`,
      })) {
        for (const chunkBytes of [1, 4096]) {
          await assert.rejects(opened(bent, chunkBytes), { code: 'malformed' }, what)
        }
      }
    })
  })

  it('says that a file is none, by its first bytes', async () => {
    for (const text of ['', 'hello', 'age-encryption.org/v2\n', ' '.repeat(5000)]) {
      const opening = decryptStream([await identity('files')], streamOf(Buffer.from(text)))
      await assert.rejects(opening, { code: 'malformed', message: 'no age v1 file' }, text)
    }
  })

  it('refuses what is no recipient', async () => {
    await assert.rejects(encryptStream(['age1nonsense'], streamOf(new Uint8Array(0))), { code: 'malformed' })
  })
})
