import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  fromBase64,
  OstrakaError,
  type PublicKey,
  type Rng,
  Secret,
  toBase64,
  toHex,
  utf8,
} from '../base/index.ts'
import {
  AEAD_NONCE_BYTES,
  AeadKey,
  checkPublicKey,
  cryptoReady,
  hkdfSha512,
  SigningKey,
  secretBytes,
} from '../crypto/index.ts'
import { isReadable, makeDirectory, readJson, replaceSecret, writeNew } from '../files/index.ts'

interface PrincipalFile {
  /** base64 of the 32-byte public key. */
  readonly publicKey: string
  /** base64 of the 32-byte Ed25519 seed; absent in a file that only names the principal. */
  readonly seed?: string
}

/** Writes a principal's seed where only the owner may read it. Errors: `conflict` when the file exists. */
export function writePrincipal(path: string, seed: Secret): SigningKey {
  const key = new SigningKey(seed)
  const file: PrincipalFile = { publicKey: toBase64(key.publicKey), seed: toBase64(seed.expose()) }
  writeNew(path, utf8(`${JSON.stringify(file, null, 2)}\n`))
  return key
}

/** The key in a principal file. Errors: `not_found`; `malformed`, also for a file without the seed or with another key's. */
export function readPrincipal(path: string): SigningKey {
  const seed = readPrincipalSeed(path)
  const key = new SigningKey(seed)
  seed.wipe()
  return key
}

/** As `readPrincipal`; the seed is the caller's to wipe. */
export function readPrincipalSeed(path: string): Secret {
  const file = readFile(path)
  if (file.seed === undefined) throw new OstrakaError('malformed', `${path} holds no seed`)
  const seed = new Secret(fromBase64(file.seed, 'seed'))
  if (toBase64(new SigningKey(seed).publicKey) !== file.publicKey) {
    throw new OstrakaError('malformed', `${path} holds a seed and a public key that do not belong together`)
  }
  return seed
}

/** Whom a text names: a principal file, 64 hexadecimal digits, or base64 of 32 bytes. Errors: `malformed`. */
export async function principalNamed(text: string): Promise<PublicKey> {
  const publicKey = bytesNamed(text)
  await cryptoReady
  try {
    checkPublicKey(publicKey)
    return publicKey
  } catch {
    throw new OstrakaError('malformed', `${text} is no usable Ed25519 public key: nobody can sign under it`)
  }
}

function bytesNamed(text: string): Uint8Array {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return new Uint8Array(Buffer.from(text, 'hex'))
  if (isReadable(text)) return fromBase64(readFile(text).publicKey, 'publicKey')
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return fromBase64(text, 'the principal')
  throw new OstrakaError('malformed', `${text} names no principal: neither a file nor a public key`)
}

/**
 * The principals that a node may lend to bearers of its tokens: their seeds lie in a directory, one file each, sealed
 * under the keystore's storage key. A running daemon sees what is added.
 */
export class PrincipalVault {
  readonly #dir: string
  readonly #sealing: AeadKey
  readonly #keys = new Map<string, SigningKey>()

  constructor(dir: string, storageKey: Secret) {
    this.#dir = dir
    const key = hkdfSha512(storageKey, new Uint8Array(0), utf8('ostraka/1/principals'), 32)
    this.#sealing = new AeadKey(key)
  }

  add(seed: Secret, rng: Rng): PublicKey {
    const { publicKey } = new SigningKey(seed)
    const nonce = secretBytes('aead-nonce', seed, rng, publicKey).slice(0, AEAD_NONCE_BYTES)
    const sealed = this.#sealing.seal(nonce, publicKey, seed.expose())
    makeDirectory(this.#dir)
    const text = JSON.stringify({ nonce: toBase64(nonce), sealed: toBase64(sealed) })
    replaceSecret(this.#pathOf(publicKey), utf8(`${text}\n`))
    return publicKey
  }

  /** Errors: `unauthorized` when this node does not hold that principal's key. */
  signingKeyOf(principal: PublicKey): SigningKey {
    const name = toHex(principal)
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const path = this.#pathOf(principal)
    if (!existsSync(path))
      throw new OstrakaError('unauthorized', 'this node does not hold the principal’s key')
    const file = readJson(path) as { readonly nonce: string; readonly sealed: string }
    const opened = this.#sealing.open(
      fromBase64(file.nonce, 'nonce'),
      principal,
      fromBase64(file.sealed, 'sealed'),
    )
    if (opened === undefined) throw new OstrakaError('storage_corrupt', `${path} does not open`)
    const seed = new Secret(opened)
    const key = new SigningKey(seed)
    seed.wipe()
    this.#keys.set(name, key)
    return key
  }

  #pathOf(principal: PublicKey): string {
    return join(this.#dir, `${toHex(principal)}.json`)
  }
}

function readFile(path: string): PrincipalFile {
  const file = readJson(path) as PrincipalFile
  if (typeof file?.publicKey !== 'string' || fromBase64(file.publicKey, 'publicKey').length !== 32) {
    throw new OstrakaError('malformed', `${path} is no principal file`)
  }
  return file
}
