import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counters, silentLogger, Webhook } from '../../src/io/index.ts'

const PAUSES_MS = [5, 5]

/** A receiver on this machine that answers as it is told. */
class Receiver {
  readonly server: Server
  readonly bodies: unknown[] = []
  readonly types: (string | undefined)[] = []
  readonly authorizations: (string | undefined)[] = []
  /** Statuses of the next answers; 204 when there are none left, `null` for no answer at all. */
  answers: (number | null)[] = []
  #onRequest: (() => void)[] = []

  constructor() {
    this.server = createServer((request, response) => void this.#take(request, response))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    this.bodies.push(JSON.parse(Buffer.concat(parts).toString()))
    this.types.push(request.headers['content-type'])
    this.authorizations.push(request.headers.authorization)
    const status = this.answers.length === 0 ? 204 : this.answers.shift()!
    if (status === null) request.socket.destroy()
    else response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end()
    for (const tell of this.#onRequest.splice(0)) tell()
  }

  async listen(): Promise<URL> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return new URL(`http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook/credential`)
  }

  async until(count: number): Promise<void> {
    while (this.bodies.length < count) await new Promise<void>(resolve => this.#onRequest.push(resolve))
  }
}

describe('the webhook', () => {
  let receiver: Receiver
  let url: URL
  let counters: Counters
  let warnings: { readonly details: object; readonly text: string }[]
  let webhook: Webhook
  let told: PromiseWithResolvers<void>

  beforeEach(async () => {
    receiver = new Receiver()
    counters = new Counters()
    warnings = []
    told = Promise.withResolvers()
    url = await receiver.listen()
    webhook = new Webhook({
      url,
      counters,
      logger: {
        warn: (details: object, text: string) => {
          warnings.push({ details, text })
          told.resolve()
        },
      } as never,
      pausesMs: PAUSES_MS,
    })
  })

  afterEach(async () => {
    webhook.stop()
    receiver.server.closeAllConnections()
    receiver.server.close()
    await once(receiver.server, 'close')
  })

  it('posts notices as JSON, in order', async () => {
    for (const number of [1, 2, 3]) webhook.push({ number })
    await receiver.until(3)
    assert.deepEqual(receiver.bodies, [{ number: 1 }, { number: 2 }, { number: 3 }])
    assert.deepEqual(new Set(receiver.types), new Set(['application/json']))
  })

  it('issue 10, item 13: a user and password in the URL are used as Basic authentication', async () => {
    const withPassword = new URL(url)
    withPassword.username = 'user'
    withPassword.password = 'p%w:ü'
    const other = new Webhook({ url: withPassword, counters, logger: silentLogger(), pausesMs: PAUSES_MS })
    other.push({ number: 1 })
    await receiver.until(1)
    other.stop()
    assert.deepEqual(receiver.authorizations, [`Basic ${Buffer.from('user:p%w:ü').toString('base64')}`])
  })

  it('tries again when it is refused, cut off or sent elsewhere', async () => {
    for (const answer of [500, null, 302]) {
      receiver.bodies.length = 0
      receiver.answers = [answer]
      webhook.push({ answer })
      await receiver.until(2)
      assert.deepEqual(receiver.bodies, [{ answer }, { answer }])
    }
  })

  it('gives a notice up after a few attempts, says so without the credential, and goes on with the next', async () => {
    receiver.answers = [503, 503, 503]
    webhook.push({ number: 1 })
    webhook.push({ number: 2 })
    await told.promise
    await receiver.until(4)
    assert.deepEqual(receiver.bodies, [{ number: 1 }, { number: 1 }, { number: 1 }, { number: 2 }])
    assert.equal(counters.get('notice_given_up'), 1)
    assert.deepEqual(
      warnings.map(({ details }) => (details as { reason: string }).reason),
      ['status 503'],
    )
    assert.ok(!JSON.stringify(warnings).includes('credential'))
  })

  it('holds a bounded number and drops the oldest', async () => {
    receiver.answers = [503, 503, 503]
    for (let number = 0; number < 70; number++) webhook.push({ number })
    await receiver.until(3 + 64)
    assert.deepEqual(receiver.bodies.at(-1), { number: 69 })
    // the first was under way already; five of the others made room
    assert.equal(
      receiver.bodies.some(body => (body as { number: number }).number === 5),
      false,
    )
    assert.equal(counters.get('notice_given_up'), 6)
  })

  it('sends nothing more once it is stopped', async () => {
    receiver.answers = [503, 503]
    webhook.push({ number: 1 })
    webhook.push({ number: 2 })
    await receiver.until(1)
    webhook.stop()
    webhook.push({ number: 3 })
    // another one that begins later gets through with as many tries as the stopped one had left
    const other = new Webhook({ url, counters, logger: silentLogger(), pausesMs: PAUSES_MS })
    other.push({ number: 4 })
    await receiver.until(3)
    other.stop()
    assert.deepEqual(receiver.bodies, [{ number: 1 }, { number: 4 }, { number: 4 }])
  })
})
