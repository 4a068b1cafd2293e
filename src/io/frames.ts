import { decode, encode } from '@ipld/dag-cbor'
import type { Uint8ArrayList } from 'uint8arraylist'
import { ERROR_CODES, type ErrorCode, OstrakaError } from '../base/index.ts'

/** The largest payload of one frame: a full block of control transactions with its certificate stays well below. */
export const MAX_FRAME_BYTES: number = 1024 * 1024

export type FrameKind = 'message' | 'request' | 'answer' | 'error'

export interface Frame {
  readonly kind: FrameKind
  /** Pairs an answer or error with its request; 0 in messages. */
  readonly id: number
  readonly payload: Uint8Array
}

const KINDS: readonly FrameKind[] = ['message', 'request', 'answer', 'error']
/** u32 payload length, u8 kind, u32 request id; all big-endian. */
export const HEADER_BYTES = 9
const LONGEST_ERROR_TEXT = 1024

/** Writes frames back to back into one buffer. */
export function encodeFrames(frames: readonly Frame[]): Uint8Array {
  let length = 0
  for (const frame of frames) length += HEADER_BYTES + frame.payload.length
  const bytes = Buffer.allocUnsafe(length)
  let offset = 0
  for (const { kind, id, payload } of frames) {
    bytes.writeUInt32BE(payload.length, offset)
    bytes.writeUInt8(KINDS.indexOf(kind), offset + 4)
    bytes.writeUInt32BE(id, offset + 5)
    bytes.set(payload, offset + HEADER_BYTES)
    offset += HEADER_BYTES + payload.length
  }
  return bytes
}

/** Cuts a byte stream into frames. Payloads are copies: keeping one keeps nothing else alive. */
export class FrameDecoder {
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #headerFill = 0
  #payload: Uint8Array | undefined
  #payloadFill = 0

  /** Returns the frames that `chunk` completes. Errors: `too_large`, `malformed`; the stream is then useless. */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = []
    let offset = 0
    while (offset < chunk.length) {
      if (this.#payload === undefined) {
        offset += this.#fillHeader(chunk, offset)
        if (this.#headerFill < HEADER_BYTES) break
        this.#payload = new Uint8Array(this.#payloadLength())
      }
      const take = Math.min(this.#payload.length - this.#payloadFill, chunk.length - offset)
      this.#payload.set(chunk.subarray(offset, offset + take), this.#payloadFill)
      this.#payloadFill += take
      offset += take
      if (this.#payloadFill === this.#payload.length) frames.push(this.#finish(this.#payload))
    }
    return frames
  }

  #fillHeader(chunk: Uint8Array, offset: number): number {
    const take = Math.min(HEADER_BYTES - this.#headerFill, chunk.length - offset)
    this.#header.set(chunk.subarray(offset, offset + take), this.#headerFill)
    this.#headerFill += take
    return take
  }

  #payloadLength(): number {
    const length = this.#header.readUInt32BE(0)
    if (length > MAX_FRAME_BYTES) {
      throw new OstrakaError('too_large', 'frame over the cap', {
        sizeBytes: length,
        limitBytes: MAX_FRAME_BYTES,
      })
    }
    if (KINDS[this.#header[4] ?? 0] === undefined) throw new OstrakaError('malformed', 'unknown frame kind')
    return length
  }

  #finish(payload: Uint8Array): Frame {
    const kind = KINDS[this.#header[4] ?? 0] as FrameKind
    const id = this.#header.readUInt32BE(5)
    this.#headerFill = 0
    this.#payload = undefined
    this.#payloadFill = 0
    return { kind, id, payload }
  }
}

/** The `it-pipe` transform between a libp2p stream and a handler of frames: yields what each chunk completes. */
export async function* decodeFrames(
  source: AsyncIterable<Uint8Array | Uint8ArrayList>,
): AsyncGenerator<readonly Frame[]> {
  const decoder = new FrameDecoder()
  for await (const chunk of source) {
    const frames =
      chunk instanceof Uint8Array ? decoder.push(chunk) : [...chunk].flatMap(part => decoder.push(part))
    if (frames.length > 0) yield frames
  }
}

/** An error as an `error` frame's payload. Details that cannot be encoded, or do not fit, stay behind. */
export function encodeError(error: OstrakaError): Uint8Array {
  const bare = { code: error.code, message: error.message.slice(0, LONGEST_ERROR_TEXT), details: {} }
  try {
    const bytes = encode({ ...bare, details: error.details })
    if (bytes.length <= MAX_FRAME_BYTES) return bytes
  } catch {
    // falls through to the error without its details
  }
  return encode(bare)
}

/** The error that a peer answered with; a code that this version does not know becomes `internal`. */
export function decodeError(payload: Uint8Array): OstrakaError {
  try {
    const { code, message, details } = decode<{ code: ErrorCode; message: string; details: object }>(payload)
    const known = ERROR_CODES.includes(code) ? code : 'internal'
    return new OstrakaError(known, String(message), { ...details })
  } catch {
    return new OstrakaError('malformed', 'a peer answered with an error that cannot be read')
  }
}
