import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorDetails, OstrakaError, ofSystem, toOstrakaError } from '../base/index.ts'
import { PROBLEM_MEDIA_TYPE, problemOf } from './problem.ts'
import type { Route } from './route.ts'

/** Base64 of the largest operation request (wire's MAX_REQUEST_BYTES), with its JSON around it. */
export const MAX_BODY_BYTES: number = 1024 * 1024

/** Node's own default, said outright: a signed request's header is the longest that there is, with 5 KB. */
export const MAX_HEADER_BYTES: number = 16 * 1024

/** On every answer: it is never guessed to be a page, nor stored, nor embedded by one of another origin. */
const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
}

const codes = new WeakMap<FastifyReply, string>()

/** The code of the problem that was answered, for metrics; empty for a good answer. */
export function codeOf(reply: FastifyReply): string {
  return codes.get(reply) ?? ''
}

export function addSafeHeaders(reply: FastifyReply): void {
  reply.headers(SAFE_HEADERS)
}

/** Every refusal is a problem document, whoever refuses: a handler, a hook, the framework or node:http. */
export function sendProblem(
  reply: FastifyReply,
  thrown: unknown,
  onInternalError: (error: unknown) => void = () => {},
): void {
  const error = ofFramework(thrown) ?? ofHost(thrown) ?? toOstrakaError(thrown)
  if (error.code === 'internal') onInternalError(thrown)
  const problem = problemOf(error)
  codes.set(reply, problem.code)
  addSafeHeaders(reply)
  const { retryAfterMs = 0, allow } = error.details
  if (Number(retryAfterMs) > 0) reply.header('retry-after', Math.ceil(Number(retryAfterMs) / 1000))
  if (error.code === 'method_not_allowed') reply.header('allow', (allow as readonly string[]).join(', '))
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
  if (statusCode === 415) return new OstrakaError('unsupported_media_type', message)
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new OstrakaError('malformed', message)
  }
  return undefined
}

/** The host is out of something: the client may come again. What else the system refuses here is no client's fault. */
function ofHost(thrown: unknown): OstrakaError | undefined {
  const error = ofSystem(thrown)
  if (error?.code !== 'storage_full' && error?.code !== 'overloaded') return undefined
  return new OstrakaError(error.code, 'this host is out of disk, memory or descriptors', error.details)
}

/** Answers where no route fits: 405 with what the path allows, or 404. */
export function refuseUnknown(routes: readonly Route[]): (request: FastifyRequest) => OstrakaError {
  const paths = routes.map(({ method, path }) => ({
    methods: method === 'GET' ? [method, 'HEAD'] : [method],
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }))
  return ({ method, url }) => {
    const path = url.split('?')[0]!
    const allow = [...new Set(paths.flatMap(({ methods, pattern }) => (pattern.test(path) ? methods : [])))]
    if (allow.length === 0) return new OstrakaError('not_found', `no ${method} ${path}`)
    return new OstrakaError('method_not_allowed', `${path} takes ${allow.join(', ')}`, { allow })
  }
}

/** RFC 9112 section 3.2: one Host in HTTP/1.1. Errors: `malformed`. */
export function requireOneHost({ httpVersion, rawHeaders }: IncomingMessage): void {
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (count === 1 || (count === 0 && httpVersion === '1.0')) return
  throw new OstrakaError('malformed', count === 0 ? 'the request has no Host header' : 'two Host headers')
}

/** What is no HTTP at all has no reply to answer in: the problem goes straight to the socket, which then closes. */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW' || error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW'
  const details: ErrorDetails = isTooLarge ? { limit: MAX_HEADER_BYTES } : {}
  const code = isTooLarge ? 'too_large' : 'malformed'
  writeProblem(socket, new OstrakaError(code, `not an HTTP request: ${error.message}`, details))
}

function writeProblem(socket: Socket, error: OstrakaError, ...headers: readonly string[]): void {
  const problem = problemOf(error)
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

/** What node:http would answer by itself, without a document or not at all. */
export function answerInNodesPlace(server: Server): void {
  // an expectation that nobody knows may be ignored (RFC 9110 section 10.1.1); node would answer 417
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response)
  })
  server.on('connect', (_request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => socket.destroy())
    const error = new OstrakaError('method_not_allowed', 'no tunnels here', { allow: [] })
    writeProblem(socket, error, 'Allow:')
  })
}
