import assert from 'node:assert/strict'
import { Uint8ArrayList } from 'uint8arraylist'
import { Counters } from '../../src/io/counters.ts'
import { spare } from '../../src/io/muxing.ts'

const DATA = 0
const WINDOW_UPDATE = 1
const PING = 2
const SYN = 1
const ACK = 2
const FIN = 4
const RESET = 8

/** Yamux's header. */
function header(type: number, flags: number, stream: number, length: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setUint8(1, type)
  view.setUint16(2, flags)
  view.setUint32(4, stream)
  view.setUint32(8, length)
  return bytes
}

/** A connection that keeps what is sent. */
function connect(counters: Counters = new Counters()): {
  send(data: Uint8Array | Uint8ArrayList): boolean
  readonly sent: Uint8Array[]
  isAborted: boolean
} {
  const sent: Uint8Array[] = []
  const connection = {
    sent,
    isAborted: false,
    abort(): void {
      connection.isAborted = true
    },
    send(data: Uint8Array | Uint8ArrayList): boolean {
      assert.ok(data instanceof Uint8Array, 'in one piece')
      sent.push(data)
      return sent.length < 100
    },
  }
  spare(connection, counters)
  return connection
}

describe('a sparing muxer', () => {
  it('sends a frame in one piece', () => {
    const { send, sent } = connect()
    assert.equal(send(new Uint8ArrayList(header(DATA, 0, 1, 2), new Uint8Array([7, 8]))), true)
    assert.deepEqual(sent, [new Uint8Array([...header(DATA, 0, 1, 2), 7, 8])])
  })

  it('holds window updates back until they add up to half a window, each stream’s apart', () => {
    const { send, sent } = connect()
    for (let sum = 0; sum < 127; sum++) {
      send(header(WINDOW_UPDATE, 0, 1, 1024))
      send(header(WINDOW_UPDATE, 0, 3, 1024))
    }
    assert.deepEqual(sent, [])
    send(header(WINDOW_UPDATE, 0, 1, 1500))
    assert.deepEqual(sent, [header(WINDOW_UPDATE, 0, 1, 127 * 1024 + 1500)])
    send(header(WINDOW_UPDATE, 0, 1, 1024))
    assert.equal(sent.length, 1)
  })

  it('sends at once what opens or closes a stream', () => {
    const { send, sent } = connect()
    send(header(WINDOW_UPDATE, 0, 1, 1000))
    send(header(WINDOW_UPDATE, ACK, 3, 1000))
    send(header(WINDOW_UPDATE, FIN, 1, 0))
    assert.deepEqual(sent, [header(WINDOW_UPDATE, ACK, 3, 1000), header(WINDOW_UPDATE, FIN, 1, 0)])
  })

  for (const [what, type, flag] of [
    ['opens streams', WINDOW_UPDATE, ACK],
    ['opens more streams than it may have', WINDOW_UPDATE, RESET],
    ['pings', PING, ACK],
  ] as const) {
    it(`ends a connection whose other side ${what} without end`, () => {
      const counters = new Counters()
      const connection = connect(counters)
      const { send, sent } = connection
      for (let times = 0; times < 10_000 && !connection.isAborted; times++) send(header(type, flag, 1, times))
      assert.ok(connection.isAborted)
      assert.ok(sent.length >= 3072 && sent.length < 5000, `after ${sent.length}`)
      assert.equal(counters.snapshot().stream_refused, 1)
    })
  }

  it('counts nothing that this side begins by itself', () => {
    const connection = connect()
    for (let times = 0; times < 10_000; times++) {
      connection.send(header(WINDOW_UPDATE, SYN, 2 * times, 0))
      connection.send(header(WINDOW_UPDATE, times % 2 === 0 ? FIN : RESET, 2 * times, 0))
    }
    assert.ok(!connection.isAborted)
  })

  it('remembers no more than a few hundred streams', () => {
    const { send, sent } = connect()
    for (let stream = 1; stream <= 257; stream++) send(header(WINDOW_UPDATE, 0, stream, stream))
    assert.equal(sent.length, 257)
    assert.deepEqual(sent.at(-1), header(WINDOW_UPDATE, 0, 257, 257))
  })

  it('passes on that the connection is full', () => {
    const { send } = connect()
    for (let sent = 1; sent < 100; sent++) assert.equal(send(header(DATA, 0, 1, 0)), true)
    assert.equal(send(header(DATA, 0, 1, 0)), false)
    assert.equal(send(header(WINDOW_UPDATE, 0, 1, 1)), true)
  })
})
