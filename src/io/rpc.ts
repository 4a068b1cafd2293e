import type { Stream } from '@libp2p/interface'
import { OstrakaError, type PeerId, type Transport, type TransportHandlers } from '../base/index.ts'
import { Answering } from './answering.ts'
import { Asking } from './asking.ts'
import type { Counters } from './counters.ts'
import { MAX_FRAME_BYTES } from './frames.ts'
import type { Host } from './host.ts'
import type { Logger } from './logger.ts'

/** How long a request waits for a peer that is just being dialled; callers hedge to other holders meanwhile. */
const CONNECT_PATIENCE_MS = 250
/**
 * A peer that was asked and has said nothing for so long is gone, though nobody has closed the connection: a cable is cut
 * or a machine frozen. Nodes ping each other more often than that; a stalled event loop on a busy host is not mistaken
 * for one.
 */
const SILENCE_MS = 10_000

/** What the transport needs of the host. */
export type RpcHost = Pick<
  Host,
  | 'peerId'
  | 'isMember'
  | 'isConnected'
  | 'connectedPeers'
  | 'onPeer'
  | 'onSentAway'
  | 'whenConnected'
  | 'openStream'
  | 'hangUp'
  | 'disconnect'
  | 'handleStreams'
  | 'unhandleStreams'
>

export interface RpcOptions {
  readonly host: RpcHost
  readonly networkId: string
  readonly counters: Counters
  readonly logger: Logger
}

/**
 * The `Transport` over libp2p: between two members run two long-lived streams of length-prefixed frames, one for each
 * direction of asking, with pipelining, deadlines and back-pressure. Create it before the host starts.
 */
export class RpcTransport implements Transport {
  readonly #options: RpcOptions
  readonly #protocol: string
  readonly #asking = new Map<PeerId, Asking>()
  readonly #answering = new Set<Answering>()
  readonly #started = Promise.withResolvers<TransportHandlers>()
  #forgetPeers: () => void = () => {}
  #isStopped = false

  constructor(options: RpcOptions) {
    this.#options = options
    this.#protocol = `/ostraka/${options.networkId}/rpc/1`
  }

  /** Registers the protocol; streams that arrive before `start` wait unread. */
  async listen(): Promise<void> {
    await this.#options.host.handleStreams(this.#protocol, (from, stream) => void this.#serve(from, stream))
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.#started.resolve(handlers)
    const { host } = this.#options
    const forgetPeers = host.onPeer((peerId, isConnected) => {
      if (!isConnected) this.#drop(peerId)
      handlers.peer(peerId, isConnected)
    })
    const forgetAway = host.onSentAway(peerId => handlers.sentAway?.(peerId))
    this.#forgetPeers = () => {
      forgetPeers()
      forgetAway()
    }
    for (const peerId of host.connectedPeers()) handlers.peer(peerId, true)
  }

  send(to: PeerId, frame: Uint8Array): void {
    const isDeliverable =
      !this.#isStopped && frame.length <= MAX_FRAME_BYTES && this.#options.host.isConnected(to)
    if (isDeliverable) this.#askingOf(to).send(frame)
    else this.#options.counters.add('rpc_message_dropped')
  }

  /** Errors besides the port's: `too_large` for a frame over 1 MiB, `stranger` for a peer that is not a member. */
  async request(to: PeerId, frame: Uint8Array, deadlineMs: number): Promise<Uint8Array> {
    const { host, counters } = this.#options
    if (frame.length > MAX_FRAME_BYTES) {
      const details = { sizeBytes: frame.length, limitBytes: MAX_FRAME_BYTES }
      throw new OstrakaError('too_large', 'request over the frame cap', details)
    }
    if (!host.isMember(to)) throw new OstrakaError('stranger', 'not a member', { peerId: to })
    if (!this.#isStopped && host.isConnected(to)) return this.#askingOf(to).request(frame, deadlineMs)
    const startedMs = performance.now()
    const isConnected =
      !this.#isStopped && (await host.whenConnected(to, Math.min(CONNECT_PATIENCE_MS, deadlineMs)))
    if (!isConnected) {
      counters.add('rpc_request_unreachable')
      throw new OstrakaError('unreachable', 'peer is not connected', { peerId: to })
    }
    return this.#askingOf(to).request(frame, deadlineMs - (performance.now() - startedMs))
  }

  cutOff(peerId: PeerId, forMs: number): void {
    this.#options.counters.add('peer_cut_off')
    this.#options.host.disconnect(peerId, forMs, 'this peer asks too much')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#forgetPeers()
    for (const peerId of [...this.#asking.keys()]) this.#drop(peerId)
    for (const answering of this.#answering) answering.close()
    await this.#options.host.unhandleStreams(this.#protocol)
  }

  #askingOf(peerId: PeerId): Asking {
    let asking = this.#asking.get(peerId)
    if (asking === undefined) {
      const { host, counters } = this.#options
      const openStream = (timeoutMs: number): Promise<Stream> =>
        host.openStream(peerId, this.#protocol, timeoutMs)
      const fellSilent = (reason: string): void => {
        counters.add('peer_fell_silent')
        host.hangUp(peerId, reason)
      }
      asking = new Asking({ peerId, openStream, fellSilent, silenceMs: SILENCE_MS, counters })
      this.#asking.set(peerId, asking)
    }
    return asking
  }

  #drop(peerId: PeerId): void {
    const asking = this.#asking.get(peerId)
    this.#asking.delete(peerId)
    asking?.close('the connection closed')
  }

  async #serve(from: PeerId, stream: Stream): Promise<void> {
    const handlers = await this.#started.promise
    if (this.#isStopped) {
      stream.abort(new Error('the transport stopped'))
      return
    }
    const { counters, logger } = this.#options
    const report = (error: OstrakaError): void =>
      logger.debug({ peerId: from, code: error.code, reason: error.message }, 'an incoming stream failed')
    const answering = new Answering(stream, { from, handlers, counters, report })
    this.#answering.add(answering)
    await answering.serve()
    this.#answering.delete(answering)
  }
}
