import assert from 'node:assert/strict'
import { OstrakaError, type PeerId, type Transport, type TransportHandlers } from '../../../src/base/index.ts'
import { bytesOf, failsWith, textOf, type World } from './world.ts'

export interface TransportWorld extends World {
  readonly peers: readonly { readonly peerId: PeerId; readonly transport: Transport }[]
  /** Stops a peer as a crash would: its connections break. */
  kill(index: number): Promise<void>
}

type Peer = { readonly peerId: PeerId; readonly transport: Transport }

interface Heard {
  readonly messages: { readonly from: PeerId; readonly text: string | undefined }[]
  readonly connected: Set<PeerId>
}

/** Of requests that are answered: no busy machine takes so long. */
const DEADLINE_MS = 60_000

/** What every `Transport` promises. The world's peers are all members and find each other; none is started. */
export function transportContract(name: string, makeWorld: (count: number) => Promise<TransportWorld>): void {
  describe(`Transport contract: ${name}`, () => {
    let world: TransportWorld
    let alice: Peer
    let bob: Peer
    let heard: Heard[]

    const start = async (serve: TransportHandlers['request']): Promise<void> => {
      heard = world.peers.map(() => ({ messages: [], connected: new Set() }))
      for (const [index, { transport }] of world.peers.entries()) {
        const { messages, connected } = heard[index] as Heard
        await world.settle(
          transport.start({
            message: (from, frame) => messages.push({ from, text: textOf(frame) }),
            request: serve,
            peer: (peerId, isConnected) => (isConnected ? connected.add(peerId) : connected.delete(peerId)),
          }),
        )
      }
      await world.until(() => heard.every(({ connected }) => connected.size === world.peers.length - 1))
    }
    const ask = (text: string, deadlineMs = DEADLINE_MS) =>
      world.settle(alice.transport.request(bob.peerId, bytesOf(text), deadlineMs))

    beforeEach(async () => {
      world = await makeWorld(3)
      ;[alice, bob] = world.peers as [Peer, Peer, Peer]
    })
    afterEach(() => world.close())

    it('answers a request with what the handler resolves to, and names the asker', async () => {
      await start(async (from, frame) => bytesOf(`${from} ${textOf(frame)}`))
      assert.equal(textOf(await ask('ping')), `${alice.peerId} ping`)
    })

    it('brings the code, text and details of a rejection to the asker', async () => {
      await start(async () => {
        throw new OstrakaError('insufficient_shares', 'two answered', { needed: 3, answered: 2 })
      })
      const error = await ask('sign').catch((reason: unknown) => reason)
      assert.ok(error instanceof OstrakaError)
      assert.equal(error.code, 'insufficient_shares')
      assert.equal(error.message, 'two answered')
      assert.deepEqual({ ...error.details }, { needed: 3, answered: 2 })
    })

    it('turns anything else that a handler throws into internal', async () => {
      await start(async () => {
        throw new TypeError('a bug')
      })
      await failsWith(ask('x'), 'internal')
    })

    it('keeps the order of one-way frames to one peer', async () => {
      await start(async (_from, frame) => frame)
      const texts = Array.from({ length: 200 }, (_, index) => `frame ${index}`)
      for (const text of texts) alice.transport.send(bob.peerId, bytesOf(text))
      const { messages } = heard[1] as Heard
      await world.until(() => messages.length === texts.length)
      assert.deepEqual(
        messages,
        texts.map(text => ({ from: alice.peerId, text })),
      )
    })

    it('lets a quick answer overtake a slow one', async () => {
      const slow = Promise.withResolvers<void>()
      await start(async (_from, frame) => {
        if (textOf(frame) === 'slow') await slow.promise
        return frame
      })
      const order: (string | undefined)[] = []
      const first = alice.transport
        .request(bob.peerId, bytesOf('slow'), DEADLINE_MS)
        .then(a => order.push(textOf(a)))
      const second = alice.transport
        .request(bob.peerId, bytesOf('quick'), DEADLINE_MS)
        .then(a => order.push(textOf(a)))
      await world.settle(second)
      slow.resolve()
      await world.settle(first)
      assert.deepEqual(order, ['quick', 'slow'])
    })

    it('pairs a thousand concurrent answers with their requests', async () => {
      await start(async (_from, frame) => bytesOf(`re: ${textOf(frame)}`))
      const texts = Array.from({ length: 1000 }, (_, index) => `request ${index}`)
      const requests = texts.map(text => alice.transport.request(bob.peerId, bytesOf(text), DEADLINE_MS))
      const answers = await world.settle(Promise.all(requests))
      assert.deepEqual(
        answers.map(textOf),
        texts.map(text => `re: ${text}`),
      )
    })

    it('carries an empty frame and a frame of a mebibyte', async () => {
      await start(async (_from, frame) => frame)
      assert.equal(
        (await world.settle(alice.transport.request(bob.peerId, new Uint8Array(0), DEADLINE_MS))).length,
        0,
      )
      const large = new Uint8Array(1024 * 1024).map((_, index) => index % 251)
      const answer = await world.settle(alice.transport.request(bob.peerId, large, DEADLINE_MS))
      assert.equal(Buffer.compare(answer, large), 0)
    })

    it('refuses a frame over the cap', async () => {
      await start(async (_from, frame) => frame)
      const frame = new Uint8Array(1024 * 1024 + 1)
      await failsWith(world.settle(alice.transport.request(bob.peerId, frame, DEADLINE_MS)), 'too_large')
    })

    it('gives up at the deadline, and the late answer disturbs nobody', async () => {
      const late = Promise.withResolvers<Uint8Array>()
      await start(async (_from, frame) => (textOf(frame) === 'late' ? late.promise : frame))
      await failsWith(ask('late', 50), 'deadline_exceeded')
      late.resolve(bytesOf('too late'))
      assert.equal(textOf(await ask('next')), 'next')
    })

    /** A request that has reached bob, who never answers. */
    const askInVain = async (): Promise<{ readonly answer: Promise<Uint8Array> }> => {
      let asked = 0
      await start(() => {
        asked += 1
        return new Promise(() => {})
      })
      const answer = alice.transport.request(bob.peerId, bytesOf('never'), 60_000)
      answer.catch(() => {})
      await world.until(() => asked === 1)
      return { answer }
    }

    it('fails what is pending with unreachable when the peer dies, and what comes after at once', async () => {
      const { answer: pending } = await askInVain()
      await world.kill(1)
      await failsWith(world.settle(pending), 'unreachable')
      await world.until(() => !(heard[0] as Heard).connected.has(bob.peerId))
      await failsWith(ask('again', 60_000), 'unreachable')
      alice.transport.send(bob.peerId, bytesOf('into the void'))
    })

    it('fails what is pending when it is stopped itself', async () => {
      const { answer: pending } = await askInVain()
      await world.settle(alice.transport.stop())
      await failsWith(world.settle(pending), 'unreachable')
    })
  })
}
