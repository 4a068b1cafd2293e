import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Clock, OstrakaError, toHex } from '../base/index.ts'
import { type Authority, type Caller, callerOfHeader } from './auth.ts'
import type { Connections } from './connections.ts'
import { type HostRules, requireOwnHost } from './hosts.ts'
import type { NodePort } from './port.ts'
import { ANONYMOUS_RATE, addressClient, ClientRates, type Rate } from './rates.ts'
import { requireOneHost } from './refusals.ts'
import type { Route } from './route.ts'

/** Whose canonical bytes carry their own signature. */
export const CBOR = 'application/cbor'

export interface GuardOptions {
  readonly port: NodePort
  readonly authority: Authority
  readonly clock: Clock
  readonly hosts: HostRules
  /** Of a client that shows a credential. */
  readonly rate: Rate
}

const callers = new WeakMap<FastifyRequest, Caller>()

/** Who asks; undefined without an Authorization header. */
export function callerOf(request: FastifyRequest): Caller | undefined {
  return callers.get(request)
}

/**
 * Stands before every route, before the body is read: the right host, a client that does not ask too often, and a
 * credential where the route needs one. Errors: `forbidden`, `overloaded`, `unauthorized`, `bad_signature`, `expired`.
 */
export class Guard {
  readonly #options: GuardOptions
  readonly #connections: Connections
  readonly #rates = new ClientRates()

  constructor(options: GuardOptions, connections: Connections) {
    this.#options = options
    this.#connections = connections
  }

  admit(request: FastifyRequest, reply: FastifyReply, route: Route | undefined): void {
    const { headers, socket } = request
    requireOneHost(request.raw)
    if (route?.access !== 'health') {
      const { host, origin } = headers
      const fetchSite = route?.access === 'open' ? undefined : headers['sec-fetch-site']
      const browser = { host, origin, fetchSite: typeof fetchSite === 'string' ? fetchSite : undefined }
      requireOwnHost(browser, socket.localAddress, this.#options.hosts)
    }
    const caller = this.#identify(request, reply, route)
    if (caller !== undefined) {
      callers.set(request, caller)
      this.#connections.vouchFor(socket)
    }
    if (route !== undefined) this.#requireAccess(request, route, caller)
  }

  /** Charges the request to whoever makes it. A header that does not hold is charged to its address. */
  #identify(request: FastifyRequest, reply: FastifyReply, route: Route | undefined): Caller | undefined {
    const { authority, clock, port, rate } = this.#options
    const { method, headers } = request
    const address = addressClient(request.socket.remoteAddress)
    const nowMs = clock.nowMs()
    let caller: Caller | undefined
    try {
      // whoever may read may ask for the head of it
      const signed = method === 'HEAD' ? 'GET' : method
      const asked = { method: signed, target: request.url, networkId: port.networkId, nowMs }
      caller = callerOfHeader(headers.authorization, authority, asked)
    } catch (error) {
      this.#charge(reply, `address ${address}`, ANONYMOUS_RATE, nowMs)
      throw error
    }
    if (caller !== undefined) this.#charge(reply, `principal ${toHex(caller.publicKey)}`, rate, nowMs)
    else if (isSelfSigned(request, route)) this.#charge(reply, `signers at ${address}`, rate, nowMs)
    else this.#charge(reply, `address ${address}`, ANONYMOUS_RATE, nowMs)
    return caller
  }

  #charge(reply: FastifyReply, client: string, rate: Rate, nowMs: number): void {
    reply.raw.once('close', this.#rates.enter(client, rate, nowMs))
  }

  #requireAccess(request: FastifyRequest, route: Route, caller: Caller | undefined): void {
    const { port } = this.#options
    if (route.access === 'open' || route.access === 'health' || caller?.lent !== undefined) return
    const key = keyNamed(request)
    if (caller === undefined) {
      if (isSelfSigned(request, route) || (route.showsKey === true && isPublicKey(port, key))) return
      throw new OstrakaError(
        'unauthorized',
        'neither a bearer token nor a signed request: say who asks (--token-file or --principal-file)',
      )
    }
    if (port.mayRead(caller.publicKey, key)) return
    throw new OstrakaError('forbidden', 'this principal reads only keys that it owns or may use')
  }
}

/** Whether the body carries the signature by which it is judged: an envelope, or JSON around the same bytes. */
function isSelfSigned({ headers }: FastifyRequest, route: Route | undefined): boolean {
  if (route?.access === 'signed-body') return true
  return route?.envelope !== undefined && (headers['content-type'] ?? '').split(';')[0]!.trim() === CBOR
}

/** The key that a request is about, by its path or its query. */
function keyNamed({ params, query }: FastifyRequest): string | undefined {
  const { name } = params as { readonly name?: string }
  const { key } = query as { readonly key?: unknown }
  return name ?? (typeof key === 'string' ? key : undefined)
}

function isPublicKey(port: NodePort, name: string | undefined): boolean {
  return name !== undefined && port.isPublicKey(name)
}
