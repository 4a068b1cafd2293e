import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { statSync } from 'node:fs'
import { fromBase64, OstrakaError, toBase64, toBase64Url, utf8 } from '../base/index.ts'
import { readJson, replaceSecret } from '../files/index.ts'

/** One bearer token as the node keeps it: never the token itself. */
export interface TokenEntry {
  /** SHA-256 of the token's text, base64. A token has 256 random bits, so a fast hash loses nothing. */
  readonly hash: string
  /** The lent principal's public key, base64. */
  readonly principal: string
  readonly expiresMs: number
}

interface TokenFile {
  readonly tokens: readonly TokenEntry[]
}

const TOKEN_BYTES = 32

/** Tokens appear and vanish by editing the file; a running daemon looks at most this often. */
const RELOAD_MS = 1000

/** Makes a token for a principal, appends its hash to the file at `path`, and returns the token's text, once. */
export function createToken(path: string, principal: Uint8Array, ttlMs: number, nowMs: number): string {
  const token = `ost_${toBase64Url(randomBytes(TOKEN_BYTES))}`
  const entry = { hash: toBase64(hashOf(token)), principal: toBase64(principal), expiresMs: nowMs + ttlMs }
  const alive = readTokens(path).filter(other => other.expiresMs > nowMs)
  const text = JSON.stringify({ tokens: [...alive, entry] } satisfies TokenFile, null, 2)
  replaceSecret(path, utf8(`${text}\n`))
  return token
}

/** The tokens of one file, read again when it changes. */
export class TokenRegister {
  readonly #path: string
  #entries: readonly TokenEntry[] = []
  #stamp = -1
  #lookedMs = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.#path = path
  }

  /** The public key of the principal that the token stands for. Errors: `unauthorized`. */
  principalOf(token: string, nowMs: number): Uint8Array {
    this.#reload(nowMs)
    const hash = hashOf(token)
    let found: TokenEntry | undefined
    // every entry is compared, in constant time, so that timing tells nothing of the others
    for (const entry of this.#entries) {
      const other = fromBase64(entry.hash, 'hash')
      if (other.length === hash.length && timingSafeEqual(other, hash)) found = entry
    }
    if (found === undefined) throw new OstrakaError('unauthorized', 'unknown token')
    if (found.expiresMs <= nowMs) throw new OstrakaError('unauthorized', 'the token has expired')
    return fromBase64(found.principal, 'principal')
  }

  #reload(nowMs: number): void {
    if (nowMs - this.#lookedMs < RELOAD_MS) return
    this.#lookedMs = nowMs
    const stamp = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (stamp === this.#stamp) return
    // a file that cannot be read grants nothing, and is looked at again: an old list would keep revoked tokens alive
    this.#entries = []
    this.#entries = readTokens(this.#path)
    this.#stamp = stamp
  }
}

function readTokens(path: string): readonly TokenEntry[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return []
  let file: Partial<TokenFile> | null
  try {
    file = readJson(path) as Partial<TokenFile> | null
  } catch (error) {
    throw new OstrakaError('internal', 'the token file cannot be read', { path, reason: String(error) })
  }
  if (!Array.isArray(file?.tokens)) throw new OstrakaError('internal', 'not a token file', { path })
  return file.tokens
}

function hashOf(token: string): Uint8Array {
  return createHash('sha256').update(token, 'utf8').digest()
}
