import { OstrakaError, type PublicKey } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'

/** Turns credentials into the principal whose rights they lend. */
export interface Authority {
  /** The signing key that a bearer token stands for. Errors: `unauthorized`. */
  lend(token: string, nowMs: number): SigningKey
}

/** Longer than any token that this node makes; bounds what is hashed for a stranger. */
const MAX_TOKEN_CHARACTERS = 512

interface Tokens {
  principalOf(token: string, nowMs: number): PublicKey
}

interface Principals {
  signingKeyOf(principal: PublicKey): SigningKey
}

export function authorityOf(tokens: Tokens, principals: Principals): Authority {
  return { lend: (token, nowMs) => principals.signingKeyOf(tokens.principalOf(token, nowMs)) }
}

/**
 * The principal behind an `Authorization` header, undefined without one. A header that does not hold is refused even
 * where none is needed: silently serving it as anonymous would hide an expired token. Errors: `unauthorized`.
 */
export function principalOfHeader(
  header: string | undefined,
  authority: Authority,
  nowMs: number,
): SigningKey | undefined {
  if (header === undefined) return undefined
  const match = /^Bearer ([\x21-\x7e]+)$/i.exec(header)
  if (match === null || match[1]!.length > MAX_TOKEN_CHARACTERS) {
    throw new OstrakaError('unauthorized', 'the Authorization header is not "Bearer <token>"')
  }
  return authority.lend(match[1]!, nowMs)
}
