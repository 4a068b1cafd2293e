import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from '../../src/api/index.ts'
import { SeededRng } from '../../src/base/index.ts'
import { Conformance } from './conformance.ts'
import { type ApiFixture, startFixture } from './fixture.ts'

/** Bent bodies for each operation. */
const BODIES = 30

describe('issue 10, item 9: every answer of the port is what the documents say', () => {
  let api: ApiFixture
  let conformance: Conformance

  before(async () => {
    api = await startFixture()
    await api.client.createKey({ name: 'held', kind: 'ed25519', threshold: 1, shares: 1 })
    conformance = await Conformance.of(api.url, api.token)
  })

  after(async () => {
    conformance.close()
    await api.stop()
  })

  it('for whatever stands in paths and queries', async () => {
    for (const target of conformance.targets()) await conformance.parameters(target)
  })

  it('for HEAD, and for methods that a path has not', async () => {
    for (const path of new Set(conformance.targets().map(target => target.path)))
      await conformance.methods(path)
  })

  it('for bodies of any kind', async () => {
    const rng = new SeededRng('conformance')
    for (const target of conformance.targets()) await conformance.bodies(target, rng, BODIES)
    assert.equal(api.internalErrors.length, 0)
    assert.ok(conformance.count > 1500, `${conformance.count} requests`)
  })

  describe('for what the framework or node:http would answer by itself:', () => {
    /** Bytes as they are, and the problem that comes back. */
    const refused = async (head: string, code: string, status: number): Promise<Record<string, unknown>> => {
      const socket = connectSocket(Number(new URL(api.url).port), '127.0.0.1')
      socket.write(head)
      const [top = '', body = ''] = (await text(socket)).split('\r\n\r\n')
      assert.match(top, new RegExp(`^HTTP/1.1 ${status} `), `${head}: ${top}`)
      assert.match(top, /content-type: application\/problem\+json(\r|$)/i, head)
      const problem = JSON.parse(body) as { code: string; status: number; details: Record<string, unknown> }
      assert.deepEqual([problem.code, problem.status], [code, status], body)
      return problem.details
    }
    const rest = 'Host: localhost\r\nConnection: close\r\n\r\n'

    it('bad escapes', () => refused(`GET /api/v1/keys/%zz HTTP/1.1\r\n${rest}`, 'malformed', 400))

    it('no Host, and two', async () => {
      await refused('GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 'malformed', 400)
      await refused(`GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n${rest}`, 'malformed', 400)
    })

    it('a method that is none, a tunnel, and what is no HTTP', async () => {
      await refused(`BREW / HTTP/1.1\r\n${rest}`, 'malformed', 400)
      await refused(`CONNECT a:1 HTTP/1.1\r\n${rest}`, 'method_not_allowed', 405)
      await refused('\u0016\u0003\u0001\r\n\r\n', 'malformed', 400)
    })

    it('long headers, with their limit', async () => {
      const long = `GET / HTTP/1.1\r\nX: ${'a'.repeat(17_000)}\r\n${rest}`
      assert.deepEqual(await refused(long, 'too_large', 413), { limit: 16 * 1024 })
    })

    it('an expectation that nobody knows', async () => {
      const head = `GET /nothing HTTP/1.1\r\nExpect: 200-ok\r\n${rest}`
      await refused(head, 'not_found', 404)
    })

    it('a body that is too long, with its limit', async () => {
      const authorization = `Authorization: Bearer ${api.token}\r\nContent-Type: application/json\r\n`
      const chunk = `${(2 ** 20).toString(16)}\r\n${'a'.repeat(2 ** 20)}\r\n`
      const head = `POST /api/v1/keys HTTP/1.1\r\n${authorization}Transfer-Encoding: chunked\r\n${rest}`
      assert.deepEqual(await refused(`${head}${chunk}1\r\na\r\n0\r\n\r\n`, 'too_large', 413), {
        limit: 2 ** 20,
      })
    })
  })
})

describe('issue 10, item 9: IPv6', () => {
  it('every client reaches [::1]', async function () {
    let api: ApiFixture
    try {
      api = await startFixture({ host: '::1', port: 0 })
    } catch {
      console.log('      SKIPPED: this machine has no IPv6')
      return this.skip()
    }
    try {
      assert.match(api.url, /^http:\/\/\[::1\]:/)
      assert.equal((await api.client.status()).peerId, api.node.peerId)
      assert.equal((await api.as(api.owner).status()).peerId, api.node.peerId)
    } finally {
      await api.stop()
    }
  })

  it('item 13: a user and password in the URL are refused by name, before anything is sent', () => {
    assert.throws(() => connect({ api: 'http://user:pw@127.0.0.1:1', token: 'x' }), {
      code: 'unsupported',
      message: /--token-file/,
    })
  })
})
