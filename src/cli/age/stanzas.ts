import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from 'node:crypto'
import type { Stanza } from 'age-encryption'
import { concat, fromUnpaddedBase64, OstrakaError, toUnpaddedBase64 } from '../../base/index.ts'
import { decodeEncapsulation, edwards25519 } from '../../crypto/index.ts'

/** age v1 (C2SP age specification), section "X25519 recipient stanza". */
export const X25519 = 'X25519'
const INFO = 'age-encryption.org/v1/X25519'
export const FILE_KEY_BYTES = 16
const TAG_BYTES = 16
/** A wrap key is used once. */
const ZERO_NONCE = new Uint8Array(12)
/** RFC 8410's SubjectPublicKeyInfo up to the raw X25519 key. */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex')

/** Belongs to nobody: OpenSSL refuses to let a point of small order meet it, as it would any key. */
const PROBE = generateKeyPairSync('x25519').privateKey

/** Arguments and body of a stanza, as the file has them. */
export type StanzaContent = Pick<Stanza, 'args' | 'body'>

/**
 * The sender's one-time public key; undefined for one that no network key can answer (a point outside the prime-order
 * subgroup, which no ordinary sender makes). Errors: `malformed`, for points of small order too, as the specification
 * demands.
 */
export function ephemeralOf({ args, body }: StanzaContent, index: number): Uint8Array | undefined {
  const field = `the age header’s stanza ${index}`
  const ephemeral = fromUnpaddedBase64(args[1] ?? '', `the share of ${field}`)
  if (args.length !== 2 || ephemeral.length !== 32 || body.length !== FILE_KEY_BYTES + TAG_BYTES) {
    throw new OstrakaError('malformed', `${field} is no X25519 stanza`)
  }
  sharedSecret(PROBE, ephemeral, field).fill(0)
  return isEncapsulation(ephemeral) ? ephemeral : undefined
}

/** Whether the holders will take it. */
function isEncapsulation(ephemeral: Uint8Array): boolean {
  try {
    decodeEncapsulation(edwards25519, ephemeral)
    return true
  } catch {
    return false
  }
}

/** The file key, or null when the stanza is another recipient's. Wipes `secret`, the X25519 shared secret. */
export function unwrapFileKey(
  secret: Uint8Array,
  ephemeral: Uint8Array,
  recipient: Uint8Array,
  body: Uint8Array,
): Uint8Array | null {
  const wrapKey = wrapKeyOf(secret, ephemeral, recipient)
  const decipher = createDecipheriv('chacha20-poly1305', wrapKey, ZERO_NONCE, { authTagLength: TAG_BYTES })
  wrapKey.fill(0)
  decipher.setAuthTag(body.subarray(FILE_KEY_BYTES))
  const fileKey = new Uint8Array(decipher.update(body.subarray(0, FILE_KEY_BYTES)))
  try {
    decipher.final()
    return fileKey
  } catch {
    return null
  }
}

/** Wraps a file key to a raw X25519 public key. Errors: `malformed` for a point of low order. */
export function wrapFileKey(fileKey: Uint8Array, recipient: Uint8Array): StanzaContent {
  const { privateKey, publicKey } = generateKeyPairSync('x25519')
  const ephemeral = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }).subarray(-32))
  const wrapKey = wrapKeyOf(sharedSecret(privateKey, recipient, 'the recipient'), ephemeral, recipient)
  const cipher = createCipheriv('chacha20-poly1305', wrapKey, ZERO_NONCE, { authTagLength: TAG_BYTES })
  wrapKey.fill(0)
  const body = concat(cipher.update(fileKey), cipher.final(), cipher.getAuthTag())
  return { args: [X25519, toUnpaddedBase64(ephemeral)], body }
}

function sharedSecret(
  privateKey: ReturnType<typeof generateKeyPairSync>['privateKey'],
  peer: Uint8Array,
  name: string,
): Uint8Array {
  const key = Buffer.concat([SPKI_PREFIX, peer])
  try {
    const publicKey = createPublicKey({ key, type: 'spki', format: 'der' })
    return diffieHellman({ privateKey, publicKey })
  } catch {
    // OpenSSL refuses an all-zero result, as RFC 7748 section 6.1 would have it
    throw new OstrakaError('malformed', `${name} has no usable X25519 public key`)
  }
}

function wrapKeyOf(secret: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Buffer {
  const wrapKey = Buffer.from(hkdfSync('sha256', secret, concat(ephemeral, recipient), INFO, 32))
  secret.fill(0)
  return wrapKey
}
