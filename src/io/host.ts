import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, PeerId as Libp2pPeerId, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { getNetConfig } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p, type Libp2pOptions } from 'libp2p'
import { OstrakaError, type PeerGate, type PeerId, type Rng, type Secret } from '../base/index.ts'
import { Admission } from './admission.ts'
import type { Counters } from './counters.ts'
import { Dialler } from './dialler.ts'
import type { Logger } from './logger.ts'
import { sparing } from './muxing.ts'
import { privateNetwork } from './private-network.ts'

export type Security = 'tls' | 'noise'

/** Measured after the handshake, TLS 1.3 carries 2.7 times noise's requests at 32 in flight; its dial takes twice as long. */
export const SECURITY_ORDER: readonly Security[] = ['tls', 'noise']

// A dial that has not got through in this time is better started afresh.
const DIAL_TIMEOUT_MS = 5000
const ADDRESS_DIAL_TIMEOUT_MS = 3000
// `Admission` counts what begins; libp2p's own limit, which counts by whole seconds, is above it.
const INBOUND_PER_SECOND_AND_ADDRESS = 256
// What one address may begin in the time that a handshake may take is half of it: it cannot keep the others out.
const PENDING_INBOUND = 128
const HANDSHAKE_TIMEOUT_MS = 5000
// Two when both ends dial at once, and those that they replace; a member that opens more loses its oldest.
const CONNECTIONS_PER_PEER = 4
// Of all protocols together some sixty; the muxer's default is 1,000.
const STREAMS_PER_CONNECTION = 256
// A member that hides the protocol of a stream holds it no longer than this.
const NEGOTIATION_TIMEOUT_MS = 5000
// Below the 4 MiB at which libp2p resets a paused stream: a paused peer's window must fit in the read buffer.
const STREAM_WINDOW_BYTES = 2 * 1024 * 1024
// One stranger that keeps knocking is logged once a minute, and counted each time.
const STRANGER_LOG_MS = 60_000
const STRANGERS_REMEMBERED = 1000
// A member that is removed keeps its connections for so long: it must be able to read in the log that it is.
const FAREWELL_MS = 5000
// One long-lived stream per direction and connection, and room for the one that replaces it.
const STREAMS_PER_PROTOCOL = 8

export interface HostOptions {
  /** The 32-byte Ed25519 seed of this node's identity. */
  readonly seed: Secret
  /** Multiaddrs to listen on, such as `/ip4/127.0.0.1/tcp/0`. */
  readonly listen: readonly string[]
  /** Addresses told to others instead of the ones listened on (behind NAT or in a container). */
  readonly announce?: readonly string[]
  /** The text of a libp2p private-network key: whoever lacks it does not get as far as a handshake. */
  readonly preSharedKey?: Secret
  /** The peers to stay connected to; read again whenever membership may have changed. */
  readonly members: () => Iterable<PeerId>
  /** Who may connect at all. */
  readonly isMember: (peerId: PeerId) => boolean
  /** Where members were last known to listen. */
  readonly addresses?: Iterable<readonly [PeerId, readonly string[]]>
  /** Preferred order when dialling; both are always accepted. */
  readonly security?: readonly Security[]
  /** More libp2p services (gossip, DHT). */
  readonly services?: NonNullable<Libp2pOptions['services']>
  readonly rng: Rng
  readonly counters: Counters
  readonly logger: Logger
}

type PeerListener = (peerId: PeerId, isConnected: boolean) => void

/** A libp2p node that speaks with members only and keeps a connection to each of them. */
export class Host implements PeerGate {
  readonly libp2p: Libp2p
  readonly peerId: PeerId
  readonly #options: HostOptions
  readonly #addresses: Map<PeerId, readonly string[]>
  readonly #dialler: Dialler
  readonly #connectedPeers = new Set<PeerId>()
  readonly #listeners = new Set<PeerListener>()
  readonly #awayListeners = new Set<(peerId: PeerId) => void>()
  readonly #farewells = new Map<PeerId, NodeJS.Timeout>()
  readonly #sentAway: SentAway
  #isStopping = false

  constructor(libp2p: Libp2p, options: HostOptions, sentAway: SentAway) {
    this.libp2p = libp2p
    this.peerId = libp2p.peerId.toString()
    this.#options = options
    this.#addresses = new Map(options.addresses)
    this.#sentAway = sentAway
    this.#dialler = new Dialler({
      self: this.peerId,
      members: () => [...options.members()].filter(peerId => !sentAway.has(peerId)),
      isConnected: peerId => this.isConnected(peerId),
      dial: (peerId, attempt) => this.#dial(peerId, attempt),
      rng: options.rng,
    })
    libp2p.addEventListener('peer:connect', event => this.#connected(event.detail.toString()))
    libp2p.addEventListener('connection:open', event => this.#limitConnections(event.detail.remotePeer))
    libp2p.addEventListener('peer:disconnect', event => this.#disconnected(event.detail.toString()))
  }

  /** Listens, and dials the members. Errors: `conflict` when an address cannot be listened on. */
  async start(): Promise<void> {
    try {
      await this.libp2p.start()
    } catch (error) {
      await this.libp2p.stop()
      const details = { listen: this.#options.listen, reason: String(error) }
      throw new OstrakaError('conflict', 'cannot listen', details)
    }
    this.#dialler.start()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#dialler.stop()
    for (const timer of this.#farewells.values()) clearTimeout(timer)
    this.#farewells.clear()
    this.#sentAway.clear()
    await this.libp2p.stop()
  }

  /** The multiaddrs of this node, peer id included. */
  addresses(): string[] {
    return this.libp2p.getMultiaddrs().map(address => address.toString())
  }

  /** Replaces what is known of a member's addresses and dials it if it is not connected. */
  learnAddress(peerId: PeerId, addresses: readonly string[]): void {
    this.#addresses.set(peerId, addresses)
    if (!this.isConnected(peerId)) this.#dialler.hurry(peerId)
  }

  /** Membership changed: drops connections to those who left, after a farewell, and dials those who came. */
  membersChanged(): void {
    for (const peerId of this.#connectedPeers) {
      if (!this.isMember(peerId)) this.#bidFarewell(peerId)
    }
    this.#dialler.review()
  }

  #bidFarewell(peerId: PeerId): void {
    if (this.#farewells.has(peerId)) return
    const timer = setTimeout(() => this.#dropStranger(peerId), FAREWELL_MS)
    this.#farewells.set(peerId, timer)
  }

  #dropStranger(peerId: PeerId): void {
    this.#farewells.delete(peerId)
    if (this.isMember(peerId)) return
    for (const connection of this.libp2p.getConnections(peerIdFromString(peerId))) {
      connection.abort(new OstrakaError('stranger', 'no longer a member', { peerId }))
    }
  }

  /** Closes the peer's connections, and neither dials nor accepts it for so long. */
  disconnect(peerId: PeerId, forMs: number, reason: string): void {
    if (this.#isStopping) return
    this.#options.counters.add('peer_sent_away')
    this.#sentAway.add(peerId, forMs, () => this.#dialler.review())
    this.#dialler.review()
    for (const listener of this.#awayListeners) listener(peerId)
    for (const connection of this.libp2p.getConnections(peerIdFromString(peerId))) {
      connection.abort(new OstrakaError('forbidden', reason, { peerId }))
    }
  }

  /** Closes the connection to a peer that no longer answers; it is dialled again. */
  hangUp(peerId: PeerId, reason: string): void {
    for (const connection of this.libp2p.getConnections(peerIdFromString(peerId))) {
      connection.abort(new OstrakaError('unreachable', reason, { peerId }))
    }
  }

  isMember(peerId: PeerId): boolean {
    return this.#options.isMember(peerId)
  }

  isConnected(peerId: PeerId): boolean {
    return this.#connectedPeers.has(peerId)
  }

  connectedPeers(): PeerId[] {
    return [...this.#connectedPeers]
  }

  onPeer(listener: PeerListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells of each peer that is disconnected for what it did. */
  onSentAway(listener: (peerId: PeerId) => void): () => void {
    this.#awayListeners.add(listener)
    return () => this.#awayListeners.delete(listener)
  }

  /** True once connected; false when the peer is known to be out of reach or `patienceMs` have passed. */
  async whenConnected(peerId: PeerId, patienceMs: number): Promise<boolean> {
    if (this.isConnected(peerId)) return true
    if (!this.#dialler.isHopeful(peerId)) return false
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), patienceMs)
    const forget = this.onPeer((other, isConnected) => {
      if (other === peerId && isConnected) resolve(true)
    })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      forget()
    }
  }

  /** Opens a stream on an existing connection. Errors: `unreachable`. */
  async openStream(peerId: PeerId, protocol: string, timeoutMs: number): Promise<Stream> {
    const connection = this.#connectedPeers.has(peerId)
      ? this.libp2p.getConnections(peerIdFromString(peerId)).find(each => each.status === 'open')
      : undefined
    if (!connection) throw new OstrakaError('unreachable', 'peer is not connected', { peerId })
    return connection.newStream([protocol], {
      signal: AbortSignal.timeout(timeoutMs),
      maxOutboundStreams: STREAMS_PER_PROTOCOL,
    })
  }

  async handleStreams(protocol: string, serve: (from: PeerId, stream: Stream) => void): Promise<void> {
    await this.libp2p.handle(
      protocol,
      (stream, connection) => serve(connection.remotePeer.toString(), stream),
      { maxInboundStreams: STREAMS_PER_PROTOCOL, maxOutboundStreams: STREAMS_PER_PROTOCOL },
    )
  }

  async unhandleStreams(protocol: string): Promise<void> {
    await this.libp2p.unhandle(protocol)
  }

  async #dial(peerId: PeerId, attempt: number): Promise<void> {
    // odd attempts go by what identify and the DHT have learnt, in case the book is out of date
    const book = attempt % 2 === 0 ? (this.#addresses.get(peerId) ?? []) : []
    const target = book.length > 0 ? book.map(text => withPeerId(text, peerId)) : peerIdFromString(peerId)
    try {
      await this.libp2p.dial(target, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
    } catch (error) {
      this.#options.counters.add('dial_failed')
      this.#options.logger.debug({ peerId, attempt, reason: String(error) }, 'dial failed')
      throw error
    }
  }

  #limitConnections(peerId: Libp2pPeerId): void {
    const connections = this.libp2p.getConnections(peerId).filter(({ status }) => status === 'open')
    const oldestFirst = connections.sort((a, b) => a.timeline.open - b.timeline.open)
    for (const connection of oldestFirst.slice(0, -CONNECTIONS_PER_PEER)) {
      this.#options.counters.add('connection_refused')
      connection.abort(new OstrakaError('overloaded', 'too many connections of one peer'))
    }
  }

  #connected(peerId: PeerId): void {
    this.#connectedPeers.add(peerId)
    if (!this.isMember(peerId)) this.#bidFarewell(peerId)
    this.#dialler.reached(peerId)
    this.#options.counters.add('peer_connected')
    this.#options.logger.info({ peerId }, 'peer connected')
    for (const listener of this.#listeners) listener(peerId, true)
  }

  #disconnected(peerId: PeerId): void {
    this.#connectedPeers.delete(peerId)
    this.#options.counters.add('peer_disconnected')
    this.#options.logger.info({ peerId }, 'peer disconnected')
    for (const listener of this.#listeners) listener(peerId, false)
    if (!this.#isStopping) this.#dialler.hurry(peerId)
  }
}

/** Builds a host; it listens and dials once `start` is called. */
export async function createHost(options: HostOptions): Promise<Host> {
  const order = options.security ?? SECURITY_ORDER
  const encrypters = { tls: tls(), noise: noise() }
  const { preSharedKey, rng } = options
  const sentAway = new SentAway()
  const libp2p = await createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed.expose()),
    nodeInfo: { name: 'ostraka', version: '1', userAgent: 'ostraka/1' },
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    transports: [tcp()],
    connectionEncrypters: order.map(name => encrypters[name]),
    streamMuxers: [
      sparing(
        yamux({
          maxInboundStreams: STREAMS_PER_CONNECTION,
          streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES },
        }),
        options.counters,
      ),
    ],
    connectionGater: gater(options, sentAway),
    ...(preSharedKey === undefined ? {} : { connectionProtector: () => privateNetwork(preSharedKey, rng) }),
    connectionManager: {
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      inboundConnectionThreshold: INBOUND_PER_SECOND_AND_ADDRESS,
      maxIncomingPendingConnections: PENDING_INBOUND,
      inboundUpgradeTimeout: HANDSHAKE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_TIMEOUT_MS,
      reconnectRetries: 0, // the dialler's work
    },
    // the node asks its peers all the time: the transport notices who has fallen silent without pings of its own
    connectionMonitor: { enabled: false },
    services: { identify: identify(), ping: ping({ maxInboundStreams: 8 }), ...options.services },
  })
  return new Host(libp2p as Libp2p, options, sentAway)
}

/** The peers that are kept away for a while; members all, which bounds them. */
class SentAway {
  readonly #timers = new Map<PeerId, NodeJS.Timeout>()

  has(peerId: PeerId): boolean {
    return this.#timers.has(peerId)
  }

  add(peerId: PeerId, forMs: number, over: () => void): void {
    clearTimeout(this.#timers.get(peerId))
    const timer = setTimeout(() => {
      this.#timers.delete(peerId)
      over()
    }, forMs)
    this.#timers.set(peerId, timer)
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}

/** Refuses every peer that is not a member as soon as its id is known, before a dial or after the handshake; members that are kept away, too. */
function gater(options: HostOptions, sentAway: SentAway): ConnectionGater {
  const lastLoggedMs = new Map<PeerId, number>()
  const isUnwelcome = (id: Libp2pPeerId): boolean => {
    const peerId = id.toString()
    if (options.isMember(peerId)) return sentAway.has(peerId)
    options.counters.add('stranger_refused')
    if (Date.now() - (lastLoggedMs.get(peerId) ?? 0) >= STRANGER_LOG_MS) {
      if (lastLoggedMs.size >= STRANGERS_REMEMBERED) lastLoggedMs.clear()
      lastLoggedMs.set(peerId, Date.now())
      options.logger.warn({ code: 'stranger', peerId }, 'refused a peer that is not a member')
    }
    return true
  }
  const admission = new Admission(performance.now())
  return {
    denyInboundConnection({ remoteAddr }) {
      const { host } = getNetConfig(remoteAddr)
      if (admission.admits(host, performance.now())) return false
      options.counters.add('connection_refused')
      return true
    },
    denyDialPeer: isUnwelcome,
    denyInboundEncryptedConnection: isUnwelcome,
    denyOutboundEncryptedConnection: isUnwelcome,
  }
}

function withPeerId(text: string, peerId: PeerId): Multiaddr {
  return multiaddr(text.includes('/p2p/') ? text : `${text}/p2p/${peerId}`)
}
