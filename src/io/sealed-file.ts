import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encode } from '@ipld/dag-cbor'
import {
  concat,
  fromBase64,
  fromUtf8,
  OstrakaError,
  parseJson,
  type Secret,
  toBase64,
  utf8,
} from '../base/index.ts'
import { readRepeatedly } from '../files/index.ts'

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

const SALT_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32
const MAX_FILE_BYTES = 4 * 1024 * 1024

/** What a sealed file is: its format is part of what is authenticated, so that none passes for another. */
export interface SealedKind {
  readonly format: string
  readonly what: string
}

interface Header {
  readonly format: string
  readonly kdf: { readonly name: 'scrypt'; readonly salt: string } & ScryptCost
  readonly cipher: { readonly name: 'aes-256-gcm'; readonly nonce: string }
}

/**
 * Seals `plain`, which is wiped, under the passphrase: scrypt, AES-256-GCM, the header authenticated. The file replaces an
 * older one in one step, with mode 0600. Errors: `malformed` (cost), `storage_full`.
 */
export async function writeSealedFile(
  path: string,
  kind: SealedKind,
  passphrase: Secret,
  plain: Uint8Array,
  cost: ScryptCost,
): Promise<void> {
  checkCost(cost)
  const { n, r, p } = cost
  const header: Header = {
    format: kind.format,
    kdf: { name: 'scrypt', salt: toBase64(randomBytes(SALT_BYTES)), n, r, p },
    cipher: freshCipher(),
  }
  await writeSealed(path, kind, header, deriveKey(passphrase, header), plain)
}

function freshCipher(): Header['cipher'] {
  return { name: 'aes-256-gcm', nonce: toBase64(randomBytes(NONCE_BYTES)) }
}

/** Wipes key and plaintext. */
async function writeSealed(
  path: string,
  kind: SealedKind,
  header: Header,
  key: Buffer,
  plain: Uint8Array,
): Promise<void> {
  const nonce = fromBase64(header.cipher.nonce, 'nonce')
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(headerBytes(header))
  const ciphertext = concat(cipher.update(plain), cipher.final(), cipher.getAuthTag())
  key.fill(0)
  plain.fill(0)
  const json = JSON.stringify({ ...header, ciphertext: toBase64(ciphertext) }, null, 2)
  await replaceFile(path, kind, utf8(`${json}\n`))
}

/** What was sealed; the caller wipes it. Errors: `not_found`, `malformed`, `wrong_passphrase` (or tampered with). */
export async function readSealedFile(
  path: string,
  kind: SealedKind,
  passphrase: Secret,
): Promise<Uint8Array> {
  const file = parseFile(readRepeatedly(path, 2 * MAX_FILE_BYTES), path, kind)
  const key = deriveKey(passphrase, file.header)
  try {
    return unseal(file, key, path, kind)
  } finally {
    key.fill(0)
  }
}

/** Seals what `change` makes of the content under the same passphrase, at the same cost. */
export async function changeSealedFile(
  path: string,
  kind: SealedKind,
  passphrase: Secret,
  change: (plain: Uint8Array) => Uint8Array,
): Promise<void> {
  const file = parseFile(readRepeatedly(path, 2 * MAX_FILE_BYTES), path, kind)
  const key = deriveKey(passphrase, file.header)
  const plain = unseal(file, key, path, kind)
  const changed = change(plain)
  plain.fill(0)
  await writeSealed(path, kind, { ...file.header, cipher: freshCipher() }, key, changed)
}

/** What it costs to open a file. Errors: `not_found`, `malformed`. */
export async function costOf(path: string, kind: SealedKind): Promise<ScryptCost> {
  const { n, r, p } = parseFile(readRepeatedly(path, 2 * MAX_FILE_BYTES), path, kind).header.kdf
  return { n, r, p }
}

interface SealedFile {
  readonly header: Header
  readonly ciphertext: Uint8Array
}

function unseal(
  { header, ciphertext }: SealedFile,
  key: Buffer,
  path: string,
  { what }: SealedKind,
): Uint8Array {
  const sealed = ciphertext.subarray(0, -TAG_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', key, fromBase64(header.cipher.nonce, 'nonce'))
    .setAAD(headerBytes(header))
    .setAuthTag(ciphertext.subarray(-TAG_BYTES))
  try {
    return concat(decipher.update(sealed), decipher.final())
  } catch {
    throw new OstrakaError('wrong_passphrase', `the passphrase does not open the ${what}`, { path })
  }
}

function deriveKey(passphrase: Secret, { kdf }: Header): Buffer {
  // Node refuses exactly 128·N·r, its own bookkeeping comes on top
  const maxmem = 2 * 128 * kdf.n * kdf.r
  return scryptSync(passphrase.expose(), fromBase64(kdf.salt, 'salt'), KEY_BYTES, {
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

function parseFile(bytes: Uint8Array, path: string, kind: SealedKind): SealedFile {
  try {
    if (bytes.length > MAX_FILE_BYTES) throw new OstrakaError('too_large', 'the file is over the cap')
    const { format, kdf, cipher, ciphertext } = parseJson(fromUtf8(bytes), path) as Header & {
      readonly ciphertext: string
    }
    if (format !== kind.format || kdf.name !== 'scrypt' || cipher.name !== 'aes-256-gcm') {
      throw new OstrakaError('unsupported', `no ${kind.what} of a known format`)
    }
    checkCost(kdf)
    const { name, salt, n, r, p } = kdf
    const header = {
      format,
      kdf: { name, salt, n, r, p },
      cipher: { name: cipher.name, nonce: cipher.nonce },
    }
    const sealed = fromBase64(ciphertext, 'ciphertext')
    const isWhole = fromBase64(cipher.nonce, 'nonce').length === NONCE_BYTES && sealed.length > TAG_BYTES
    if (!isWhole || fromBase64(salt, 'salt').length !== SALT_BYTES)
      throw new OstrakaError('malformed', 'the file is incomplete')
    return { header, ciphertext: sealed }
  } catch (error) {
    throw new OstrakaError('malformed', `not a ${kind.what}`, { path, reason: String(error) })
  }
}

async function replaceFile(path: string, { what }: SealedKind, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    // left over from a crash: in a container the next process has the same id
    await rm(temporary, { force: true })
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
    const isFull = ['ENOSPC', 'EDQUOT'].includes(String((error as { code?: unknown }).code))
    const code = isFull ? 'storage_full' : 'internal'
    throw new OstrakaError(code, `the ${what} could not be written`, { path, reason: String(error) })
  }
}
