import { type Clock, type ErrorCode, OstrakaError, type Rng } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type { NodePort } from './port.ts'

/** JSON Schema 2020-12, as OpenAPI 3.1 embeds it. The same object validates requests and documents them. */
export type JsonSchema = Readonly<Record<string, unknown>>

export interface Context {
  readonly port: NodePort
  readonly clock: Clock
  readonly rng: Rng
  /** The multiaddrs that this node listens on. */
  addresses(): readonly string[]
}

/** A request after authentication and validation against its route's schemas. */
export interface Call {
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string | number>>
  readonly body: unknown
  /** The canonical signed envelope of an `application/cbor` request. */
  readonly envelope: Uint8Array | undefined
  readonly principal: SigningKey | undefined
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** One operation of the HTTP interface: what serves it, and what `/openapi.json` says of it. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** OpenAPI form: `/api/v1/keys/{name}`. */
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly description?: string
  readonly query?: Readonly<Record<string, JsonSchema>>
  readonly body?: JsonSchema
  /** Which envelope an `application/cbor` body may be instead, signed by the principal itself. */
  readonly envelope?: 'signed-operation' | 'transaction'
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema: JsonSchema }>>
  readonly errors: readonly ErrorCode[]
  handle(context: Context, call: Call): Promise<Answer> | Answer
}

/** The principal that a bearer token lends. Errors: `unauthorized`. */
export function requirePrincipal(call: Call): SigningKey {
  if (call.principal !== undefined) return call.principal
  throw new OstrakaError(
    'unauthorized',
    'neither a bearer token nor a signed request: say who asks (--token-file or --principal-file)',
  )
}

/** The key's name in the path; a name that is no name cannot be a key's. */
export function keyNameOf(call: Call): string {
  return call.params.name!
}
