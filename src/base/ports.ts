import type { OstrakaError } from './errors.ts'
import type { PeerId } from './identity.ts'

/** Time as the driver sees it. Real and virtual clocks implement it; pure code is handed `nowMs` instead. */
export interface Clock {
  /** Milliseconds since the Unix epoch, as this host believes. */
  nowMs(): number
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  schedule(delayMs: number, task: () => void): () => void
}

/** One durable key-value change; `value: null` deletes. Keys are text paths such as `block/000000000012`. */
export interface Write {
  readonly key: string
  readonly value: Uint8Array | null
}

/** Durable storage. A write is atomic over its whole batch, and survives a power cut once it resolves when `sync`. */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>
  /** All entries whose key starts with `prefix`, ascending by key, from `from` on, at most `limit`. */
  scan(
    prefix: string,
    options?: { readonly from?: string; readonly limit?: number },
  ): Promise<ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>>
  /** Errors: `storage_full`, `storage_corrupt`. */
  write(batch: readonly Write[], options: { readonly sync: boolean }): Promise<void>
  close(): Promise<void>
}

/** What a transport does with what arrives. */
export interface TransportHandlers {
  /** A one-way frame. */
  message(from: PeerId, frame: Uint8Array): void
  /** A request; resolves to the answer's frame. A rejection reaches the asker as that error. */
  request(from: PeerId, frame: Uint8Array): Promise<Uint8Array>
  /** A peer's connection came up or went down. */
  peer(peerId: PeerId, isConnected: boolean): void
  /** A peer was disconnected for what it did, and is kept away for a while. */
  sentAway?(peerId: PeerId): void
}

/** Authenticated frames between members. */
export interface Transport {
  start(handlers: TransportHandlers): Promise<void>
  /** Best effort: queued, dropped when the peer is unreachable or its queue is full. Frames to one peer keep their order. */
  send(to: PeerId, frame: Uint8Array): void
  /** Errors: `unreachable`, `deadline_exceeded`, `overloaded`, and whatever code the peer answered with. */
  request(to: PeerId, frame: Uint8Array, deadlineMs: number): Promise<Uint8Array>
  /** Closes the connection to a peer that asks too much, and takes and makes none for so long. */
  cutOff(peerId: PeerId, forMs: number): void
  stop(): Promise<void>
}

/** Keeps a peer away that misbehaved. */
export interface PeerGate {
  /** Closes the peer's connections, and neither dials nor accepts it for so long. */
  disconnect(peerId: PeerId, forMs: number, reason: string): void
}

/**
 * The result of looking at a gossiped message before it is forwarded. `reject` counts against the neighbour that sent it, and is
 * for what every node refuses whatever its state or clock: form and signature. All other refusals are `ignore`.
 */
export type GossipVerdict = 'accept' | 'ignore' | 'reject'

/** Flooded messages by topic, of which the network has a closed list. They must say by themselves whose they are: a message comes from whoever passes it on. */
export interface Gossip {
  /**
   * `judge` runs before a message is forwarded; what it accepts it must also consume. `from` is the neighbour that it
   * came from, which need not be its author.
   */
  subscribe(topic: string, judge: (from: PeerId, message: Uint8Array) => GossipVerdict): void
  publish(topic: string, message: Uint8Array): void
}

/** The DHT: immutable records under content keys. */
export interface RecordStore {
  /** `key` is the record's, in hexadecimal: it follows from the record's content. Resolves when stored locally and offered to peers. */
  put(key: string, record: Uint8Array): Promise<void>
  /** Looks locally, then among peers; undefined when nobody has it. */
  get(key: string): Promise<Uint8Array | undefined>
}

/** A result that carries its error instead of throwing it. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: OstrakaError }
