import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { concat, OstrakaError, type Secret } from '../base/index.ts'

export const AEAD_KEY_BYTES = 32
export const AEAD_NONCE_BYTES = 12
export const AEAD_TAG_BYTES = 16

/** An AES-256-GCM key as OpenSSL holds it: several times as fast on small messages as raw bytes. */
export class AeadKey {
  readonly #key: KeyObject

  /** Copies `secret`, 32 bytes; the caller may wipe it afterwards. */
  constructor(secret: Secret) {
    if (secret.length !== AEAD_KEY_BYTES) throw new OstrakaError('internal', 'an AES-256 key has 32 bytes')
    this.#key = createSecretKey(secret.expose())
  }

  /** Encrypts under a 12-byte nonce that this key must never see again; gives ciphertext and 16-byte tag. */
  seal(nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    requireNonce(nonce)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: AEAD_TAG_BYTES })
    cipher.setAAD(aad)
    const body = cipher.update(plaintext)
    cipher.final()
    return concat(body, cipher.getAuthTag())
  }

  /** Decrypts what `seal` made; undefined when key, nonce, aad or bytes do not belong together. */
  open(nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    requireNonce(nonce)
    if (sealed.length < AEAD_TAG_BYTES) return undefined
    const split = sealed.length - AEAD_TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: AEAD_TAG_BYTES })
    decipher.setAAD(aad)
    decipher.setAuthTag(sealed.subarray(split))
    const body = decipher.update(sealed.subarray(0, split))
    try {
      decipher.final()
      return new Uint8Array(body)
    } catch {
      return undefined
    } finally {
      body.fill(0)
    }
  }
}

function requireNonce(nonce: Uint8Array): void {
  if (nonce.length !== AEAD_NONCE_BYTES) throw new OstrakaError('internal', 'a nonce has 12 bytes')
}
