import type { PeerId } from '../base/index.ts'
import type { KeyKind, PolicyRule } from '../wire/index.ts'

/**
 * What the ledger holds about keys. Paths:
 *   key/<name>                      KeyRecord
 *   key-name/<keyId hex>            { name }
 *   version/<keyId hex>/<version>   VersionRecord
 *   ceremony/<id hex>               CeremonyRecord, while it is open
 *   deal/<ceremony hex>/<dealer>    DealRecord, while it is open
 *   ceremonies                      OpenCeremonies
 *   conviction/<peerId>             ConvictionRecord
 */
export interface KeyRecord {
  readonly name: string
  readonly keyId: Uint8Array
  readonly kind: KeyKind
  /** The principal that created the key and owns its policy. */
  readonly owner: Uint8Array
  readonly rules: readonly PolicyRule[]
  readonly policyRevision: number
  readonly isExportable: boolean
  readonly entropy: number
  readonly threshold: number
  /** Slots wanted; a version may hold fewer while nodes are too few. */
  readonly shares: number
  /** The active version; 0 until the first ceremony has ended well. */
  readonly activeVersion: number
  /** The open ceremony's id; empty when there is none. */
  readonly ceremony: Uint8Array
  /** Why the last ceremony failed; empty after a success. */
  readonly lastFailure: string
}

export interface Slot {
  readonly slot: number
  readonly peerId: PeerId
}

export interface RecipientSlot extends Slot {
  readonly sealingKey: Uint8Array
}

/** One dealer whose polynomial is part of a version, and where its sealed shares lie in the DHT. */
export interface VersionDealer {
  readonly dealer: Uint8Array
  /** Its own Feldman commitments: what a holder that comes late checks its share against. */
  readonly commitments: readonly Uint8Array[]
  readonly recordHash: Uint8Array
}

export interface VersionRecord {
  readonly keyId: Uint8Array
  readonly version: number
  readonly state: 'active' | 'archived' | 'destroyed'
  readonly ceremony: Uint8Array
  /** As a standard client takes it: 32 bytes, x-only for secp256k1, the u-coordinate for x25519. */
  readonly publicKey: Uint8Array
  readonly threshold: number
  readonly slots: readonly Slot[]
  /** Feldman commitments of the joint polynomial, t group elements. */
  readonly commitments: readonly Uint8Array[]
  readonly dealers: readonly VersionDealer[]
  readonly height: number
}

export interface CeremonyRecord {
  readonly id: Uint8Array
  readonly name: string
  readonly keyId: Uint8Array
  readonly version: number
  readonly kind: KeyKind
  readonly origin: 'generate' | 'import'
  readonly threshold: number
  readonly slots: readonly RecipientSlot[]
  /** Public keys of those who are to deal: the holders' nodes, or the importing principal. */
  readonly dealers: readonly Uint8Array[]
  readonly stage: 'dealing' | 'acknowledging'
  /** Block time at which the stage is settled with what there is. */
  readonly deadlineMs: number
  readonly dealt: readonly Uint8Array[]
  readonly disqualified: readonly Uint8Array[]
  readonly acknowledged: readonly { readonly peerId: PeerId; readonly dealers: readonly Uint8Array[] }[]
}

export interface DealRecord {
  readonly dealer: Uint8Array
  readonly commitments: readonly Uint8Array[]
  readonly recordHash: Uint8Array
}

export interface OpenCeremonies {
  readonly ids: readonly Uint8Array[]
}

/** A node that proof has convicted. Names it for good. */
export interface ConvictionRecord {
  readonly peerId: PeerId
  readonly reason: 'equivocation' | 'bad_dealing' | 'bad_partial' | 'false_complaint'
  readonly height: number
  /** Hash of the transaction that carried the proof. */
  readonly transactionId: Uint8Array
}
