import {
  ERROR_CODES,
  fromUtf8,
  OstrakaError,
  type PeerId,
  type Transport,
  type TransportHandlers,
  toOstrakaError,
  utf8,
} from '../base/index.ts'
import { MAX_FRAME_BYTES } from '../wire/index.ts'
import type { SimNetwork } from './network.ts'

interface Pending {
  readonly to: PeerId
  readonly resolve: (answer: Uint8Array) => void
  readonly reject: (error: OstrakaError) => void
  readonly cancelDeadline: () => void
}

/** One process's end of the simulated network; a restarted process gets another. */
export class SimTransport implements Transport {
  readonly peerId: PeerId
  readonly #network: SimNetwork
  readonly #pending = new Map<number, Pending>()
  #handlers: TransportHandlers | undefined
  #nextId = 1
  #isDead = false

  constructor(network: SimNetwork, peerId: PeerId) {
    this.#network = network
    this.peerId = peerId
  }

  async start(handlers: TransportHandlers): Promise<void> {
    if (this.#isDead) return
    this.#handlers = handlers
    this.#network.attach(this)
  }

  send(to: PeerId, frame: Uint8Array): void {
    if (!this.#isOpenTo(to) || frame.length > MAX_FRAME_BYTES) return
    this.#network.carry({ from: this.peerId, to, kind: 'message', bytes: frame }, (bytes, peer) =>
      peer.#handlers?.message(this.peerId, bytes),
    )
  }

  async request(to: PeerId, frame: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    if (frame.length > MAX_FRAME_BYTES) throw new OstrakaError('too_large', 'frame over the cap')
    if (!this.#isOpenTo(to)) throw unreachable(to)
    const id = this.#nextId++
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const cancelDeadline = this.#network.context.time.schedule(deadlineMs, () =>
      this.#settle(id, pending => pending.reject(new OstrakaError('deadline_exceeded', 'no answer in time'))),
    )
    this.#pending.set(id, { to, resolve, reject, cancelDeadline })
    this.#network.carry({ from: this.peerId, to, kind: 'request', bytes: frame }, (bytes, peer) => {
      void peer.#serve(this, id, bytes)
    })
    return promise
  }

  cutOff(to: PeerId, forMs: number): void {
    this.#network.cutOff(this.peerId, to, forMs)
  }

  async stop(): Promise<void> {
    this.kill()
    for (const id of [...this.#pending.keys()]) this.#settle(id, each => each.reject(unreachable(each.to)))
  }

  /** The process is gone: it hears and says nothing more, and what it awaited never comes. */
  kill(): void {
    this.#isDead = true
    this.#handlers = undefined
    this.#network.detach(this)
  }

  /** A peer's connection came up or broke. */
  connection(peerId: PeerId, isConnected: boolean): void {
    this.#handlers?.peer(peerId, isConnected)
    if (isConnected) return
    for (const [id, { to }] of [...this.#pending]) {
      if (to === peerId) this.#settle(id, pending => pending.reject(unreachable(peerId)))
    }
  }

  async #serve(asker: SimTransport, id: number, frame: Uint8Array): Promise<void> {
    if (this.#handlers === undefined) return
    let kind: 'answer' | 'refusal' = 'answer'
    let bytes: Uint8Array
    try {
      bytes = await this.#handlers.request(asker.peerId, frame)
    } catch (error) {
      kind = 'refusal'
      bytes = encodeRefusal(toOstrakaError(error))
    }
    if (this.#handlers === undefined) return
    this.#network.carry({ from: this.peerId, to: asker.peerId, kind, bytes }, (answer, end) => {
      if (end !== asker) return
      asker.#settle(id, pending => {
        if (kind === 'answer') pending.resolve(answer)
        else pending.reject(decodeRefusal(answer))
      })
    })
  }

  #settle(id: number, how: (pending: Pending) => void): void {
    const pending = this.#pending.get(id)
    if (pending === undefined || (this.#handlers === undefined && this.#isReplaced())) return
    this.#pending.delete(id)
    pending.cancelDeadline()
    how(pending)
  }

  #isReplaced(): boolean {
    const current = this.#network.endpoint(this.peerId)
    return current !== undefined && current !== this
  }

  #isOpenTo(to: PeerId): boolean {
    return this.#handlers !== undefined && this.#network.isConnected(this.peerId, to)
  }
}

function unreachable(peerId: PeerId): OstrakaError {
  return new OstrakaError('unreachable', 'peer is not connected', { peerId })
}

function encodeRefusal({ code, message, details }: OstrakaError): Uint8Array {
  return utf8(JSON.stringify({ code, message, details }))
}

function decodeRefusal(bytes: Uint8Array): OstrakaError {
  const { code, message, details } = JSON.parse(fromUtf8(bytes)) as OstrakaError
  return new OstrakaError(ERROR_CODES.includes(code) ? code : 'internal', message, details)
}
