import { fromBase64Url, OstrakaError, type PublicKey } from '../base/index.ts'
import { type SigningKey, verifySigned } from '../crypto/index.ts'
import { type ApiRequest, apiRequestCodec } from '../wire/index.ts'

/** Turns credentials into the principal whose rights they lend. */
export interface Authority {
  /** The signing key that a bearer token stands for. Errors: `unauthorized`. */
  lend(token: string, nowMs: number): SigningKey
}

/** Longer than any token that this node makes; bounds what is hashed for a stranger. */
const MAX_TOKEN_CHARACTERS = 512

/** Base64url of the longest signed request that the wire allows. */
const MAX_SIGNED_CHARACTERS = 5462

/** A signed request that was overheard is worth nothing after this long; clocks may differ by seconds. */
const MAX_LIFETIME_MS = 60_000

interface Tokens {
  principalOf(token: string, nowMs: number): PublicKey
}

interface Principals {
  signingKeyOf(principal: PublicKey): SigningKey
}

export function authorityOf(tokens: Tokens, principals: Principals): Authority {
  return { lend: (token, nowMs) => principals.signingKeyOf(tokens.principalOf(token, nowMs)) }
}

/** Who asks, as an `Authorization` header has proven. */
export interface Caller {
  readonly publicKey: PublicKey
  /** Of a bearer token: the principal that it lends. Without it the caller signed the request itself. */
  readonly lent?: SigningKey
}

/** What a signature is checked against. */
export interface AskedRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly target: string
  readonly networkId: Uint8Array
  readonly nowMs: number
}

/**
 * The caller behind an `Authorization` header, undefined without one. A header that does not hold is refused even
 * where none is needed: silently serving it as anonymous would hide an expired token. Errors: `unauthorized`,
 * `bad_signature`, `expired`, `malformed`.
 */
export function callerOfHeader(
  header: string | undefined,
  authority: Authority,
  asked: AskedRequest,
): Caller | undefined {
  if (header === undefined) return undefined
  const [, scheme = '', value = ''] = /^(Bearer|Ostraka) ([\x21-\x7e]+)$/i.exec(header) ?? []
  if (scheme.toLowerCase() === 'bearer' && value.length <= MAX_TOKEN_CHARACTERS) {
    const lent = authority.lend(value, asked.nowMs)
    return { publicKey: lent.publicKey, lent }
  }
  if (scheme.toLowerCase() === 'ostraka' && value.length <= MAX_SIGNED_CHARACTERS) {
    return { publicKey: signerOf(value, asked) }
  }
  throw new OstrakaError(
    'unauthorized',
    'the Authorization header is neither "Bearer <token>" nor a signed request',
  )
}

function signerOf(value: string, { method, target, networkId, nowMs }: AskedRequest): PublicKey {
  const signed = apiRequestCodec.decode(fromBase64Url(value, 'the Authorization header'))
  if (!verifySigned<ApiRequest>('api', networkId, signed)) {
    throw new OstrakaError('bad_signature', 'the Authorization header’s signature does not verify')
  }
  const { value: request, signer } = signed
  if (request.method !== method || request.target !== target) {
    throw new OstrakaError('unauthorized', 'the Authorization header is signed for another request')
  }
  if (request.expiresMs <= nowMs || request.expiresMs > nowMs + MAX_LIFETIME_MS) {
    const { expiresMs } = request
    const text =
      expiresMs <= nowMs
        ? `the signed request expired ${nowMs - expiresMs} ms ago`
        : `the signed request lives ${expiresMs - nowMs} ms, longer than ${MAX_LIFETIME_MS} ms`
    throw new OstrakaError('expired', `${text}, by this node’s clock: compare the client’s with it`, {
      expiresMs,
      nowMs,
    })
  }
  return signer
}
