import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from '../../src/api/index.ts'
import { signOperation } from '../../src/api/signing.ts'
import { OstrakaError, toBase64, utf8 } from '../../src/base/index.ts'
import { SystemRng } from '../../src/io/index.ts'
import { signedOperationCodec } from '../../src/wire/index.ts'
import { eventually } from '../../testnet/patience.ts'
import { type ApiFixture, problemOf, startFixture } from './fixture.ts'

const KEY = { kind: 'ed25519', threshold: 2, shares: 3 } as const

describe('HTTP server', () => {
  let api: ApiFixture

  before(async () => {
    api = await startFixture()
    await api.client.createKey({ name: 'first', ...KEY })
  })

  after(() => api.stop())

  const post = (path: string, body: unknown, token: string | undefined = api.token) =>
    fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })

  const read = (path: string) =>
    fetch(`${api.url}${path}`, { headers: { authorization: `Bearer ${api.token}` } })

  const sendCbor = (path: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/cbor', ...headers },
      body: body as Uint8Array<ArrayBuffer>,
    })

  const refuses = async (response: Promise<Response>, status: number, code: string) => {
    const problem = await problemOf(await response)
    assert.deepEqual(
      { status: problem.status, code: problem.code, type: problem.type },
      { status, code, type: 'application/problem+json' },
      problem.detail,
    )
  }

  it('answers 201 with the key’s place when it is active', async () => {
    const response = await post('/api/v1/keys', { name: 'second', ...KEY })
    assert.equal(response.status, 201)
    assert.equal(response.headers.get('location'), '/api/v1/keys/second')
    const key = (await response.json()) as Record<string, unknown>
    assert.equal(key.state, 'active')
    assert.equal(Buffer.from(key.publicKey as string, 'base64').length, 32)
  })

  it('lists keys in pages of a bounded length, each key once, which the client joins', async () => {
    const names = async (query: string) => {
      const { keys, next } = (await (await read(`/api/v1/keys${query}`)).json()) as {
        readonly keys: ReadonlyArray<{ readonly name: string }>
        readonly next?: string
      }
      return { names: keys.map(({ name }) => name), next }
    }
    for (const name of ['page-a', 'page-b']) await api.client.createKey({ name, ...KEY })
    const all = (await api.client.keys()).map(({ name }) => name)
    assert.ok(all.length >= 3)
    assert.deepEqual(all, all.toSorted())
    const paged: string[] = []
    let after: string | undefined = ''
    while (after !== undefined) {
      const page = await names(`?limit=2${after === '' ? '' : `&after=${after}`}`)
      assert.ok(page.names.length >= 1 && page.names.length <= 2)
      paged.push(...page.names)
      after = page.next
    }
    assert.deepEqual(paged, all)
    assert.deepEqual(await names(`?limit=${all.length}`), { names: all, next: undefined })
    assert.deepEqual(await names('?after=zzz'), { names: [], next: undefined })
    assert.deepEqual(
      (await names('?after=page-aa')).names[0],
      'page-b',
      'the key of the cursor need not be there',
    )
    for (const query of ['?limit=0', '?limit=257', '?limit=-1', '?after=a/b', '?from=1']) {
      await refuses(read(`/api/v1/keys${query}`), 400, 'malformed')
    }
    await refuses(read('/api/v1/creators?after=nobody'), 404, 'not_found')
  })

  it('signs what the platform’s Ed25519 verifies', async () => {
    const message = utf8('a message')
    const { signatures, publicKey } = await api.client.sign('first', [message])
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    assert.ok(verify(null, message, key, signatures[0]!))
  })

  it('lends a token’s principal only its own rights', async () => {
    const token = api.tokenOf('stranger')
    const sign = () => post('/api/v1/keys/first/sign', { messages: ['AA=='] }, token)
    // TokenRegister looks at its file once a second
    await eventually('the token is known', async () => (await sign()).status !== 401)
    await refuses(post('/api/v1/keys/first/sign', { messages: ['AA=='] }, token), 403, 'forbidden')
    await refuses(post('/api/v1/keys', { name: 'third', ...KEY }, token), 403, 'forbidden')
  })

  it('issue 10, item 6: names the field, the index and the fault of what is no base64', async () => {
    const answer = await post('/api/v1/keys/first/sign', { messages: ['AAAA', 'AA-_'] }, api.token)
    assert.equal(answer.status, 400)
    const { code, detail, details } = (await answer.json()) as { [name: string]: unknown }
    assert.equal(code, 'malformed')
    assert.match(String(detail), /^messages\[1\] is not base64: a character of base64url, "-", at index 2$/)
    assert.equal((details as { field: string }).field, 'messages[1]')
  })

  it('refuses missing, unknown, malformed and expired tokens', async () => {
    const path = '/api/v1/keys/first/sign'
    const body = { messages: ['AA=='] }
    await refuses(post(path, body, ''), 401, 'unauthorized')
    await refuses(post(path, body, 'ost_unknown'), 401, 'unauthorized')
    await refuses(post(path, body, `${api.token}x`), 401, 'unauthorized')
    const expired = api.tokenOf('owner', 1)
    await eventually('it is known as expired', async () => {
      const { detail } = await problemOf(await post(path, body, expired))
      return detail === 'the token has expired'
    })
    await refuses(post(path, body, expired), 401, 'unauthorized')
    const basic = fetch(`${api.url}/api/v1/status`, { headers: { authorization: 'Basic eDp5' } })
    await refuses(basic, 401, 'unauthorized')
  })

  it('takes a request that its principal signed, once', async () => {
    const rng = new SystemRng()
    const call = { key: 'first', operation: 'sign', inputs: [utf8('x')] } as const
    const request = signOperation(api.owner, api.node.networkId, call, Date.now(), rng)
    const body = signedOperationCodec.encode(request)
    assert.equal((await sendCbor('/api/v1/keys/first/sign', body)).status, 200)
    await refuses(sendCbor('/api/v1/keys/first/sign', body), 409, 'replayed')
    const old = signOperation(api.owner, api.node.networkId, call, Date.now() - 60_000, rng)
    await refuses(sendCbor('/api/v1/keys/first/sign', signedOperationCodec.encode(old)), 401, 'expired')
    const forged = { ...signOperation(api.stranger, api.node.networkId, call, Date.now(), rng) }
    const claimed = signedOperationCodec.encode({ ...forged, signer: api.owner.publicKey })
    await refuses(sendCbor('/api/v1/keys/first/sign', claimed), 401, 'bad_signature')
  })

  it('refuses a signed request on another path, with a token, or bent', async () => {
    const call = { key: 'first', operation: 'sign', inputs: [utf8('y')] } as const
    const request = signOperation(api.owner, api.node.networkId, call, Date.now(), new SystemRng())
    const body = signedOperationCodec.encode(request)
    await refuses(sendCbor('/api/v1/keys/second/sign', body), 400, 'malformed')
    await refuses(sendCbor('/api/v1/keys/first/derive', body), 400, 'malformed')
    const authorization = `Bearer ${api.token}`
    await refuses(sendCbor('/api/v1/keys/first/sign', body, { authorization }), 400, 'malformed')
    await refuses(sendCbor('/api/v1/keys/first/sign', body.slice(1)), 400, 'malformed')
    await refuses(sendCbor('/api/v1/keys/first/sign', new Uint8Array([0xff])), 400, 'malformed')
  })

  it('refuses bodies that are not exactly what the route takes', async () => {
    const path = '/api/v1/keys/first/sign'
    for (const body of [
      '{',
      '',
      '[]',
      {},
      { messages: [] },
      { messages: ['AA=='], extra: 1 },
      { messages: 'AA==' },
      { messages: [1] },
      { messages: ['AA'] },
      { messages: ['AA=='.repeat(2)] },
      { messages: ['_-=='] },
      { messages: Array.from({ length: 257 }, () => 'AA==') },
    ]) {
      await refuses(post(path, body), 400, 'malformed')
    }
    await refuses(post('/api/v1/keys', { name: '../x', ...KEY }), 400, 'malformed')
    await refuses(post('/api/v1/keys', { name: 'x', ...KEY, threshold: '2' }), 400, 'malformed')
    await refuses(post('/api/v1/keys', { name: 'x', ...KEY, kind: 'toy' }), 400, 'malformed')
    await refuses(post('/api/v1/keys', { name: 'x', ...KEY, threshold: 4 }), 400, 'malformed')
    await refuses(read('/api/v1/log?from=0'), 400, 'malformed')
    await refuses(read('/api/v1/log?from=1&other=2'), 400, 'malformed')
    const text = {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain', authorization: `Bearer ${api.token}` },
    }
    await refuses(fetch(`${api.url}${path}`, text), 415, 'unsupported_media_type')
  })

  it('refuses what is too long, and lets the client hear it', async () => {
    const long = { messages: [toBase64(new Uint8Array(10 * 1024 * 1024))] }
    await refuses(post('/api/v1/keys/first/sign', long), 413, 'too_large')
    await refuses(sendCbor('/api/v1/keys/first/sign', new Uint8Array(10 * 1024 * 1024)), 413, 'too_large')
    const overInput = { messages: [toBase64(new Uint8Array(600 * 1024))] }
    await refuses(post('/api/v1/keys/first/sign', overInput), 413, 'too_large')
  })

  it('answers what is no HTTP with a problem too', async () => {
    const { hostname, port } = new URL(api.url)
    const socket = createConnection({ host: hostname, port: Number(port) })
    socket.end('GET nonsense\r\n\r\n')
    const answer = await text(socket)
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
    assert.equal(JSON.parse(answer.slice(answer.indexOf('{'))).code, 'malformed')
  })

  it('names unknown keys, wrong kinds and paths', async () => {
    await refuses(read('/api/v1/keys/none'), 404, 'unknown_key')
    await refuses(post('/api/v1/keys/none/sign', { messages: ['AA=='] }), 404, 'unknown_key')
    await refuses(post('/api/v1/keys/first/derive', { inputs: ['AA=='] }), 422, 'wrong_kind')
    await refuses(read('/api/v1/nothing'), 404, 'not_found')
    await refuses(post('/api/v1/keys/first/polish', {}), 404, 'not_found')
    await refuses(post('/api/v1/keys', { name: 'first', ...KEY }), 409, 'name_taken')
  })

  it('replaces a policy by its revision, and holds to it', async () => {
    await api.client.createKey({ name: 'shared', ...KEY })
    const rule = { principal: api.stranger.publicKey, operations: ['sign'], ratePerMinute: 2 } as const
    const set = await api.client.setPolicy('shared', 0, [rule])
    assert.equal(set.revision, 1)
    assert.deepEqual(await api.client.policy('shared'), set)
    const stranger = api.as(api.stranger)
    assert.equal((await stranger.sign('shared', [utf8('a')])).signatures.length, 1)
    const many = [utf8('a'), utf8('b'), utf8('c')]
    await assert.rejects(stranger.sign('shared', many), { code: 'rate_limited' })
    await assert.rejects(stranger.setPolicy('shared', 1, []), { code: 'forbidden' })
    await assert.rejects(api.client.setPolicy('shared', 0, []), { code: 'conflict' })
  })

  it('serves without a quorum, and says what it cannot do', async () => {
    api.node.shortcoming = 'no_quorum: 2 of 3'
    try {
      const response = await fetch(`${api.url}/health`)
      assert.equal(response.status, 200)
      assert.deepEqual(await api.client.health(), {
        status: 'degraded',
        reasons: ['no_quorum: 2 of 3'],
        notices: [],
      })
      assert.match(await api.client.metrics(), /^ostraka_ready 1$/m)
    } finally {
      api.node.shortcoming = undefined
    }
  })

  it('says when it cannot serve, and why', async () => {
    assert.deepEqual(await api.client.health(), { status: 'ok', reasons: [], notices: [] })
    api.node.complaint = 'no other member is connected'
    api.node.shortcoming = 'no_quorum: 1 of 3'
    try {
      const response = await fetch(`${api.url}/health`)
      assert.equal(response.status, 503)
      assert.deepEqual(await api.client.health(), {
        status: 'unavailable',
        reasons: ['no other member is connected', 'no_quorum: 1 of 3'],
        notices: [],
      })
    } finally {
      api.node.complaint = undefined
      api.node.shortcoming = undefined
    }
  })

  it('lets a follower wait for the next block', async () => {
    const { height } = await api.client.status()
    assert.deepEqual((await api.client.log(height + 1)).blocks, [])
    assert.deepEqual((await api.client.log(height + 1, { waitMs: 50 })).blocks, [])
    const followers = api.node.listeners
    const waiting = api.client.log(height + 1, { waitMs: 30_000 })
    await eventually('it waits', async () => api.node.listeners > followers)
    api.node.seal([])
    const { blocks } = await waiting
    assert.deepEqual(
      blocks.map(block => block.height),
      [height + 1],
    )
    assert.equal((await api.client.log(1, { limit: 2 })).blocks.length, 2)
  })

  it('counts requests by route, status and code', async () => {
    const text = await api.client.metrics()
    assert.match(
      text,
      /ostraka_http_requests_total\{route="POST \/api\/v1\/keys\/:name\/sign",status="413",code="too_large"\} \d/,
    )
    assert.match(text, /ostraka_events\{event="solo"\} 1/)
    assert.match(text, /ostraka_keys \d/)
    // Node's own are there, but for those whose measuring would keep an idle process awake
    assert.match(text, /^nodejs_eventloop_lag_seconds /m)
    assert.doesNotMatch(text, /nodejs_eventloop_lag_p99/)
  })

  it('tells the node when a client goes away', async () => {
    const { operate } = api.node
    const begun = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    api.node.operate = async (_request, signal) => {
      signal!.addEventListener('abort', () => gone.resolve())
      begun.resolve()
      await gone.promise
      throw new OstrakaError('deadline_exceeded', 'the client went away')
    }
    try {
      const client = connect({ api: api.url, token: api.token })
      const refused = assert.rejects(client.sign('first', [utf8('x')]), { code: 'unreachable' })
      await begun.promise
      client.close()
      await refused
      await gone.promise
    } finally {
      api.node.operate = operate
    }
  })

  it('tells an unforeseen error to its log, and nothing of it to clients', async () => {
    const { operate } = api.node
    api.node.operate = () => Promise.reject(new Error('share is 0xdeadbeef'))
    try {
      const problem = await problemOf(await post('/api/v1/keys/first/sign', { messages: ['AA=='] }))
      assert.equal(problem.code, 'internal')
      assert.doesNotMatch(JSON.stringify(problem), /deadbeef/)
      assert.match(String(api.internalErrors.at(-1)), /deadbeef/)
    } finally {
      api.node.operate = operate
    }
  })
})
