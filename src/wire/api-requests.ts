import { type Signed, signedCodec, timeMs } from './common.ts'
import { type Codec, oneOf, type Schema, struct, textUpTo } from './schema.ts'

/** Above every path and query that the HTTP interface has. */
export const MAX_API_TARGET_CHARACTERS = 1024

/**
 * One HTTP request that carries no signed body, as its principal signs it in the domain `api`. The signature travels in
 * the Authorization header.
 */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query, as they are sent. */
  readonly target: string
  readonly expiresMs: number
}

const apiRequest: Schema<ApiRequest> = struct<ApiRequest>({
  method: oneOf(['GET', 'POST', 'PUT', 'DELETE']),
  target: textUpTo(MAX_API_TARGET_CHARACTERS),
  expiresMs: timeMs,
})

/** Room for key, signature and names beside the target. */
export const apiRequestCodec: Codec<Signed<ApiRequest>> = signedCodec('api-request', 4 * 1024, apiRequest)
