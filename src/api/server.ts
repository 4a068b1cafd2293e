import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Clock, OstrakaError, type Rng, toOstrakaError } from '../base/index.ts'
import type { Authority } from './auth.ts'
import { Connections } from './connections.ts'
import { CBOR, callerOf, Guard } from './guard.ts'
import type { HostRules } from './hosts.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { NodePort } from './port.ts'
import { PROBLEM_MEDIA_TYPE, problemOf } from './problem.ts'
import { clientRate, DEFAULT_CLIENT_RATE } from './rates.ts'
import type { Context, Route } from './route.ts'
import { approvalRoutes } from './routes-approvals.ts'
import { attestationRoutes } from './routes-attestation.ts'
import { auditRoutes } from './routes-audit.ts'
import { changeRoutes } from './routes-changes.ts'
import { creatorRoutes } from './routes-creators.ts'
import { importRoutes } from './routes-import.ts'
import { keyRoutes } from './routes-keys.ts'
import { memberRoutes } from './routes-members.ts'
import { networkRoutes } from './routes-network.ts'
import { operationRoutes } from './routes-operations.ts'
import { proofRoutes } from './routes-proofs.ts'
import { randomnessRoutes } from './routes-randomness.ts'
import { rootRoute } from './routes-root.ts'

/** Base64 of the largest operation request (wire's MAX_REQUEST_BYTES), with its JSON around it. */
export const MAX_BODY_BYTES: number = 1024 * 1024

/**
 * A client that is still sending a refused body would see a reset instead of the answer, so up to this much is read
 * and thrown away first.
 */
const MAX_DRAINED_BYTES = 32 * 1024 * 1024

/** An honest client sends its headers at once; one that dribbles holds a connection. */
const HEADERS_TIMEOUT_MS = 10_000

/** For headers and body together: a megabyte at 35 KB a second. The answer may take longer: ceremonies and long polls do. */
const REQUEST_TIMEOUT_MS = 30_000

/** How often those two are looked at. */
const CHECK_INTERVAL_MS = 2_000

/** Above the pause of a client that polls every few seconds. */
const KEEP_ALIVE_MS = 10_000

/** Node's own default, said outright: a signed request's header is the longest that there is, with 5 KB. */
const MAX_HEADER_BYTES = 16 * 1024

/** On every answer: it is never guessed to be a page, nor stored, nor embedded by one of another origin. */
const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
}

export interface ServerOptions {
  readonly port: NodePort
  readonly authority: Authority
  readonly clock: Clock
  readonly rng: Rng
  readonly software: string
  /** The multiaddrs that this node listens on, for those who are invited. */
  readonly addresses: () => readonly string[]
  /** What the daemon counts of itself, for `/metrics`. */
  readonly counters: () => Readonly<Record<string, number>>
  /** Names beside loopback and the bound address by which browsers and proxies may call this server. */
  readonly hostNames?: readonly string[]
  /** Requests a second that one client with a credential may make. */
  readonly ratePerSecond?: number
  /** Whether `/metrics` needs no credential. */
  readonly hasPublicMetrics?: boolean
  /** Told of every request that failed for a reason of our own making. */
  readonly onInternalError: (error: unknown) => void
}

/** The HTTP interface of one node, not yet listening. `onRoute` is told of each route that the framework serves. */
export function buildServer(
  options: ServerOptions,
  onRoute: (route: { readonly method: unknown; readonly url: string }) => void = () => {},
): FastifyInstance {
  const server = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    clientErrorHandler: refuseUnreadable,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  })
  server.addHook('onRoute', onRoute)
  const metrics = createMetrics(options.port, options.counters)
  const routes = [
    ...networkRoutes,
    ...proofRoutes,
    ...randomnessRoutes,
    ...keyRoutes,
    ...operationRoutes,
    ...importRoutes,
    ...changeRoutes,
    ...auditRoutes,
    ...memberRoutes,
    ...attestationRoutes,
    ...approvalRoutes,
    ...creatorRoutes,
  ]
  routes.push(rootRoute(options.software), metricsRoute(metrics, options.hasPublicMetrics ?? false))
  const document = openApiDocument([...routes, openApiRoute({})], options.software)
  routes.push(openApiRoute(document))

  guard(server, routes, options)
  refuseOversized(server)
  // fastify's own text parser would hand handlers a body that no schema has seen
  server.removeContentTypeParser('text/plain')
  server.addContentTypeParser(CBOR, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error, _request, reply) => sendProblem(reply, error, options.onInternalError))
  server.setNotFoundHandler((request, reply) => {
    sendProblem(reply, new OstrakaError('not_found', `no ${request.method} ${request.url.split('?')[0]}`))
  })
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none'
    metrics.observe(`${request.method} ${route}`, reply.statusCode, codeOf(reply), reply.elapsedTime)
  })
  for (const route of routes) addRoute(server, route, options)
  return server
}

/** The guard's hook stands before all others: what it refuses costs neither a body nor a handler. */
function guard(server: FastifyInstance, routes: readonly Route[], options: ServerOptions): void {
  const { hostNames = [], ratePerSecond = DEFAULT_CLIENT_RATE } = options
  const hosts: HostRules = { names: new Set(hostNames.map(name => name.toLowerCase())) }
  const rules = { ...options, hosts, rate: clientRate(ratePerSecond) }
  const keeper = new Guard(rules, new Connections(server.server))
  const byName = new Map(routes.map(route => [`${route.method} ${urlOf(route)}`, route]))
  server.addHook('onRequest', async (request, reply) => {
    reply.headers(SAFE_HEADERS)
    keeper.admit(request, reply, byName.get(`${request.method} ${request.routeOptions.url}`))
  })
}

function urlOf({ path }: Route): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1')
}

function addRoute(server: FastifyInstance, route: Route, options: ServerOptions): void {
  const context: Context = options
  server.route({
    method: route.method,
    url: urlOf(route),
    schema: {
      ...(route.query === undefined
        ? {}
        : { querystring: { type: 'object', properties: textual(route.query), additionalProperties: false } }),
      ...(route.body === undefined
        ? {}
        : { body: { content: { 'application/json': { schema: route.body } } } }),
    },
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const call = callOf(route, request, reply)
      const answer = await route.handle(context, call)
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body)
    },
  })
}

/** Query parameters arrive as text; integers are matched as digits and converted in `callOf`. */
function textual(query: NonNullable<Route['query']>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, schema]) => [
      name,
      schema.type === 'integer' ? { type: 'string', pattern: '^[0-9]{1,15}$' } : schema,
    ]),
  )
}

function queryOf(route: Route, query: Readonly<Record<string, string>>): Record<string, string | number> {
  const values: Record<string, string | number> = {}
  for (const [name, schema] of Object.entries(route.query ?? {})) {
    const text = query[name]
    if (schema.type !== 'integer') {
      if (text !== undefined) values[name] = text
      continue
    }
    const value = text === undefined ? Number(schema.default ?? 0) : Number(text)
    if (value < Number(schema.minimum ?? 0) || value > Number(schema.maximum ?? Number.MAX_SAFE_INTEGER)) {
      throw new OstrakaError('malformed', `${name} is out of range`, { [name]: value })
    }
    values[name] = value
  }
  return values
}

function callOf(route: Route, request: FastifyRequest, reply: FastifyReply): Parameters<Route['handle']>[1] {
  const caller = callerOf(request)
  const isEnvelope = Buffer.isBuffer(request.body)
  if (isEnvelope && route.envelope === undefined) {
    throw new OstrakaError('malformed', `${route.path} takes no ${CBOR}`)
  }
  if (isEnvelope && caller !== undefined) {
    throw new OstrakaError('malformed', 'a signed request carries its own authority: send no Authorization')
  }
  if (route.body !== undefined && !isEnvelope && (request.body === undefined || request.body === null)) {
    throw new OstrakaError('malformed', 'the request has no body')
  }
  const abort = new AbortController()
  reply.raw.once('close', () => abort.abort())
  return {
    params: request.params as Readonly<Record<string, string>>,
    query: queryOf(route, request.query as Readonly<Record<string, string>>),
    body: isEnvelope ? undefined : request.body,
    envelope: isEnvelope ? new Uint8Array(request.body as Buffer) : undefined,
    caller,
    accept: request.headers.accept ?? '',
    signal: abort.signal,
  }
}

/** Answers `too_large` from the declared length, after letting the client finish. */
function refuseOversized(server: FastifyInstance): void {
  server.addHook('onRequest', async request => {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared <= MAX_BODY_BYTES) return
    if (declared <= MAX_DRAINED_BYTES) for await (const _chunk of request.raw);
    throw new OstrakaError('too_large', `a request body has at most ${MAX_BODY_BYTES} bytes`, {
      limit: MAX_BODY_BYTES,
    })
  })
}

/** What is no HTTP at all has no reply to answer in: the problem goes straight to the socket, which then closes. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'malformed'
  const problem = problemOf(new OstrakaError(code, `not an HTTP request: ${error.message}`))
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

const codes = new WeakMap<FastifyReply, string>()

function codeOf(reply: FastifyReply): string {
  return codes.get(reply) ?? ''
}

function sendProblem(
  reply: FastifyReply,
  thrown: unknown,
  onInternalError: (error: unknown) => void = () => {},
): void {
  const error = ofFramework(thrown) ?? toOstrakaError(thrown)
  if (error.code === 'internal') onInternalError(thrown)
  const problem = problemOf(error)
  codes.set(reply, problem.code)
  const retryAfterMs = Number(error.details.retryAfterMs ?? 0)
  if (retryAfterMs > 0) reply.header('retry-after', Math.ceil(retryAfterMs / 1000))
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  // as bytes: to a text fastify would add a charset, which this media type does not have
  const document = Buffer.from(JSON.stringify(problem))
  reply.code(problem.status).header('content-type', PROBLEM_MEDIA_TYPE).send(document)
}

/** Fastify's own refusals in our words: bodies that are too long, unparsable or not of the route's schema. */
function ofFramework(thrown: unknown): OstrakaError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof OstrakaError) return undefined
  const { statusCode, message } = thrown as Error & { readonly statusCode?: number }
  if (statusCode === 413) return new OstrakaError('too_large', message, { limit: MAX_BODY_BYTES })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new OstrakaError('malformed', message)
  }
  return undefined
}

function metricsRoute(metrics: Metrics, isPublic: boolean): Route {
  return {
    method: 'GET',
    path: '/metrics',
    id: 'metrics',
    summary: 'Prometheus text.',
    ...(isPublic ? { access: 'open' as const } : {}),
    answers: { 200: { description: 'Metrics.', schema: { type: 'string', contentMediaType: 'text/plain' } } },
    errors: [],
    async handle() {
      return { status: 200, body: await metrics.text(), headers: { 'content-type': metrics.contentType } }
    },
  }
}

function openApiRoute(document: unknown): Route {
  return {
    method: 'GET',
    path: '/openapi.json',
    id: 'openapi',
    summary: 'This document.',
    access: 'open',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: { type: 'object' } } },
    errors: [],
    handle: () => ({ status: 200, body: document }),
  }
}
