import type { AbortOptions, ConnectionProtector, MultiaddrConnection } from '@libp2p/interface'
import { AbstractMultiaddrConnection, byteStream } from '@libp2p/utils'
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import type { Rng, Secret } from '../base/index.ts'
import { keyOfPreShared } from './pre-shared-key.ts'

/**
 * libp2p's private networks, version 1 (specs/pnet): each side sends a nonce, and from then on everything is XORed with
 * XSalsa20 under the shared key, each direction under its sender's nonce. Not authenticated: TLS or noise inside is.
 */
const NONCE_BYTES = 24
const BLOCK_BYTES = 64

/** The key stream of one direction. */
export class KeyStream {
  readonly #key: Uint8Array
  readonly #nonce: Uint8Array
  #position = 0

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#key = key
    this.#nonce = nonce
  }

  /** The next bytes of the stream, hidden or shown. Throws after 256 GiB: the connection ends and is dialled anew. */
  apply(bytes: Uint8Array): Uint8Array {
    const skipped = this.#position % BLOCK_BYTES
    const block = (this.#position - skipped) / BLOCK_BYTES
    const padded = new Uint8Array(skipped + bytes.length)
    padded.set(bytes, skipped)
    this.#position += bytes.length
    return xsalsa20(this.#key, this.#nonce, padded, padded, block).subarray(skipped)
  }
}

/** Wraps connections so that nobody without the key understands a byte, or is understood. */
export function privateNetwork(preSharedKey: Secret, rng: Rng): ConnectionProtector {
  const key = keyOfPreShared(preSharedKey)
  return {
    async protect(connection, options?: AbortOptions) {
      const raw = byteStream(connection as MultiaddrConnection)
      const own = rng.bytes(NONCE_BYTES)
      const [theirs] = await Promise.all([
        raw.read({ ...options, bytes: NONCE_BYTES }),
        raw.write(own, options),
      ])
      const incoming = new KeyStream(key, theirs.subarray().slice())
      return new HiddenConnection(raw.unwrap(), incoming, new KeyStream(key, own))
    },
  }
}

/** A connection whose bytes pass through two key streams; all else is the inner one's. */
class HiddenConnection extends AbstractMultiaddrConnection {
  readonly #inner: MultiaddrConnection
  readonly #outgoing: KeyStream

  constructor(inner: MultiaddrConnection, incoming: KeyStream, outgoing: KeyStream) {
    const { remoteAddr, direction } = inner
    super({ remoteAddr, direction, log: inner.log.newScope('private') })
    this.#inner = inner
    this.#outgoing = outgoing
    inner.addEventListener('message', ({ data }) => {
      for (const bytes of data instanceof Uint8Array ? [data] : data) this.onData(incoming.apply(bytes))
    })
    inner.addEventListener('drain', () => this.safeDispatchEvent('drain'))
    inner.addEventListener('close', ({ error, local }) => {
      if (error === undefined) this.onTransportClosed()
      else if (local === true) this.abort(error)
      else this.onRemoteReset()
    })
  }

  sendData(data: Parameters<AbstractMultiaddrConnection['sendData']>[0]) {
    const canSendMore = this.#inner.send(this.#outgoing.apply(data.subarray()))
    return { sentBytes: data.byteLength, canSendMore }
  }

  async sendClose(options?: AbortOptions): Promise<void> {
    await this.#inner.close(options)
  }

  sendReset(error: Error): void {
    this.#inner.abort(error)
  }

  sendPause(): void {
    this.#inner.pause()
  }

  sendResume(): void {
    this.#inner.resume()
  }
}
