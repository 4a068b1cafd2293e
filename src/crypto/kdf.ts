import { createHmac, createSecretKey, type Hmac, hkdfSync } from 'node:crypto'
import { concat, OstrakaError, Secret } from '../base/index.ts'

const HASH_BYTES = 64

/** RFC 5869 section 2.3: the counter of the expansion is one byte. */
const MAX_OUTPUT_BYTES = 255 * HASH_BYTES

/** HKDF-SHA512 (RFC 5869), extract and expand at once. Errors: `too_large` beyond 16,320 bytes. */
export function hkdfSha512(
  keyMaterial: Secret,
  salt: Uint8Array,
  info: Uint8Array,
  lengthBytes: number,
): Secret {
  requireOutputLength(lengthBytes)
  return new Secret(new Uint8Array(hkdfSync('sha512', keyMaterial.expose(), salt, info, lengthBytes)))
}

/** HKDF-Extract with SHA-512 (RFC 5869 section 2.2): a 64-byte pseudorandom key. */
export function hkdfExtract(salt: Uint8Array, ...keyMaterial: readonly Uint8Array[]): Secret {
  const hmac = keyedHmac(salt)
  for (const part of keyMaterial) hmac.update(part)
  return takeOver(hmac.digest())
}

/** HKDF-Expand with SHA-512 (RFC 5869 section 2.3). Errors: `too_large` beyond 16,320 bytes. */
export function hkdfExpand(pseudorandomKey: Secret, info: Uint8Array, lengthBytes: number): Secret {
  requireOutputLength(lengthBytes)
  const output = new Uint8Array(Math.ceil(lengthBytes / HASH_BYTES) * HASH_BYTES)
  let previous: Uint8Array = new Uint8Array(0)
  for (let counter = 1; (counter - 1) * HASH_BYTES < lengthBytes; counter++) {
    const input = concat(previous, info, new Uint8Array([counter]))
    const block = keyedHmac(pseudorandomKey.expose()).update(input).digest()
    output.set(block, (counter - 1) * HASH_BYTES)
    input.fill(0)
    previous.fill(0)
    previous = block
  }
  previous.fill(0)
  const result = new Secret(output.slice(0, lengthBytes))
  output.fill(0)
  return result
}

function requireOutputLength(lengthBytes: number): void {
  if (lengthBytes > MAX_OUTPUT_BYTES) {
    throw new OstrakaError('too_large', 'more than HKDF-SHA512 can give', {
      lengthBytes,
      limit: MAX_OUTPUT_BYTES,
    })
  }
}

/** HMAC-SHA512. Node takes a key object three times as fast as the same key in raw bytes. */
function keyedHmac(key: Uint8Array): Hmac {
  return createHmac('sha512', createSecretKey(key))
}

/** Moves a digest out of its Buffer and wipes it there. */
function takeOver(buffer: Buffer): Secret {
  const secret = new Secret(new Uint8Array(buffer))
  buffer.fill(0)
  return secret
}
