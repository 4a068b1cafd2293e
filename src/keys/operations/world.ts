import type { PeerId, Secret } from '../../base/index.ts'
import type { SigningKey } from '../../crypto/index.ts'
import type { KeyRecord, VersionRecord } from '../records.ts'

/** The agreed records, as this node has applied them. */
export interface KeyDirectory {
  keyByName(name: string): KeyRecord | undefined
  keyById(keyId: Uint8Array): KeyRecord | undefined
  version(keyId: Uint8Array, version: number): VersionRecord | undefined
}

/** What a holder needs of its node. */
export interface HolderWorld extends KeyDirectory {
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  readonly identity: SigningKey
  /** Which start of this node this is: with a count, it names every nonce pair that the node ever makes. */
  readonly startCounter: number
  /** The share itself, lent: the holder neither keeps nor wipes it. Undefined while it has not arrived. */
  share(keyId: Uint8Array, version: number, generation: number, slot: number): Secret | undefined
}

/** What a gateway needs of its node. */
export interface GatewayWorld extends KeyDirectory {
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  /** The agreed trust score from 0 to 1; 0, as for a convicted node, means: never ask it. */
  trust(peerId: PeerId): number
  /** What the coordinator's plan says an answer of this holder should take; undefined while there is no current plan. */
  plannedMs(peerId: PeerId): number | undefined
}
