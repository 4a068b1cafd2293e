import assert from 'node:assert/strict'
import { Agent, type IncomingHttpHeaders } from 'node:http'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { bendTree } from '../../scripts/fuzz-mutations.ts'
import type { Rng } from '../../src/base/index.ts'
import { type RawRequest, send } from './raw-http.ts'

type JsonSchema = Readonly<Record<string, unknown>>
type Content = Readonly<Record<string, { readonly schema?: JsonSchema }>>

interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly schema: JsonSchema
}

interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}

interface Answered {
  readonly status: number
  readonly text: string
  readonly headers: IncomingHttpHeaders
}

/** One description of an operation, as a request can be made of it. */
interface Target {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']

/** In a path: no such thing, not of its form, escaped, long, and none at all once it is decoded. */
const PATH_VALUES = ['nothing', 'a%2Fb', '%C3%A9', '%00', 'x'.repeat(500), '..', '%20']

/** In a query, of whatever type the parameter is. */
const QUERY_VALUES = ['', '0', '1', '-1', '1e3', '999999999999999', '9'.repeat(30), 'a b', '%00', 'true']

/**
 * Sends what an OpenAPI document allows and forbids, and holds every answer against it: a documented status, its media
 * type, a body of its schema. As schemathesis does, for what these routes have. Bodies are bent until they are wrong, so
 * that nothing is made or changed.
 */
export class Conformance {
  readonly #url: string
  readonly #token: string
  readonly #document: ApiDocument
  readonly #agent = new Agent({ keepAlive: true })
  readonly #ajv = new Ajv2020({ strict: false })
  #count = 0

  private constructor(url: string, token: string, document: ApiDocument) {
    this.#url = url
    this.#token = token
    this.#document = document
    this.#ajv.addSchema(document, 'document')
  }

  static async of(url: string, token: string): Promise<Conformance> {
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument
    return new Conformance(url, token, document)
  }

  get count(): number {
    return this.#count
  }

  close(): void {
    this.#agent.destroy()
  }

  targets(): readonly Target[] {
    return Object.entries(this.#document.paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
  }

  /** Every value in every parameter, with and without a credential, and parameters that nobody has heard of. */
  async parameters(target: Target): Promise<void> {
    const { method, path, operation } = target
    if (operation.requestBody !== undefined) return
    const paths = path.includes('{') ? PATH_VALUES.map(value => path.replaceAll(/\{\w+\}/g, value)) : [path]
    for (const at of paths) {
      await this.#check(target, { method, path: at })
      await this.#check(target, { method, path: at }, false)
    }
    for (const { name } of operation.parameters?.filter(each => each.in === 'query') ?? []) {
      for (const value of QUERY_VALUES) {
        await this.#check(target, { method, path: `${paths[0]}?${name}=${value}` })
        await this.#check(target, { method, path: `${paths[0]}?${name}=${value}&${name}=${value}` })
      }
    }
    await this.#check(target, { method, path: `${paths[0]}?nobody=knows` })
  }

  /** A GET’s HEAD has its status and headers and no body; methods that the document lacks are 405 and name the others. */
  async methods(path: string): Promise<void> {
    const documented = Object.keys(this.#document.paths[path]!).map(method => method.toUpperCase())
    const allowed = new Set(documented.includes('GET') ? [...documented, 'HEAD'] : documented)
    const at = path.replaceAll(/\{\w+\}/g, 'nothing')
    for (const method of METHODS.filter(each => !allowed.has(each))) {
      const answer = await this.#send({ method, path: at })
      assert.equal(answer.status, 405, `${method} ${at}: ${answer.status} ${answer.text}`)
      assert.deepEqual(new Set(answer.headers.allow?.split(', ')), allowed, `${method} ${at}`)
      if (method !== 'HEAD') this.#requireProblem(answer, `${method} ${at}`)
    }
    if (!allowed.has('HEAD')) return
    const [get, head] = [
      await this.#send({ method: 'GET', path: at }),
      await this.#send({ method: 'HEAD', path: at }),
    ]
    assert.equal(head.status, get.status, `HEAD ${at}`)
    assert.equal(head.text, '', `HEAD ${at}`)
    assert.equal(head.headers['content-type'], get.headers['content-type'], `HEAD ${at}`)
  }

  /** Bodies of other media types, of no JSON, with a name twice, and made of the schema and bent. */
  async bodies(target: Target, rng: Rng, count: number): Promise<void> {
    const { method, operation } = target
    const content = operation.requestBody?.content
    if (content === undefined) return
    const path = target.path.replaceAll(/\{\w+\}/g, 'nothing')
    const sendAs = (type: string, text: string): Promise<Answered> => {
      const headers = { 'content-type': type }
      return this.#check(target, { method, path, headers, body: new TextEncoder().encode(text) })
    }
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'nothing']) {
      const { status } = await sendAs(type, '{}')
      assert.equal(status, 415, `${method} ${path} as ${type}`)
    }
    for (const text of ['', '{', 'null', '[]', '"a"', '{"a":1,"a":1}', '{"__proto__":{}}', '\u0000']) {
      const { status } = await sendAs('application/json', text)
      assert.equal(status, 400, `${method} ${path} with ${text}`)
    }
    const schema = content['application/json']!.schema!
    const isValid = this.#ajv.compile(schema)
    for (let at = 0; at < count; at++) {
      let body: unknown = sampleOf(schema)
      for (let tries = 0; isValid(body) && tries < 20; tries++) body = bendTree(rng, body)
      if (isValid(body)) continue
      const { status } = await sendAs('application/json', JSON.stringify(body) ?? '')
      assert.equal(status, 400, `${method} ${path} with ${JSON.stringify(body)}`)
    }
  }

  async #check(target: Target, request: RawRequest, isAuthorized = true): Promise<Answered> {
    const answer = await this.#send(request, isAuthorized)
    const said = `${request.method} ${request.path}: ${answer.status} ${answer.text.slice(0, 300)}`
    // a value that has no place in a path leads to no route, which is no operation’s to document
    if (answer.status === 404 && answer.text.includes(`"no ${request.method} `)) return answer
    const documented = target.operation.responses[answer.status]
    assert.ok(documented, `an undocumented status: ${said}`)
    const type = String(answer.headers['content-type']).split(';')[0]!
    const media = documented.content?.[type]
    assert.ok(media, `an undocumented media type, ${type}: ${said}`)
    if (type === 'application/problem+json') this.#requireProblem(answer, said)
    else if (type === 'application/json') this.#requireSchema(media.schema ?? {}, answer, said)
    return answer
  }

  #requireProblem(answer: Answered, said: string): void {
    assert.equal(answer.headers['content-type'], 'application/problem+json', said)
    this.#requireSchema({ $ref: 'document#/components/schemas/Problem' }, answer, said)
    const { status, code, details } = JSON.parse(answer.text) as {
      [name: string]: unknown
      details: { limit?: unknown }
    }
    assert.equal(status, answer.status, said)
    assert.notEqual(code, 'internal', said)
    if (code === 'too_large') assert.equal(typeof details.limit, 'number', said)
  }

  #requireSchema(schema: JsonSchema, answer: Answered, said: string): void {
    const isValid = this.#ajv.compile(schema)
    assert.ok(isValid(JSON.parse(answer.text)), `${this.#ajv.errorsText(isValid.errors)}: ${said}`)
  }

  #send(request: RawRequest, isAuthorized = true): Promise<Answered> {
    this.#count++
    const authorization = isAuthorized ? { authorization: `Bearer ${this.#token}` } : {}
    return send(this.#agent, this.#url, { ...request, headers: { ...authorization, ...request.headers } })
  }
}

/** A value that a schema of ours takes. */
function sampleOf(schema: JsonSchema): unknown {
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (Array.isArray(schema.anyOf)) return sampleOf(schema.anyOf[0] as JsonSchema)
  switch (schema.type) {
    case 'object':
      return Object.fromEntries(
        Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).map(([name, each]) => [
          name,
          sampleOf(each),
        ]),
      )
    case 'array':
      return [sampleOf((schema.items ?? {}) as JsonSchema)]
    case 'integer':
    case 'number':
      return schema.minimum ?? 1
    case 'boolean':
      return false
    default:
      return 'AAAA'
  }
}
