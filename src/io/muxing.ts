import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'
import { OstrakaError } from '../base/index.ts'
import { Allowance } from './allowance.ts'
import type { Counters } from './counters.ts'

type Factory<C> = (components: C) => StreamMuxerFactory<StreamMuxer>

/** Yamux's header (hashicorp/yamux, spec.md): version, type, flags (2 bytes), stream id and length (4 bytes each). */
const HEADER_BYTES = 12
const WINDOW_UPDATE = 1
const SYN = 1
const ACK = 2
const RESET = 8
/**
 * What a peer may make this side answer by itself: streams that it opens and pings. A stream costs some 200 microseconds; the
 * DHT opens one for each request, of which a peer has 256 a second (`dht-requests.ts`).
 */
const ANSWERS = { perSecond: 384, burst: 3072 }
/** Of the 256 KiB with which every stream starts: half, as the Go implementation waits for. */
const WORTH_TELLING_BYTES = 128 * 1024
/** Streams that ended without a word leave their entry behind; beyond so many, all are told. */
const MAX_HELD = 256

/**
 * A yamux that sends less. As it is, it tells the other side of every few bytes that it has read, and hands header and
 * payload of a frame to the connection as two items, each of which the encrypter makes a record with 22 bytes around it
 * (RFC 8446 section 5.2): a message of 50 bytes travels as three records, and is answered by a fourth. It also bounds what
 * the muxer answers by itself, before any protocol sees it.
 */
export function sparing<C>(make: Factory<C>, counters: Counters): Factory<C> {
  return components => {
    const factory = make(components)
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        spare(connection, counters)
        return factory.createStreamMuxer(connection)
      },
    }
  }
}

/**
 * Frames written to `connection` leave in one piece, and window updates once they add up to something. The connection ends
 * when the other side opens streams or pings faster than it may.
 */
export function spare(connection: Pick<MessageStream, 'send' | 'abort'>, counters: Counters): void {
  const send = connection.send.bind(connection)
  const held = new HeldUpdates()
  const answers = new Answers()
  connection.send = data => {
    const frame = data.subarray() // of a list of several items, a copy in one
    if (!answers.pass(frame)) {
      counters.add('stream_refused')
      connection.abort(new OstrakaError('overloaded', 'this peer opens streams and pings too often'))
      return false
    }
    let isFree = true
    for (const due of held.pass(frame)) isFree = send(due)
    return isFree
  }
}

/** What the other side makes the muxer say: acknowledgements of its streams and pings, and resets of streams that are too many. */
class Answers {
  readonly #allowance = new Allowance(ANSWERS, performance.now())
  /** Streams that this side opens have odd numbers, or even ones. */
  #ownParity: number | undefined

  /** False: the other side has had all that it may. */
  pass(frame: Uint8Array): boolean {
    if (frame.length < HEADER_BYTES) return true
    const [flags, parity] = [frame[3]!, frame[7]! & 1]
    if ((flags & SYN) !== 0 && frame[1] === WINDOW_UPDATE) this.#ownParity = parity
    const isReset = (flags & RESET) !== 0 && parity !== this.#ownParity
    return (!isReset && (flags & ACK) === 0) || this.#allowance.take(1, performance.now())
  }
}

/** What the other side may send on each stream beyond what it knows. */
class HeldUpdates {
  readonly #bytes = new Map<number, number>()

  /** The frames that are to leave, now that the muxer wants to send this one. */
  pass(frame: Uint8Array): readonly Uint8Array[] {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
    if (frame.length < HEADER_BYTES || view.getUint8(1) !== WINDOW_UPDATE) return [frame]
    const stream = view.getUint32(4)
    // flags open and close streams
    if (view.getUint16(2) !== 0) {
      this.#bytes.delete(stream)
      return [frame]
    }
    const bytes = (this.#bytes.get(stream) ?? 0) + view.getUint32(8)
    this.#bytes.set(stream, bytes)
    if (bytes >= WORTH_TELLING_BYTES) return [this.#tell(stream, bytes)]
    return this.#bytes.size > MAX_HELD ? [...this.#bytes].map(each => this.#tell(...each)) : []
  }

  #tell(stream: number, bytes: number): Uint8Array {
    this.#bytes.delete(stream)
    const frame = new Uint8Array(HEADER_BYTES)
    const view = new DataView(frame.buffer)
    view.setUint8(1, WINDOW_UPDATE)
    view.setUint32(4, stream)
    view.setUint32(8, bytes)
    return frame
  }
}
