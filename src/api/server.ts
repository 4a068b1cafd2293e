import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Clock, fromUtf8, OstrakaError, parseJson, type Rng } from '../base/index.ts'
import type { Authority } from './auth.ts'
import { Connections } from './connections.ts'
import { CBOR, callerOf, Guard } from './guard.ts'
import type { HostRules } from './hosts.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import type { NodePort } from './port.ts'
import { clientRate, DEFAULT_CLIENT_RATE } from './rates.ts'
import {
  addSafeHeaders,
  answerInNodesPlace,
  codeOf,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
  refuseUnknown,
  refuseUnreadable,
  sendProblem,
} from './refusals.ts'
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

const JSON_TYPE = 'application/json'

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
      // the guard refuses it with a document
      requireHostHeader: false,
    },
    clientErrorHandler: refuseUnreadable,
    // no path is longer than that, and what is no name is for its handler to refuse
    routerOptions: { maxParamLength: MAX_HEADER_BYTES },
    // bad escapes in the path
    frameworkErrors: (error, _request, reply) => sendProblem(reply as FastifyReply, error),
    return503OnClosing: false,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  })
  server.addHook('onRoute', onRoute)
  answerInNodesPlace(server.server)
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
  // fastify's own parsers would hand handlers text that no schema has seen, and take a name twice
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(JSON_TYPE, { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(fromUtf8(body as Buffer), 'the body'))
    } catch (error) {
      done(error as Error)
    }
  })
  server.addContentTypeParser(CBOR, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  server.setErrorHandler((error, _request, reply) => sendProblem(reply, error, options.onInternalError))
  const refusalOf = refuseUnknown(routes)
  server.setNotFoundHandler((request, reply) => sendProblem(reply, refusalOf(request)))
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
    addSafeHeaders(reply)
    const method = request.method === 'HEAD' ? 'GET' : request.method
    keeper.admit(request, reply, byName.get(`${method} ${request.routeOptions.url}`))
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
    exposeHeadRoute: route.method === 'GET',
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
    throw new OstrakaError('unsupported_media_type', `${route.path} takes no ${CBOR}`)
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
