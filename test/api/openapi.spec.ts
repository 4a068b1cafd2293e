import assert from 'node:assert/strict'
import { statusOf } from '../../src/api/problem.ts'
import { buildServer } from '../../src/api/server.ts'
import { ERROR_CODES } from '../../src/base/index.ts'
import { SystemClock, SystemRng } from '../../src/io/index.ts'
import { type ApiFixture, startFixture } from './fixture.ts'

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly operationId: string
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> }
  readonly responses: Readonly<Record<string, { readonly content: Readonly<Record<string, unknown>> }>>
}

describe('OpenAPI document', () => {
  let api: ApiFixture
  let document: Document

  before(async () => {
    api = await startFixture()
    document = (await (await fetch(`${api.url}/openapi.json`)).json()) as Document
  })

  after(() => api.stop())

  it('describes every route of the server, and no other', async () => {
    const served: string[] = []
    const options = {
      port: api.node,
      authority: { lend: () => api.owner },
      clock: new SystemClock(),
      rng: new SystemRng(),
      software: 'x',
      addresses: () => [],
      counters: () => ({}),
      onInternalError: () => {},
    }
    const server = buildServer(options, route => {
      // every GET has its HEAD
      if (route.method !== 'HEAD') served.push(`${route.method} ${route.url}`)
    })
    await server.ready()
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    )
    assert.deepEqual(served.sort(), described.sort())
    assert.equal(document.openapi, '3.1.0')
  })

  it('has every path that outside programs rely on', () => {
    for (const [method, path] of [
      ['get', '/health'],
      ['get', '/metrics'],
      ['get', '/api/v1/status'],
      ['get', '/api/v1/keys'],
      ['post', '/api/v1/keys'],
      ['get', '/api/v1/keys/{name}'],
      ['post', '/api/v1/keys/{name}/sign'],
      ['post', '/api/v1/keys/{name}/derive'],
      ['post', '/api/v1/keys/{name}/decrypt'],
      ['post', '/api/v1/keys/{name}/import'],
      ['post', '/api/v1/keys/{name}/export'],
      ['get', '/api/v1/approvals'],
      ['get', '/api/v1/members'],
      ['post', '/api/v1/members'],
      ['delete', '/api/v1/members/{peerId}'],
      ['get', '/api/v1/log'],
      ['get', '/api/v1/randomness'],
    ] as const) {
      assert.ok(document.paths[path]?.[method], `${method} ${path}`)
    }
  })

  it('offers the signed envelope wherever something is asked of a key', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        if (operation.requestBody === undefined) continue
        const types = Object.keys(operation.requestBody.content).sort()
        assert.deepEqual(types, ['application/cbor', 'application/json'], path)
      }
    }
  })

  it('gives operations distinct names and problem documents for their errors', () => {
    const operations = Object.values(document.paths).flatMap(methods => Object.values(methods))
    const names = operations.map(operation => operation.operationId)
    assert.equal(new Set(names).size, names.length)
    for (const operation of operations) {
      assert.ok(operation.responses[400]?.content['application/problem+json'])
    }
  })

  it('matches every error code with an HTTP error status', () => {
    for (const code of ERROR_CODES) assert.ok(statusOf(code) >= 400 && statusOf(code) < 600, code)
  })
})
