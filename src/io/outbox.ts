import type { Stream } from '@libp2p/interface'
import { encodeFrames, type Frame, HEADER_BYTES } from './frames.ts'

// One write: large enough that system calls and TLS records vanish in it, small enough that little sits in the muxer.
const BATCH_BYTES = 64 * 1024

/** What an outbox needs of a libp2p stream. */
export type Writable = Pick<Stream, 'send' | 'writableNeedsDrain' | 'writeBufferLength' | 'addEventListener'>

/**
 * Frames on their way into one stream, in order. Frames pushed in one turn of the event loop leave in one write;
 * while the peer does not read they wait here, where `queuedBytes` shows them to whoever enforces a bound.
 */
export class Outbox {
  readonly #drained: () => void
  #stream: Writable | undefined
  #frames: Frame[] = []
  #frameBytes = 0
  #isFlushDue = false

  /** `drained` is called whenever everything queued has been handed to the stream. */
  constructor(drained: () => void = () => {}) {
    this.#drained = drained
  }

  get queuedBytes(): number {
    return this.#frameBytes + (this.#stream?.writeBufferLength ?? 0)
  }

  /** Directs the queue into `stream`; what waited for it leaves now. */
  attach(stream: Writable): void {
    this.#stream = stream
    stream.addEventListener('drain', () => {
      // the stream's own listener runs first and continues with what it holds; we follow with ours
      if (this.#stream === stream) this.#flushSoon()
    })
    this.#flushSoon()
  }

  /** The stream is gone: forgets it and all that waited, returning the forgotten frames. */
  detach(): readonly Frame[] {
    const forgotten = this.#frames
    this.#stream = undefined
    this.#frames = []
    this.#frameBytes = 0
    return forgotten
  }

  push(frame: Frame): void {
    this.#frames.push(frame)
    this.#frameBytes += HEADER_BYTES + frame.payload.length
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isFlushDue || this.#stream === undefined) return
    this.#isFlushDue = true
    process.nextTick(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    const stream = this.#stream
    if (stream === undefined) return
    let sent = 0
    while (sent < this.#frames.length && !stream.writableNeedsDrain) {
      const batch = this.#nextBatch(sent)
      sent += batch.length
      for (const frame of batch) this.#frameBytes -= HEADER_BYTES + frame.payload.length
      try {
        stream.send(encodeFrames(batch))
      } catch {
        return // the stream has just closed; its close event detaches this outbox
      }
    }
    this.#frames = sent === this.#frames.length ? [] : this.#frames.slice(sent)
    if (this.#frames.length === 0) this.#drained()
  }

  #nextBatch(from: number): readonly Frame[] {
    let bytes = 0
    let end = from
    while (end < this.#frames.length && bytes < BATCH_BYTES) {
      bytes += HEADER_BYTES + (this.#frames[end]?.payload.length ?? 0)
      end += 1
    }
    return from === 0 && end === this.#frames.length ? this.#frames : this.#frames.slice(from, end)
  }
}
