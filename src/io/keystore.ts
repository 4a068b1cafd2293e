import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { decode, encode } from '@ipld/dag-cbor'
import { concat, fromBase64, OstrakaError, Secret, toBase64, utf8 } from '../base/index.ts'

/** What a node must not lose and nobody else may read. */
export interface KeystoreContent {
  /** The Ed25519 seed of the node's libp2p identity. */
  readonly identitySeed: Secret
  /** Encrypts the shares in the node's database. */
  readonly storageKey: Secret
  /** Ed25519 seeds of principals that this host signs for (its operator, local users). */
  readonly principals: readonly { readonly name: string; readonly seed: Secret }[]
  /** Bearer tokens of the local API, each lending one principal's rights. */
  readonly tokens?: readonly { readonly name: string; readonly token: Secret }[]
  /** Which database it ran with last; absent before the first run. */
  readonly database?: { readonly id: Uint8Array; readonly epoch: number }
}

/** scrypt's cost (RFC 7914): N a power of two; memory is 128·N·r bytes. */
export interface ScryptCost {
  readonly n: number
  readonly r: number
  readonly p: number
}

/** 128 MiB and about half a second: OWASP's first choice. */
export const DEFAULT_COST: ScryptCost = { n: 2 ** 17, r: 8, p: 1 }
/** For tests and throw-away testnets only. */
export const LOWEST_COST: ScryptCost = { n: 2 ** 12, r: 8, p: 1 }
// An edited file must not make the daemon ask for gigabytes.
const HIGHEST_N = 2 ** 20
const HIGHEST_R = 16
const HIGHEST_P = 4

const FORMAT = 'ostraka-keystore/1'
const SALT_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const MAX_FILE_BYTES = 4 * 1024 * 1024

interface Header {
  readonly format: typeof FORMAT
  readonly kdf: { readonly name: 'scrypt'; readonly salt: string } & ScryptCost
  readonly cipher: { readonly name: 'aes-256-gcm'; readonly nonce: string }
}

/** Writes a new keystore. Errors: `conflict` when the file exists already, `storage_full`. */
export async function createKeystore(
  path: string,
  passphrase: Secret,
  content: KeystoreContent,
  cost: ScryptCost = DEFAULT_COST,
): Promise<void> {
  if (existsSync(path)) throw new OstrakaError('conflict', 'the keystore exists already', { path })
  await saveKeystore(path, passphrase, content, cost)
}

/** Writes the keystore, replacing an older one in one step: a crash leaves the old file or the new one. */
export async function saveKeystore(
  path: string,
  passphrase: Secret,
  content: KeystoreContent,
  cost: ScryptCost = DEFAULT_COST,
): Promise<void> {
  checkCost(cost)
  const { n, r, p } = cost
  const header: Header = {
    format: FORMAT,
    kdf: { name: 'scrypt', salt: toBase64(randomBytes(SALT_BYTES)), n, r, p },
    cipher: freshCipher(),
  }
  const key = deriveKey(passphrase, header)
  await writeSealed(path, header, key, content)
}

function freshCipher(): Header['cipher'] {
  return { name: 'aes-256-gcm', nonce: toBase64(randomBytes(NONCE_BYTES)) }
}

/** Wipes the key. */
async function writeSealed(
  path: string,
  header: Header,
  key: Buffer,
  content: KeystoreContent,
): Promise<void> {
  const plain = encodeContent(content)
  const cipher = createCipheriv('aes-256-gcm', key, fromBase64(header.cipher.nonce)).setAAD(
    headerBytes(header),
  )
  const ciphertext = concat(cipher.update(plain), cipher.final(), cipher.getAuthTag())
  key.fill(0)
  plain.fill(0)
  const json = JSON.stringify({ ...header, ciphertext: toBase64(ciphertext) }, null, 2)
  await replaceFile(path, utf8(`${json}\n`))
}

/** Errors: `not_found`, `malformed` (not a keystore), `wrong_passphrase` (also when the file was tampered with). */
export async function openKeystore(path: string, passphrase: Secret): Promise<KeystoreContent> {
  const file = parseFile(await readFileBytes(path), path)
  const key = deriveKey(passphrase, file.header)
  try {
    return unseal(file, key, path)
  } finally {
    key.fill(0)
  }
}

/** Changes what is in a keystore, in one step, at the cost that it was made with. Errors: those of open and save. */
export async function changeKeystore(
  path: string,
  passphrase: Secret,
  change: (content: KeystoreContent) => KeystoreContent,
): Promise<void> {
  const file = parseFile(await readFileBytes(path), path)
  const key = deriveKey(passphrase, file.header)
  const content = change(unseal(file, key, path))
  await writeSealed(path, { ...file.header, cipher: freshCipher() }, key, content)
}

interface SealedFile {
  readonly header: Header
  readonly ciphertext: Uint8Array
}

function unseal({ header, ciphertext }: SealedFile, key: Buffer, path: string): KeystoreContent {
  const sealed = ciphertext.subarray(0, -TAG_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, fromBase64(header.cipher.nonce))
    .setAAD(headerBytes(header))
    .setAuthTag(ciphertext.subarray(-TAG_BYTES))
  let plain: Uint8Array
  try {
    plain = concat(decipher.update(sealed), decipher.final())
  } catch {
    throw new OstrakaError('wrong_passphrase', 'the passphrase does not open the keystore', { path })
  }
  try {
    return decodeContent(plain)
  } finally {
    plain.fill(0)
  }
}

function deriveKey(passphrase: Secret, { kdf }: Header): Buffer {
  // Node refuses exactly 128·N·r, its own bookkeeping comes on top
  const maxmem = 2 * 128 * kdf.n * kdf.r
  return scryptSync(passphrase.expose(), fromBase64(kdf.salt), KEY_BYTES, {
    N: kdf.n,
    r: kdf.r,
    p: kdf.p,
    maxmem,
  })
}

function checkCost({ n, r, p }: ScryptCost): void {
  const isPowerOfTwo = Number.isInteger(n) && n > 0 && 2 ** Math.round(Math.log2(n)) === n
  const isInRange =
    isPowerOfTwo &&
    n >= LOWEST_COST.n &&
    n <= HIGHEST_N &&
    Number.isInteger(r) &&
    r >= LOWEST_COST.r &&
    r <= HIGHEST_R &&
    Number.isInteger(p) &&
    p >= 1 &&
    p <= HIGHEST_P
  if (!isInRange)
    throw new OstrakaError('malformed', 'scrypt cost out of range', { n, r, p, lowest: LOWEST_COST })
}

function headerBytes({ format, kdf, cipher }: Header): Uint8Array {
  return encode({ format, kdf, cipher })
}

function encodeContent(content: KeystoreContent): Uint8Array {
  const { identitySeed, storageKey, principals, tokens = [], database } = content
  return encode({
    identitySeed: identitySeed.expose(),
    storageKey: storageKey.expose(),
    principals: principals.map(({ name, seed }) => ({ name, seed: seed.expose() })),
    tokens: tokens.map(({ name, token }) => ({ name, token: token.expose() })),
    ...(database === undefined ? {} : { database: { ...database } }),
  })
}

function decodeContent(plain: Uint8Array): KeystoreContent {
  const content = decode<{
    identitySeed: Uint8Array
    storageKey: Uint8Array
    principals: { name: string; seed: Uint8Array }[]
    tokens: { name: string; token: Uint8Array }[]
    database?: { id: Uint8Array; epoch: number }
  }>(plain)
  // the decoder's byte strings may be views of `plain`, which is about to be wiped
  const secret = (bytes: Uint8Array): Secret => new Secret(Uint8Array.from(bytes))
  return {
    identitySeed: secret(content.identitySeed),
    storageKey: secret(content.storageKey),
    principals: content.principals.map(({ name, seed }) => ({ name, seed: secret(seed) })),
    tokens: content.tokens.map(({ name, token }) => ({ name, token: secret(token) })),
    ...(content.database === undefined
      ? {}
      : { database: { id: Uint8Array.from(content.database.id), epoch: content.database.epoch } }),
  }
}

async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new OstrakaError('not_found', 'the keystore cannot be read', { path, reason: String(error) })
  }
}

function parseFile(bytes: Uint8Array, path: string): { header: Header; ciphertext: Uint8Array } {
  try {
    if (bytes.length > MAX_FILE_BYTES) throw new OstrakaError('too_large', 'keystore file over the cap')
    const { format, kdf, cipher, ciphertext } = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (format !== FORMAT || kdf.name !== 'scrypt' || cipher.name !== 'aes-256-gcm') {
      throw new OstrakaError('unsupported', 'unknown keystore format')
    }
    checkCost(kdf)
    const { name, salt, n, r, p } = kdf
    const header = {
      format,
      kdf: { name, salt, n, r, p },
      cipher: { name: cipher.name, nonce: cipher.nonce },
    }
    const sealed = fromBase64(ciphertext)
    const isWhole = fromBase64(cipher.nonce).length === NONCE_BYTES && sealed.length > TAG_BYTES
    if (!isWhole || fromBase64(salt).length !== SALT_BYTES)
      throw new OstrakaError('malformed', 'incomplete keystore')
    return { header, ciphertext: sealed }
  } catch (error) {
    throw new OstrakaError('malformed', 'not a keystore', { path, reason: String(error) })
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    const directory = await open(dirname(path), 'r')
    await directory.sync().finally(() => directory.close())
  } catch (error) {
    await rm(temporary, { force: true })
    const code = (error as { code?: string }).code === 'ENOSPC' ? 'storage_full' : 'internal'
    throw new OstrakaError(code, 'the keystore could not be written', { path, reason: String(error) })
  }
}
