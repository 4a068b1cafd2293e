import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { OstrakaError, type PeerId, toOstrakaError } from '../base/index.ts'
import type { Counters } from './counters.ts'
import { decodeError, decodeFrames, type Frame } from './frames.ts'
import { Outbox } from './outbox.ts'

/** Requests that may await one peer's answers: a tenth of a second of work at the measured 9,000 a second. */
export const MAX_IN_FLIGHT = 1024
/** What may wait for one peer that reads slowly. With 15 peers this bounds the worst case to 60 MiB. */
export const MAX_QUEUED_BYTES: number = 4 * 1024 * 1024
// A connected peer that does not agree on a stream in this time counts as out of reach.
const OPEN_TIMEOUT_MS = 5000

/** What the asking side needs of the host. */
export interface AskingPorts {
  readonly peerId: PeerId
  readonly openStream: (timeoutMs: number) => Promise<Stream>
  /** The peer does not answer any more, at all. */
  readonly fellSilent: (reason: string) => void
  /** How long it may owe answers and send none. */
  readonly silenceMs: number
  readonly counters: Counters
}

interface Pending {
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: OstrakaError) => void
  readonly timer: NodeJS.Timeout
}

/** This node's own long-lived stream to one peer: messages and requests leave on it, answers come back on it. */
export class Asking {
  readonly #ports: AskingPorts
  readonly #outbox = new Outbox()
  readonly #pending = new Map<number, Pending>()
  #stream: Stream | undefined
  #isOpening = false
  #lastId = 0
  /** Since when the peer owes an answer without having sent anything; undefined while it owes none. */
  #silentSinceMs: number | undefined

  constructor(ports: AskingPorts) {
    this.#ports = ports
  }

  /** Queues a one-way frame; dropped, and counted, when the queue is full. */
  send(payload: Uint8Array): void {
    if (this.#outbox.queuedBytes + payload.length > MAX_QUEUED_BYTES) {
      this.#ports.counters.add('rpc_message_dropped')
      return
    }
    this.#push({ kind: 'message', id: 0, payload })
  }

  /** Errors: `overloaded`, `deadline_exceeded`, `unreachable`, and whatever the peer answers with. */
  request(payload: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    const isFull =
      this.#pending.size >= MAX_IN_FLIGHT || this.#outbox.queuedBytes + payload.length > MAX_QUEUED_BYTES
    if (isFull) {
      this.#ports.counters.add('rpc_request_overloaded')
      const details = { peerId: this.#ports.peerId, inFlight: this.#pending.size, limit: MAX_IN_FLIGHT }
      return Promise.reject(new OstrakaError('overloaded', 'too much awaits this peer', details))
    }
    const id = this.#nextId()
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const timer = setTimeout(() => this.#expire(id, deadlineMs), deadlineMs)
    this.#pending.set(id, { resolve, reject, timer })
    this.#silentSinceMs ??= performance.now()
    this.#push({ kind: 'request', id, payload })
    return promise
  }

  /** The connection is gone or going: everything pending fails with `unreachable` now. */
  close(reason: string): void {
    const stream = this.#stream
    this.#lose(reason)
    stream?.abort(new Error(reason))
  }

  #push(frame: Frame): void {
    this.#outbox.push(frame)
    if (this.#stream === undefined && !this.#isOpening) void this.#open()
  }

  async #open(): Promise<void> {
    this.#isOpening = true
    try {
      const stream = await this.#ports.openStream(OPEN_TIMEOUT_MS)
      this.#isOpening = false
      this.#ports.counters.add('rpc_stream_opened')
      this.#adopt(stream)
    } catch (error) {
      this.#isOpening = false
      this.#lose(toOstrakaError(error).message)
    }
  }

  #adopt(stream: Stream): void {
    this.#stream = stream
    const ended = (reason: string): void => {
      if (this.#stream === stream) this.#lose(reason)
    }
    stream.addEventListener('close', () => ended('the stream closed'))
    if (stream.status !== 'open') {
      ended('the stream closed')
      return
    }
    this.#outbox.attach(stream)
    pipe(stream, decodeFrames, source => this.#settleAll(source)).then(
      () => this.#abandon(stream, 'the peer ended the stream'),
      error => this.#abandon(stream, toOstrakaError(error).message),
    )
  }

  #abandon(stream: Stream, reason: string): void {
    if (this.#stream === stream) this.close(reason)
  }

  async #settleAll(source: AsyncIterable<readonly Frame[]>): Promise<void> {
    for await (const frames of source) {
      this.#silentSinceMs = undefined
      for (const frame of frames) this.#settle(frame)
    }
  }

  #settle({ kind, id, payload }: Frame): void {
    if (kind !== 'answer' && kind !== 'error') {
      this.#ports.counters.add('rpc_stream_malformed')
      throw new OstrakaError('malformed', 'a peer asked where it may only answer')
    }
    const pending = this.#take(id)
    if (kind === 'answer') pending?.resolve(payload)
    else pending?.reject(decodeError(payload))
  }

  #expire(id: number, deadlineMs: number): void {
    this.#ports.counters.add('rpc_request_deadline')
    const details = { peerId: this.#ports.peerId, deadlineMs }
    this.#take(id)?.reject(new OstrakaError('deadline_exceeded', 'the peer did not answer in time', details))
    const { silenceMs, fellSilent } = this.#ports
    if (performance.now() - (this.#silentSinceMs ?? performance.now()) < silenceMs) return
    this.#silentSinceMs = undefined
    fellSilent(`no answer of any kind for ${silenceMs} ms`)
  }

  #lose(reason: string): void {
    this.#stream = undefined
    this.#silentSinceMs = undefined
    const messages = this.#outbox.detach().filter(frame => frame.kind === 'message')
    this.#ports.counters.add('rpc_message_dropped', messages.length)
    const details = { peerId: this.#ports.peerId, reason }
    for (const id of [...this.#pending.keys()]) {
      this.#ports.counters.add('rpc_request_unreachable')
      this.#take(id)?.reject(new OstrakaError('unreachable', 'the connection to the peer is gone', details))
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    clearTimeout(pending?.timer)
    this.#pending.delete(id)
    return pending
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#pending.has(this.#lastId))
    return this.#lastId
  }
}
