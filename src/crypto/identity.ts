import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import {
  concat,
  equalBytes,
  fromHex,
  OstrakaError,
  type PublicKey,
  Secret,
  toHex,
  utf8,
} from '../base/index.ts'
import { edwards25519 } from './edwards25519.ts'
import { sha512 } from './hash.ts'

export const SIGNATURE_BYTES = 64

// RFC 8410 section 7 and section 4: the DER around a 32-byte Ed25519 seed and public key
const PKCS8_PREFIX = fromHex('302e020100300506032b657004220420')
const SPKI_PREFIX = fromHex('302a300506032b6570032100')

/** Parsed keys kept for verification: all members of a large network and its busiest principals. */
const MAX_CACHED_KEYS = 4096

/** An Ed25519 key pair (RFC 8032) of a node, an operator or a principal. */
export class SigningKey {
  readonly publicKey: PublicKey
  /**
   * Goes into the derivation of this key's owner's other secrets beside fresh randomness (secret-scalars.ts). It follows from
   * the seed and is never sent anywhere.
   */
  readonly hedge: Secret
  readonly #privateKey: KeyObject

  /** `seed`: 32 bytes, copied; the caller may wipe it afterwards. Errors: `malformed`. */
  constructor(seed: Secret) {
    if (seed.length !== 32) throw new OstrakaError('malformed', 'an Ed25519 seed has 32 bytes')
    this.hedge = new Secret(sha512(utf8('ostraka/1/hedge\0'), seed.expose()))
    const key = Buffer.from(concat(PKCS8_PREFIX, seed.expose()).buffer)
    this.#privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    key.fill(0)
    const spki = createPublicKey(this.#privateKey).export({ format: 'der', type: 'spki' })
    this.publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.length))
  }

  /** A deterministic 64-byte signature over `message`. */
  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#privateKey))
  }
}

/**
 * Refuses with `malformed` a public key that is not canonical, is of small order or lies outside the prime-order
 * subgroup: on those, Ed25519 verifiers disagree (IACR ePrint 2020/1244). To be called once, where a key is decoded.
 */
export function checkPublicKey(publicKey: Uint8Array): void {
  edwards25519.decode(publicKey)
}

/** Whether `signature` is valid (RFC 8032 section 5.1.7, cofactorless); false for keys that `checkPublicKey` refuses. */
export function verifyEd25519(publicKey: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  const key = parsedKey(publicKey)
  if (key === undefined) return false
  const name = Buffer.from(signature).toString('latin1')
  const known = verified.get(name)
  if (known !== undefined && known.key === key && equalBytes(known.message, message)) return true
  const isValid = verify(null, message, key, signature)
  if (isValid && message.length <= MAX_REMEMBERED_BYTES) remember(name, { key, message: message.slice() })
  return isValid
}

/**
 * Signatures that were found valid lately. A transaction is checked when it comes, when it is proposed and when its block
 * is applied; a beacon by each peer that brings it. Only this very key and message count as known.
 */
const verified = new Map<string, { readonly key: KeyObject; readonly message: Uint8Array }>()

/** Some seconds of a busy node's signatures, in a few megabytes at the most. */
const MAX_REMEMBERED = 4096
const MAX_REMEMBERED_BYTES = 1024

function remember(name: string, entry: { readonly key: KeyObject; readonly message: Uint8Array }): void {
  verified.set(name, entry)
  if (verified.size > MAX_REMEMBERED) verified.delete(verified.keys().next().value!)
}

const parsedKeys = new Map<string, KeyObject>()

/** The key in OpenSSL's form; the least recently used makes room for the newest. */
function parsedKey(publicKey: PublicKey): KeyObject | undefined {
  const name = toHex(publicKey)
  const known = parsedKeys.get(name)
  const key = known ?? parse(publicKey)
  if (key === undefined) return undefined
  parsedKeys.delete(name)
  parsedKeys.set(name, key)
  if (parsedKeys.size > MAX_CACHED_KEYS) parsedKeys.delete(parsedKeys.keys().next().value!)
  return key
}

function parse(publicKey: PublicKey): KeyObject | undefined {
  try {
    checkPublicKey(publicKey)
  } catch {
    return undefined
  }
  const key = Buffer.from(concat(SPKI_PREFIX, publicKey))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}
