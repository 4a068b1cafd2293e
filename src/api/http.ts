import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isAbsolute } from 'node:path'
import { OstrakaError } from '../base/index.ts'
import { errorOfProblem } from './problem.ts'

export interface HttpCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly timeoutMs?: number
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

export interface Http {
  /** Any answer as it is. Errors: `unreachable`, `deadline_exceeded`. */
  send(call: HttpCall): Promise<HttpAnswer>
  close(): void
}

/** Key creation waits for a ceremony, whose deadlines may add up to minutes. */
const DEFAULT_TIMEOUT_MS = 120_000

/** Pooled connections to one daemon. node:http costs a fraction of fetch's CPU per request. */
export function createHttp(api: string, usualTimeoutMs: number = DEFAULT_TIMEOUT_MS): Http {
  let base: URL
  try {
    base = new URL(api)
  } catch {
    throw new OstrakaError('malformed', `${api} is no URL`)
  }
  if (base.username !== '' || base.password !== '') {
    const text = 'a user and password in the URL are not used: give --token-file or --principal-file'
    throw new OstrakaError('unsupported', text)
  }
  const isTls = base.protocol === 'https:'
  if (base.protocol === 'unix:') return createUnixHttp(api, usualTimeoutMs)
  if (!isTls && base.protocol !== 'http:')
    throw new OstrakaError('malformed', `${api} is no http URL and no unix:/path`)
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const prefix = base.pathname.replace(/\/$/, '')
  return {
    send: ({ method, path, headers = {}, body, timeoutMs = usualTimeoutMs }) => {
      const options: RequestOptions = {
        agent,
        method,
        // brackets belong to URLs: to a resolver an IPv6 address is bare
        host: base.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: base.port,
        path: `${prefix}${path}`,
        headers: {
          ...headers,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      }
      return exchange(isTls ? httpsRequest : httpRequest, options, body, timeoutMs, api)
    },
    close: () => agent.destroy(),
  }
}

/** `unix:/path`: the same over a Unix socket. */
function createUnixHttp(api: string, usualTimeoutMs: number): Http {
  const socketPath = api.slice('unix:'.length)
  if (!isAbsolute(socketPath)) throw new OstrakaError('malformed', `${api} is not unix:/path`)
  const agent = new HttpAgent({ keepAlive: true })
  return {
    send: ({ method, path, headers = {}, body, timeoutMs = usualTimeoutMs }) => {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
      const options = { agent, method, socketPath, path, headers: { ...headers, ...length } }
      return exchange(httpRequest, options, body, timeoutMs, api)
    },
    close: () => agent.destroy(),
  }
}

function exchange(
  start: typeof httpRequest,
  options: RequestOptions,
  body: string | Uint8Array | undefined,
  timeoutMs: number,
  api: string,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = start(options, incoming => {
      collect(incoming).then(text => {
        clearTimeout(timer)
        resolve({ status: incoming.statusCode ?? 0, text })
      }, fail)
    })
    const fail = (error: Error): void => {
      clearTimeout(timer)
      outgoing.destroy()
      const isOurs = error instanceof OstrakaError
      reject(isOurs ? error : new OstrakaError('unreachable', `${api}: ${error.message}`, { api }))
    }
    const timer = setTimeout(() => {
      fail(new OstrakaError('deadline_exceeded', `${api} did not answer in ${timeoutMs} ms`, { timeoutMs }))
    }, timeoutMs)
    outgoing.on('error', fail)
    outgoing.end(body)
  })
}

async function collect(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** The text of a good answer; the problem document of any other becomes its OstrakaError. */
export function textOfAnswer(answer: HttpAnswer): string {
  if (answer.status < 200 || answer.status >= 300) jsonOfAnswer(answer)
  return answer.text
}

/** The JSON of a good answer; the problem document of any other becomes its OstrakaError. */
export function jsonOfAnswer(answer: HttpAnswer): unknown {
  let body: unknown
  try {
    body = answer.text === '' ? undefined : JSON.parse(answer.text)
  } catch {
    body = undefined
  }
  if (answer.status >= 200 && answer.status < 300 && body !== undefined) return body
  throw errorOfProblem(answer.status, body)
}
