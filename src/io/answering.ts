import type { Stream } from '@libp2p/interface'
import { pipe } from 'it-pipe'
import { OstrakaError, type PeerId, type TransportHandlers, toOstrakaError } from '../base/index.ts'
import { MAX_IN_FLIGHT, MAX_QUEUED_BYTES } from './asking.ts'
import type { Counters } from './counters.ts'
import { decodeFrames, encodeError, type Frame, MAX_FRAME_BYTES } from './frames.ts'
import { Outbox } from './outbox.ts'

/** Request bytes of one peer that may be in work; beyond it the peer is told `overloaded`. */
const MAX_WORK_BYTES = 16 * 1024 * 1024

/** What the answering side needs. */
export interface AnsweringPorts {
  readonly from: PeerId
  readonly handlers: Pick<TransportHandlers, 'message' | 'request'>
  readonly counters: Counters
  readonly report: (error: OstrakaError) => void
}

/**
 * One stream that a peer opened to us: takes its messages and requests, and writes our answers. When the peer does not
 * read its answers, its stream is no longer read either, so that it feels the pressure and we hold a bounded amount.
 */
export class Answering {
  readonly #ports: AnsweringPorts
  readonly #stream: Stream
  readonly #outbox: Outbox
  #inWork = 0
  #workBytes = 0
  #isPaused = false

  constructor(stream: Stream, ports: AnsweringPorts) {
    this.#ports = ports
    this.#stream = stream
    this.#outbox = new Outbox(() => this.#resume())
    this.#outbox.attach(stream)
    stream.addEventListener('close', () => this.#outbox.detach())
  }

  /** Resolves when the stream has ended. */
  async serve(): Promise<void> {
    try {
      await pipe(this.#stream, decodeFrames, source => this.#takeAll(source))
      await this.#stream.close()
    } catch (error) {
      this.#ports.report(toOstrakaError(error))
      this.#stream.abort(toOstrakaError(error))
    }
  }

  close(): void {
    this.#stream.abort(new Error('the transport stopped'))
  }

  async #takeAll(source: AsyncIterable<readonly Frame[]>): Promise<void> {
    for await (const frames of source) {
      for (const frame of frames) this.#take(frame)
    }
  }

  #take(frame: Frame): void {
    if (frame.kind === 'message') this.#message(frame.payload)
    else if (frame.kind === 'request') this.#request(frame)
    else {
      this.#ports.counters.add('rpc_stream_malformed')
      throw new OstrakaError('malformed', 'a peer answered where it may only ask')
    }
  }

  #message(payload: Uint8Array): void {
    try {
      this.#ports.handlers.message(this.#ports.from, payload)
    } catch (error) {
      this.#ports.report(toOstrakaError(error))
    }
  }

  #request({ id, payload }: Frame): void {
    if (this.#inWork >= MAX_IN_FLIGHT || this.#workBytes + payload.length > MAX_WORK_BYTES) {
      this.#refuse(id, new OstrakaError('overloaded', 'too many requests in work', { limit: MAX_IN_FLIGHT }))
      return
    }
    this.#inWork += 1
    this.#workBytes += payload.length
    const done = (): void => {
      this.#inWork -= 1
      this.#workBytes -= payload.length
    }
    this.#ports.handlers.request(this.#ports.from, payload).then(
      answer => {
        done()
        this.#answer(id, answer)
      },
      error => {
        done()
        this.#refuse(id, toOstrakaError(error))
      },
    )
  }

  #answer(id: number, payload: Uint8Array): void {
    if (payload.length > MAX_FRAME_BYTES) {
      const details = { sizeBytes: payload.length, limitBytes: MAX_FRAME_BYTES }
      this.#refuse(id, new OstrakaError('too_large', 'answer over the frame cap', details))
    } else if (this.#outbox.queuedBytes + payload.length > 2 * MAX_QUEUED_BYTES) {
      this.#refuse(id, new OstrakaError('overloaded', 'the asker does not read its answers'))
    } else {
      this.#push({ kind: 'answer', id, payload })
    }
  }

  #refuse(id: number, error: OstrakaError): void {
    this.#push({ kind: 'error', id, payload: encodeError(error) })
  }

  #push(frame: Frame): void {
    if (this.#stream.status !== 'open') return
    this.#outbox.push(frame)
    if (this.#isPaused || this.#outbox.queuedBytes <= MAX_QUEUED_BYTES) return
    if (this.#stream.readStatus !== 'readable') return
    this.#isPaused = true
    this.#ports.counters.add('rpc_reading_paused')
    this.#stream.pause()
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
  }
}
