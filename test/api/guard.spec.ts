import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { Agent } from 'node:http'
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from '../../src/api/index.ts'
import { signedAuthorization } from '../../src/api/signing.ts'
import { utf8 } from '../../src/base/index.ts'
import type { SigningKey } from '../../src/crypto/index.ts'
import type { ApiRequest } from '../../src/wire/index.ts'
import { type ApiFixture, startFixture } from './fixture.ts'
import { send } from './raw-http.ts'

const KEY = { kind: 'ed25519', threshold: 2, shares: 3 } as const

/** What anybody may read, beside public keys. */
const OPEN = ['/', '/health', '/openapi.json']

describe('who is not let in over HTTP', () => {
  let api: ApiFixture
  const agent = new Agent({ keepAlive: true })

  beforeEach(async () => {
    api = await startFixture()
    await api.client.createKey({ name: 'hidden', ...KEY })
  })
  afterEach(() => api.stop())
  after(() => agent.destroy())

  const get = async (path: string, headers: Record<string, string> = {}) => {
    const { status, text: body, headers: back } = await send(agent, api.url, { method: 'GET', path, headers })
    const code = status < 400 ? undefined : (JSON.parse(body) as { code: string }).code
    return { status, code, body, headers: back }
  }

  const signedBy = (key: SigningKey, target: string, change: Partial<ApiRequest> = {}, at = Date.now()) => {
    const request = { method: 'GET', target, expiresMs: at + 30_000, ...change } as const
    return { authorization: signedAuthorization(key, api.node.networkId, request) }
  }

  it('a local user without a credential reads nothing but what is open', async () => {
    const { paths } = JSON.parse((await get('/openapi.json')).body) as {
      paths: Record<string, Record<string, unknown>>
    }
    const reads = Object.entries(paths).flatMap(([path, methods]) => ('get' in methods ? [path] : []))
    ok(reads.length > 15)
    for (const path of reads) {
      const at = path.replace('{name}', 'hidden')
      const { status, code } = await get(at)
      if (OPEN.includes(path)) equal(status, 200, path)
      else deepEqual({ status, code }, { status: 401, code: 'unauthorized' }, path)
    }
    // no oracle: a key that is not there is refused alike
    equal((await get('/api/v1/keys/none')).code, 'unauthorized')
    equal((await get('/api/v1/proof?key=hidden')).code, 'unauthorized')
    deepEqual(JSON.parse((await get('/health')).body), { status: 'ok' })
    api.node.complaint = 'a reason that names members'
    const unwell = await get('/health')
    deepEqual([unwell.status, JSON.parse(unwell.body)], [503, { status: 'unavailable' }])
  })

  it('writes without a credential and without a signed body end before the body is read', async () => {
    const body = utf8(JSON.stringify({ messages: ['AA=='] }))
    const headers = { 'content-type': 'application/json' }
    const path = '/api/v1/keys/hidden/sign'
    const refused = await send(agent, api.url, { method: 'POST', path, headers, body })
    equal(refused.status, 401)
    const unread = await send(agent, api.url, { method: 'POST', path, headers, body: utf8('{') })
    equal(unread.status, 401)
  })

  it('a public key and what proves it are shown to anybody, as long as its policy says so', async () => {
    const stranger = connect({ api: api.url })
    try {
      await api.client.setPolicy('hidden', 0, [], true)
      const { name, policy } = await stranger.key('hidden')
      deepEqual([name, policy.public], ['hidden', true])
      equal((await get('/api/v1/proof?key=hidden')).code, 'not_ready') // as one node of a test answers whom it lets in
      equal((await get('/api/v1/handovers?key=hidden')).status, 200)
      equal((await get('/api/v1/proof?record=key/hidden')).code, 'unauthorized')
      equal((await get('/api/v1/keys/hidden/policy')).code, 'unauthorized')
      await api.client.setPolicy('hidden', 1, [])
      equal((await get('/api/v1/keys/hidden')).code, 'unauthorized')
    } finally {
      stranger.close()
    }
  })

  it('a principal reads by its own signature what concerns it, and no more', async () => {
    equal((await api.as(api.owner).keys()).length, 1)
    const { stranger } = api
    equal((await get('/api/v1/status', signedBy(stranger, '/api/v1/status'))).code, 'forbidden')
    equal((await get('/api/v1/keys/hidden', signedBy(stranger, '/api/v1/keys/hidden'))).code, 'forbidden')
    const rule = { principal: stranger.publicKey, operations: ['sign'] } as const
    await api.client.setPolicy('hidden', 0, [rule])
    equal((await api.as(stranger).key('hidden')).name, 'hidden')
    equal((await get('/api/v1/keys', signedBy(stranger, '/api/v1/keys'))).code, 'forbidden')
  })

  it('a signed read is good for its own path, method and minute', async () => {
    const path = '/api/v1/status'
    equal((await get(path, signedBy(api.owner, path))).status, 200)
    equal((await get(`${path}?x=1`, signedBy(api.owner, path))).code, 'unauthorized')
    equal((await get(path, signedBy(api.owner, '/api/v1/keys'))).code, 'unauthorized')
    equal((await get(path, signedBy(api.owner, path, { method: 'POST' }))).code, 'unauthorized')
    equal((await get(path, signedBy(api.owner, path, {}, Date.now() - 31_000))).code, 'expired')
    equal((await get(path, signedBy(api.owner, path, {}, Date.now() + 86_400_000))).code, 'expired')
    const { authorization } = signedBy(api.owner, path)
    const forged = `${authorization.slice(0, -2)}${authorization.endsWith('AA') ? 'BB' : 'AA'}`
    ok(['bad_signature', 'malformed'].includes((await get(path, { authorization: forged })).code!))
  })

  it('a web page whose name was rebound to this address, or that is of another origin', async () => {
    const { host } = new URL(api.url)
    const authorization = `Bearer ${api.token}`
    for (const own of [host, 'localhost:1', '[::1]:7801', '127.0.0.9']) {
      equal((await get('/api/v1/status', { host: own, authorization })).status, 200, own)
    }
    for (const rebound of [
      'evil.example',
      `evil.example:${new URL(api.url).port}`,
      '127.0.0.1.evil.example',
    ]) {
      equal((await get('/api/v1/status', { host: rebound, authorization })).code, 'forbidden', rebound)
      equal((await get('/openapi.json', { host: rebound })).code, 'forbidden', rebound)
    }
    equal((await get('/health', { host: 'evil.example' })).status, 200)
    equal((await get('/api/v1/status', { origin: api.url, authorization })).status, 200)
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      equal((await get('/api/v1/status', { origin, authorization })).code, 'forbidden', origin)
    }
    const crossSite = { 'sec-fetch-site': 'cross-site' }
    equal((await get('/api/v1/keys/hidden', { ...crossSite, authorization })).code, 'forbidden')
    equal((await get('/', crossSite)).status, 200)
  })

  it('a browser gets a page that runs nothing', async () => {
    const page = await get('/', { accept: 'text/html,*/*' })
    equal(page.status, 200)
    match(String(page.headers['content-type']), /^text\/html/)
    match(String(page.headers['content-security-policy']), /default-src 'none'/)
    equal(page.headers['x-content-type-options'], 'nosniff')
    ok(!/<script/i.test(page.body))
    const reflected = await get('/%3Cscript%3Ealert(1)%3C/script%3E', { accept: 'text/html' })
    equal(reflected.status, 404)
    match(String(reflected.headers['content-type']), /^application\/problem\+json$/)
    equal(reflected.headers['x-content-type-options'], 'nosniff')
  })

  it('a client that asks without pause is told to wait, and nobody else with it', async () => {
    api.freeze()
    const answers = await Promise.all(Array.from({ length: 210 }, () => get('/openapi.json')))
    const refused = answers.filter(({ status }) => status === 429)
    equal(refused.length, 10)
    equal(refused[0]!.code, 'overloaded')
    ok(Number(refused[0]!.headers['retry-after']) >= 1)
    equal((await get('/api/v1/status', { authorization: `Bearer ${api.token}` })).status, 200)
    equal((await get('/api/v1/status', signedBy(api.owner, '/api/v1/status'))).status, 200)
  })

  it('guesses of a token are charged to who guesses', async () => {
    api.freeze()
    const guesses = await Promise.all(
      Array.from({ length: 210 }, (_, i) => get('/api/v1/status', { authorization: `Bearer ost_${i}` })),
    )
    ok(guesses.some(({ status }) => status === 429))
    ok(guesses.every(({ status }) => status === 401 || status === 429))
    equal((await get('/api/v1/status', { authorization: `Bearer ${api.token}` })).status, 200)
  })

  it('a connection that sends its request byte by byte is ended', async function () {
    this.timeout(30_000)
    const { hostname, port } = new URL(api.url)
    const socket = createConnection({ host: hostname, port: Number(port) })
    const answer = text(socket)
    socket.write('GET /health HTTP/1.1\r\nHost: local')
    const dribble = setInterval(() => socket.write('h'), 100)
    try {
      match(await answer, /Request timeout/)
    } finally {
      clearInterval(dribble)
      socket.destroy()
    }
  })
})
