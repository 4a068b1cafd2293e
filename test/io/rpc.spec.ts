import assert from 'node:assert/strict'
import type { Stream } from '@libp2p/interface'
import { OstrakaError, type PeerId, Secret } from '../../src/base/index.ts'
import { MAX_IN_FLIGHT, MAX_QUEUED_BYTES } from '../../src/io/asking.ts'
import { Counters } from '../../src/io/counters.ts'
import { decodeError, encodeError, encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../../src/io/frames.ts'
import { createHost, type Host } from '../../src/io/host.ts'
import { SystemRng, silentLogger } from '../../src/io/index.ts'
import { RpcTransport } from '../../src/io/rpc.ts'
import { bytesOf, failsWith, realTime } from './contracts/world.ts'
import { LOOPBACK, NETWORK_ID, peerIdAt, seedOf } from './network.ts'

const PROTOCOL = `/ostraka/${NETWORK_ID}/rpc/1`

interface Node {
  readonly host: Host
  readonly transport: RpcTransport
  readonly counters: Counters
  readonly members: Set<PeerId>
  readonly messages: Uint8Array[]
}

describe('RpcTransport', () => {
  let alice: Node
  let bob: Node
  let sentAway: PeerId[]
  let serve: (frame: Uint8Array) => Promise<Uint8Array>

  const startNode = async (index: number, other: number): Promise<Node> => {
    const counters = new Counters()
    const members = new Set([peerIdAt(other)])
    const host = await createHost({
      seed: new Secret(seedOf(index)),
      listen: LOOPBACK,
      members: () => members,
      isMember: peerId => members.has(peerId),
      rng: new SystemRng(),
      counters,
      logger: silentLogger(),
    })
    const transport = new RpcTransport({ host, networkId: NETWORK_ID, counters, logger: silentLogger() })
    await transport.listen()
    await host.start()
    return { host, transport, counters, members, messages: [] }
  }
  const startTransport = ({ transport, messages }: Node): Promise<void> =>
    transport.start({
      message: (_from, frame) => messages.push(frame),
      request: (_from, frame) => serve(frame),
      peer: () => {},
      sentAway: peerId => sentAway.push(peerId),
    })
  const ask = (frame: Uint8Array, deadlineMs = 60_000) =>
    alice.transport.request(peerIdAt(1), frame, deadlineMs)

  beforeEach(async () => {
    serve = async frame => frame
    sentAway = []
    alice = await startNode(0, 1)
    bob = await startNode(1, 0)
    alice.host.learnAddress(peerIdAt(1), bob.host.addresses())
    await realTime.until(() => alice.host.isConnected(peerIdAt(1)) && bob.host.isConnected(peerIdAt(0)))
  })
  afterEach(async () => {
    for (const { transport, host } of [alice, bob]) {
      await transport.stop()
      await host.stop()
    }
  })

  it('tells of a peer that was sent away, for whatever reason', async () => {
    await startTransport(alice)
    alice.host.disconnect(peerIdAt(1), 60_000, 'it sent garbage')
    assert.deepEqual(sentAway, [peerIdAt(1)])
  })

  it('uses one stream for all requests, and a new one when that was lost', async () => {
    await startTransport(bob)
    for (let round = 0; round < 10; round += 1) await ask(bytesOf('x'))
    assert.equal(alice.counters.get('rpc_stream_opened'), 1)
    const connection = alice.host.libp2p.getConnections()[0]
    const stream = connection?.streams.find(each => each.protocol === PROTOCOL)
    serve = () => new Promise(() => {})
    const pending = ask(bytesOf('y'))
    stream?.abort(new Error('lost'))
    await failsWith(pending, 'unreachable')
    serve = async frame => frame
    assert.equal((await ask(bytesOf('z'))).length, 1)
    assert.equal(alice.counters.get('rpc_stream_opened'), 2)
  })

  it('answers what arrived before the transport was started', async () => {
    const early = ask(bytesOf('early'))
    await realTime.until(() => alice.counters.get('rpc_stream_opened') === 1)
    await startTransport(bob)
    assert.equal((await early).length, 5)
  })

  it('refuses more requests in flight than the limit', async () => {
    serve = () => new Promise(() => {})
    await startTransport(bob)
    const pending = Array.from({ length: MAX_IN_FLIGHT }, () => ask(bytesOf('x'), 60_000))
    for (const each of pending) each.catch(() => {})
    await failsWith(ask(bytesOf('one more')), 'overloaded')
    await bob.host.stop()
    const outcomes = await Promise.allSettled(pending)
    assert.ok(outcomes.every(({ status }) => status === 'rejected'))
  })

  it('drops messages and refuses requests once its queue to a peer that does not read is full', async () => {
    const frame = new Uint8Array(64 * 1024)
    const offered = 512
    const rounds = async (): Promise<void> => {
      for (let sent = 0; sent < offered; sent += 1) {
        alice.transport.send(peerIdAt(1), frame)
        if (sent % 16 === 0) await new Promise(resolve => setImmediate(resolve))
      }
    }
    await rounds()
    const accepted = (offered - alice.counters.get('rpc_message_dropped')) * frame.length
    // our queue, the peer's window and read buffer, and what the kernel's sockets hold
    assert.ok(accepted <= MAX_QUEUED_BYTES + 12 * 1024 * 1024, `${accepted} bytes were accepted`)
    await failsWith(ask(frame), 'overloaded')
    // and once the peer reads, everything accepted arrives
    await startTransport(bob)
    await realTime.until(() => bob.messages.length * frame.length === accepted)
    assert.equal((await ask(frame)).length, frame.length)
  })

  it('stops to read from an asker that does not read its answers', async () => {
    serve = async () => new Uint8Array(512 * 1024)
    await startTransport(bob)
    const stream = await alice.host.openStream(peerIdAt(1), PROTOCOL, 1000)
    stream.pause()
    for (let id = 1; id <= 200; id += 1) {
      stream.send(encodeFrames([{ kind: 'request', id, payload: new Uint8Array(1) }]))
    }
    await realTime.until(() => bob.counters.get('rpc_reading_paused') > 0)
    const frames: number[] = []
    const decoder = new FrameDecoder()
    stream.addEventListener('message', ({ data }) => {
      for (const frame of decoder.push(data.subarray())) frames.push(frame.id)
    })
    stream.resume()
    await realTime.until(() => frames.length === 200)
    assert.equal(new Set(frames).size, 200)
  })

  const brokenStreams: [string, Uint8Array][] = [
    ['a frame over the cap', Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1)],
    ['an unknown kind', Uint8Array.of(0, 0, 0, 0, 9, 0, 0, 0, 1)],
    ['an answer where a question belongs', Uint8Array.of(0, 0, 0, 0, 2, 0, 0, 0, 1)],
  ]
  for (const [what, bytes] of brokenStreams) {
    it(`resets a stream that carries ${what}, and keeps the connection`, async () => {
      await startTransport(bob)
      const stream: Stream = await alice.host.openStream(peerIdAt(1), PROTOCOL, 1000)
      stream.send(bytes)
      await realTime.until(() => stream.status !== 'open')
      assert.equal((await ask(bytesOf('still here'))).length, 10)
    })
  }

  it('still tells a member that was removed so, then drops it', async () => {
    await Promise.all([startTransport(alice), startTransport(bob)])
    alice.members.clear()
    alice.host.membersChanged()
    alice.transport.send(peerIdAt(1), bytesOf('you are removed'))
    await realTime.until(() => bob.messages.length === 1)
    await failsWith(ask(bytesOf('anything')) as Promise<unknown>, 'stranger')
    await realTime.until(() => !alice.host.isConnected(peerIdAt(1)))
    await realTime.until(() => alice.counters.get('stranger_refused') > 0)
  })
})

describe('frames', () => {
  const frames = [
    { kind: 'message', id: 0, payload: new Uint8Array(0) },
    { kind: 'request', id: 2 ** 32 - 1, payload: bytesOf('hello') },
    { kind: 'answer', id: 7, payload: new Uint8Array(MAX_FRAME_BYTES).fill(1) },
    { kind: 'error', id: 8, payload: bytesOf('x') },
  ] as const

  it('come out as they went in, however the bytes are cut', () => {
    const bytes = encodeFrames(frames)
    for (const step of [1, 8, 9, 10, 65_537, bytes.length]) {
      const decoder = new FrameDecoder()
      const out = []
      // single bytes for the small frames, then larger strides
      for (let offset = 0; offset < bytes.length; ) {
        const take = offset < 64 ? step : Math.max(step, 4096)
        out.push(...decoder.push(bytes.subarray(offset, offset + take)))
        offset += take
      }
      assert.deepEqual(
        out.map(({ kind, id, payload }) => [kind, id, payload.length]),
        frames.map(({ kind, id, payload }) => [kind, id, payload.length]),
      )
    }
  })

  it('carry errors, and leave behind details that cannot be carried', () => {
    const whole = decodeError(encodeError(new OstrakaError('bad_share', 'no', { culprits: ['a'] })))
    assert.deepEqual([whole.code, whole.message, whole.details], ['bad_share', 'no', { culprits: ['a'] }])
    const bare = decodeError(encodeError(new OstrakaError('conflict', 'no', { task: () => {} })))
    assert.deepEqual([bare.code, bare.details], ['conflict', {}])
    assert.equal(decodeError(bytesOf('nonsense')).code, 'malformed')
  })
})
