import { type Clock, type ErrorCode, OstrakaError, type Rng } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type { Caller } from './auth.ts'
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
  /** Who asks, where an Authorization header has said so. */
  readonly caller: Caller | undefined
  /** The media types that the client asks for, as its header says. */
  readonly accept: string
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
  /**
   * Who may ask, beside those whose CBOR envelope carries its own signature. Absent: whom an Authorization header
   * identifies. `signed-body`: anybody, since the body is signed in either form. `open`: anybody. `health`: anybody, by
   * any host name, as monitors and load balancers ask.
   */
  readonly access?: 'signed-body' | 'open' | 'health'
  /** A read of one key and what proves it, which anybody may make of a key whose policy is public. */
  readonly showsKey?: boolean
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema: JsonSchema }>>
  readonly errors: readonly ErrorCode[]
  handle(context: Context, call: Call): Promise<Answer> | Answer
}

/** The principal that a bearer token lends. Errors: `unauthorized`. */
export function requirePrincipal(call: Call): SigningKey {
  if (call.caller?.lent !== undefined) return call.caller.lent
  throw new OstrakaError(
    'unauthorized',
    'a bearer token or a signed body is needed here: this node signs only for principals that it lends',
  )
}

/** The key's name in the path; a name that is no name cannot be a key's. */
export function keyNameOf(call: Call): string {
  return call.params.name!
}
