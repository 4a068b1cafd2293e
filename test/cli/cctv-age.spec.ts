import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { ReadableStream } from 'node:stream/web'
import { inflateSync } from 'node:zlib'
import { OstrakaError } from '../../src/base/index.ts'
import { decryptStream, rewrapStream } from '../../src/cli/age/index.ts'
import { keyOfIdentity, localKey } from './local-key.ts'

interface Vector {
  readonly name: string
  readonly expect: string
  readonly payload: string | undefined
  readonly identities: readonly string[]
  readonly file: Buffer
}

const DIR = new URL('../vectors/cctv-age/', import.meta.url)

/** C2SP/CCTV, age/README.md: lines of `key: value`, an empty line, and the file, perhaps compressed. */
function readVector(name: string): Vector {
  const bytes = readFileSync(new URL(name, DIR))
  const end = bytes.indexOf('\n\n')
  const pairs = bytes.subarray(0, end).toString().split('\n')
  const valuesOf = (key: string): string[] =>
    pairs.filter(pair => pair.startsWith(`${key}: `)).map(pair => pair.slice(key.length + 2))
  const body = bytes.subarray(end + 2)
  return {
    name,
    expect: valuesOf('expect')[0]!,
    payload: valuesOf('payload')[0],
    identities: valuesOf('identity').filter(identity => identity.startsWith('AGE-SECRET-KEY-1')),
    file: valuesOf('compressed').length > 0 ? inflateSync(body) : body,
  }
}

/** How each failure names itself: a header that does not parse must not pass for one with a wrong MAC. */
const REFUSALS: Readonly<Record<string, RegExp>> = {
  'no match': /^no version of a key that may be used here opens it$/,
  'HMAC failure': /^the header has been changed$/,
  'armor failure': /^(the age file’s armor is broken|no age v1 file)/,
  'header failure': /^(no age v1 file|.*age header)/,
}

describe('C2SP/CCTV age vectors', () => {
  const vectors = readdirSync(DIR).map(readVector)
  const target = localKey(2)
  const keysOf = (vector: Vector) => vector.identities.map(keyOfIdentity)
  const streamOf = ({ file }: Vector): ReadableStream<Uint8Array> => ReadableStream.from([file])

  it('all that apply are here', () => assert.equal(vectors.length, 99))

  for (const vector of vectors) {
    it(`decrypt ${vector.name}: ${vector.expect}`, async () => {
      const hash = createHash('sha256')
      const reading = async (): Promise<void> => {
        for await (const chunk of await decryptStream(keysOf(vector), streamOf(vector))) hash.update(chunk)
      }
      if (vector.expect === 'success') await reading()
      else if (vector.expect === 'payload failure') await assert.rejects(reading())
      else await assert.rejects(reading(), refusal(vector))
      // a web stream that fails drops what is queued: of a broken payload less comes out, which `decrypt` throws away
      if (vector.expect === 'success') assert.equal(hash.digest('hex'), vector.payload)
    })
  }

  for (const vector of vectors.filter(
    ({ name }) => name !== 'stream_no_nonce' && name !== 'stream_short_nonce',
  )) {
    it(`rewrap ${vector.name}: ${vector.expect}`, async () => {
      const rewrapping = rewrapStream(keysOf(vector), async () => target, streamOf(vector))
      // the payload is copied as it is, and armor over it is read as it comes
      if (vector.expect === 'payload failure') return void (await rewrapping)
      if (vector.expect !== 'success') {
        const copying = async (): Promise<void> => {
          for await (const _chunk of (await rewrapping).output);
        }
        return await assert.rejects(copying(), refusal(vector))
      }
      const chunks: Uint8Array[] = []
      for await (const chunk of (await rewrapping).output) chunks.push(chunk)
      const plain = await decryptStream([target], ReadableStream.from(chunks))
      const hash = createHash('sha256')
      for await (const chunk of plain) hash.update(chunk)
      assert.equal(hash.digest('hex'), vector.payload)
    })
  }

  function refusal({ expect }: Vector): (error: unknown) => boolean {
    return error => {
      assert.ok(error instanceof OstrakaError, String(error))
      assert.equal(error.code, 'malformed')
      assert.match(error.message, REFUSALS[expect]!)
      return true
    }
  }
})
