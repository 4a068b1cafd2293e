import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ReadableStream } from 'node:stream/web'
import {
  armor,
  Decrypter,
  Encrypter,
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption'
import { OstrakaError } from '../../src/base/index.ts'
import { type NetworkIdentity, rewrapStream } from '../../src/cli/age/index.ts'
import { isInstalled } from '../e2e/testnet.ts'
import { localKey } from './local-key.ts'

const streamOf = (...chunks: Uint8Array[]): ReadableStream<Uint8Array> => ReadableStream.from(chunks)

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function encrypted(plain: Uint8Array, ...recipients: string[]): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter.encrypt(plain)
}

async function opened(file: Uint8Array, identity: string): Promise<Buffer> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  return Buffer.from(await decrypter.decrypt(file))
}

/** Header up to its MAC, and what follows the header. */
function parts(file: Buffer): { readonly stanzas: string; readonly payload: Buffer } {
  const mac = file.indexOf('\n--- ')
  return {
    stanzas: file.subarray(0, mac).toString('latin1'),
    payload: file.subarray(file.indexOf('\n', mac + 1)),
  }
}

describe('rewrapping of age files', () => {
  const [old, current] = [localKey(1), localKey(2)]
  const toCurrent = async () => current
  const plain = randomBytes(200_001)

  const rewrapped = async (file: Uint8Array, ...identities: NetworkIdentity[]): Promise<Buffer> =>
    bytesOf((await rewrapStream(identities, toCurrent, streamOf(file))).output)

  it('the new version opens the file, the old one does not; the payload is the same bytes', async () => {
    const file = await encrypted(plain, old.recipient)
    const result = await rewrapped(file, current, old)
    assert.deepEqual(await opened(result, current.ageIdentity), plain)
    await assert.rejects(opened(result, old.ageIdentity))
    assert.deepEqual(parts(result).payload, parts(Buffer.from(file)).payload)
  })

  it('says which version opened it, and leaves a file alone that is current', async () => {
    const before = await encrypted(plain, old.recipient)
    const { from, isChanged } = await rewrapStream([current, old], toCurrent, streamOf(before))
    assert.deepEqual([from, isChanged], [{ key: 'files', version: 1 }, true])
    const file = await encrypted(plain, current.recipient)
    const again = await rewrapStream([current, old], toCurrent, streamOf(file))
    assert.equal(again.isChanged, false)
    assert.deepEqual(await bytesOf(again.output), Buffer.from(file))
  })

  it('other recipients’ stanzas, long post-quantum ones too, stay byte for byte, and open the file still', async () => {
    for (const other of [await generateX25519Identity(), await generateHybridIdentity()]) {
      const file = await encrypted(plain, await identityToRecipient(other), old.recipient)
      const result = await rewrapped(file, old)
      for (const identity of [other, current.ageIdentity])
        assert.deepEqual(await opened(result, identity), plain)
      const [before, after] = [Buffer.from(file), result].map(each => parts(each).stanzas.split('\n-> '))
      assert.deepEqual(after!.slice(0, 2), before!.slice(0, 2))
      assert.notEqual(after![2], before![2])
    }
  })

  it('the age program opens what was rewrapped beside its own recipient', async function () {
    if (!isInstalled('age', '--version')) {
      console.log('      SKIPPED: age is not installed (apt-get install age)')
      return this.skip()
    }
    const own = await generateX25519Identity()
    const result = await rewrapped(await encrypted(plain, old.recipient, await identityToRecipient(own)), old)
    const dir = mkdtempSync(join(tmpdir(), 'ostraka-rewrap-'))
    try {
      for (const [index, identity] of [own, current.ageIdentity].entries()) {
        const file = join(dir, `identity-${index}`)
        writeFileSync(file, identity)
        const age = spawnSync('age', ['-d', '-i', file], { input: result })
        assert.equal(age.status, 0, String(age.stderr))
        assert.deepEqual(age.stdout, plain)
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('a file in chunks of one byte is the same', async () => {
    const file = await encrypted(plain.subarray(0, 100), old.recipient)
    const chunks = [...file].map(byte => new Uint8Array([byte]))
    const { output } = await rewrapStream([old], toCurrent, streamOf(...chunks))
    assert.deepEqual(await opened(await bytesOf(output), current.ageIdentity), plain.subarray(0, 100))
  })

  it('an armored file comes out armored, in lines that the age format demands', async () => {
    for (const size of [0, 1, 47, 48, 70_000]) {
      const content = plain.subarray(0, size)
      const text = armor.encode(await encrypted(content, old.recipient))
      const result = String(await rewrapped(Buffer.from(text), old))
      assert.deepEqual(await opened(armor.decode(result), current.ageIdentity), content)
      assert.equal(result, armor.encode(armor.decode(result)))
    }
  })

  describe('a file with many recipients', () => {
    const recipients = (count: number, at: number): string[] =>
      Array.from({ length: count }, (_, index) => (index === at ? old.recipient : localKey(9).recipient))

    /** Whether and with how many inputs in each of its operations a file of that many recipients opens. */
    const sizesOf = async (count: number, at: number, ...others: NetworkIdentity[]): Promise<number[]> => {
      const sizes: number[] = []
      const counting = (key: NetworkIdentity): NetworkIdentity => ({
        ...key,
        sharedSecrets: ephemerals => {
          sizes.push(ephemerals.length)
          return key.sharedSecrets(ephemerals)
        },
      })
      const file = await encrypted(plain.subarray(0, 9), ...recipients(count, at))
      const result = await rewrapped(file, ...[...others, old].map(counting))
      assert.deepEqual(await opened(result, current.ageIdentity), plain.subarray(0, 9))
      return sizes
    }

    it('of 201 costs one operation, or two when the key is not among the first', async () => {
      assert.deepEqual(await sizesOf(201, 0), [8])
      assert.deepEqual(await sizesOf(201, 200), [8, 193])
    })

    it('is tried with every key’s first stanzas before anybody’s others', async () => {
      assert.deepEqual(await sizesOf(20, 3, localKey(7), localKey(8)), [8, 8, 8])
    })

    it('of more than the network takes in one operation, or times too many keys, is refused with the limit', async () => {
      await assert.rejects(sizesOf(300, 299), {
        code: 'too_large',
        details: { limit: 256, stanzas: 300, keys: 1 },
      })
      const others = Array.from({ length: 9 }, () => localKey(7))
      await assert.rejects(sizesOf(201, 200, ...others), { code: 'too_large', message: /--key/ })
    })
  })

  it('a payload of a gibibyte is not held in memory', async function () {
    this.timeout(60_000)
    const file = await encrypted(plain, old.recipient)
    const chunk = new Uint8Array(1024 * 1024)
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield file
      for (let count = 0; count < 1024; count++) yield chunk
    }
    const { output } = await rewrapStream([old], toCurrent, ReadableStream.from(endless()))
    const before = process.memoryUsage.rss()
    let [sizeBytes, peak] = [0, 0]
    for await (const part of output) {
      sizeBytes += part.length
      peak = Math.max(peak, process.memoryUsage.rss())
    }
    assert.ok(sizeBytes > 1024 ** 3)
    assert.ok(peak - before < 128 * 1024 ** 2, `${peak - before} bytes more`)
  })

  describe('refuses', () => {
    const refused = async (file: Uint8Array, code: string, message?: RegExp): Promise<void> => {
      await assert.rejects(rewrapped(file, old), { code, ...(message && { message }) })
    }

    it('a changed header, which its file key does not cover', async () => {
      const other = await identityToRecipient(await generateX25519Identity())
      const text = Buffer.from(await encrypted(plain, other, old.recipient))
      // another recipient's stanza, bent: only the MAC tells
      const at = text.indexOf('\n', text.indexOf('-> ')) + 1
      text[at] = text[at] === 0x41 ? 0x42 : 0x41
      await refused(text, 'malformed', /has been changed/)
    })

    it('a file for others, no age file, half a one in armor, half a header, and bent lines of one', async () => {
      const other = await identityToRecipient(await generateX25519Identity())
      await refused(await encrypted(plain, other), 'malformed', /no version of a key/)
      await refused(randomBytes(5000), 'malformed', /no age v1 file/)
      await refused(Buffer.from('-----BEGIN AGE ENCRYPTED FILE-----\nYWdl'), 'malformed', /armor is broken/)
      const file = Buffer.from(await encrypted(plain, old.recipient))
      await refused(file.subarray(0, 60), 'malformed')
      const text = parts(file).stanzas
      for (const bent of [
        text.replace('-> X25519 ', '-> X25519  '),
        `${text}\n-> `,
        text.replace('-> X', '->X'),
        `${text}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`,
        text.replace(/.$/, '='),
      ]) {
        await refused(Buffer.from(`${bent}\n--- ${'A'.repeat(43)}\nrest`, 'latin1'), 'malformed')
      }
    })

    it('a header without end', async () => {
      const line = `-> grease\n${'A'.repeat(64)}\n`
      await refused(Buffer.from(`age-encryption.org/v1\n${line.repeat(20_000)}`), 'too_large')
    })

    it('what the network refuses, with its code', async () => {
      const destroyed: NetworkIdentity = {
        ...old,
        sharedSecrets: () => Promise.reject(new OstrakaError('version_destroyed', 'gone')),
      }
      const file = await encrypted(plain, old.recipient)
      await assert.rejects(rewrapped(file, current, destroyed), { code: 'version_destroyed' })
      const absent: NetworkIdentity = {
        ...old,
        sharedSecrets: () => Promise.reject(new OstrakaError('insufficient_shares', 'too few')),
      }
      await assert.rejects(rewrapped(file, absent, old), { code: 'insufficient_shares' })
    })
  })
})
