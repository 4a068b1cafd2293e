import type { PeerId } from '../base/index.ts'
import type { Encapsulation, KeyKind, PolicyRule, VersionState } from '../wire/index.ts'

/**
 * What the ledger holds about keys. Paths:
 *   key/<name>                      KeyRecord
 *   key-name/<keyId hex>            { name }
 *   version/<keyId hex>/<version>   VersionRecord
 *   replaced/<keyId hex>/<version>  ReplacedRecord, for a while
 *   ceremony/<id hex>               CeremonyRecord, while it is open
 *   deal/<ceremony hex>/<place>     DealRecord, while it is open
 *   closed/<ceremony hex>           ClosedRecord, for two refresh periods
 *   handoff/<urgency>/<keyId hex>/<version>  { keyId, version }, in the queue
 *   queued/<keyId hex>/<version>    QueuedHandoff, until the version has new shares
 *   creation/<number, 16 digits>    QueuedCreation
 *   creations                       CreationsRecord
 *   sweep                           SweepRecord
 *   failures                        FailuresRecord
 *   sealing/<peerId>                SealingRecord
 *   conviction/<peerId>             ConvictionRecord
 *   retired/<keyId hex>/<version>   RetiredRecord, until the next block
 *   audit/<peerId>                  AuditRecord
 *   audit-losses/<peerId>           AuditLosses
 *   randomness/<epoch, 16 digits>   RandomnessRecord, see randomness/records.ts
 */
export interface KeyRecord {
  readonly name: string
  readonly keyId: Uint8Array
  readonly kind: KeyKind
  /** The principal that created the key and owns its policy. */
  readonly owner: Uint8Array
  readonly rules: readonly PolicyRule[]
  /** Whether daemons show this key to anybody. */
  readonly isPublic: boolean
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
  /** Why the last ceremony failed; empty after a success. Of a failed creation nothing stays but a FailuresRecord. */
  readonly lastFailure: string
}

export interface Slot {
  readonly slot: number
  readonly peerId: PeerId
}

export interface RecipientSlot extends Slot {
  /** The node's sealing key under which this slot's shares lie in the DHT. */
  readonly sealingKey: Uint8Array
}

/** Who is to deal, and what: a new secret (fromSlot 0), or the share of a slot it holds. */
export interface Dealer {
  readonly dealer: Uint8Array
  readonly fromSlot: number
}

/** One dealing that is part of a version, and where its sealed shares lie in the DHT. */
export interface VersionDealing extends Dealer {
  /** Its own Feldman commitments: what a holder that comes late checks its share against. */
  readonly commitments: readonly Uint8Array[]
  /** What its shares are sealed with, proven to be this dealer's. */
  readonly encapsulation: Encapsulation
  /** DHT key of its sealed shares: hashes their Merkle root with ceremony, dealer and slot, so no two dealings share it. */
  readonly recordHash: Uint8Array
}

/** The states from which a version can be destroyed. */
export type ServingState = Exclude<VersionState, 'pending-destruction' | 'destroyed'>

export interface VersionRecord {
  readonly keyId: Uint8Array
  readonly version: number
  /** Counts the share sets of one secret: 0 as created, one more with each refresh, reshare and repair. */
  readonly generation: number
  readonly state: VersionState
  /** How often its owner has archived it, had it destroyed, or called that off. */
  readonly revision: number
  /** archived: when its use ends; 0 means not by itself. */
  readonly retainUntilMs: number
  /** pending-destruction: when (block time) it is destroyed, and what it is again if that is called off. */
  readonly destruction?: { readonly atMs: number; readonly from: ServingState }
  /** The ceremony that made this generation. */
  readonly ceremony: Uint8Array
  /** As a standard client takes it: 32 bytes, x-only for secp256k1, the u-coordinate for x25519. */
  readonly publicKey: Uint8Array
  readonly threshold: number
  readonly slots: readonly RecipientSlot[]
  /** Feldman commitments of the joint polynomial, t group elements. */
  readonly commitments: readonly Uint8Array[]
  readonly dealings: readonly VersionDealing[]
  /** Where and when (block time) this generation became active. */
  readonly height: number
  readonly timeMs: number
}

/** What the shares before the present ones are judged by. */
export interface ReplacedRecord
  extends Pick<VersionRecord, 'generation' | 'threshold' | 'slots' | 'commitments'> {
  /** Block time at which it is forgotten. */
  readonly untilMs: number
}

export type Purpose = 'create' | 'import' | 'rotate' | 'refresh' | 'reshare' | 'repair'

export interface CeremonyRecord {
  readonly id: Uint8Array
  readonly name: string
  readonly keyId: Uint8Array
  readonly version: number
  readonly generation: number
  readonly kind: KeyKind
  readonly purpose: Purpose
  /** The principal whose quota it counts on; empty for one that the network opened by itself. */
  readonly creator: Uint8Array
  /** The block that opened it. */
  readonly height: number
  readonly threshold: number
  /** What the key wants from now on, once this ceremony has ended well. */
  readonly shares: number
  readonly slots: readonly RecipientSlot[]
  /** Places in this list name dealings everywhere else. */
  readonly dealers: readonly Dealer[]
  /** How many dealings must stand. For a handed-on secret the version takes exactly that many. */
  readonly dealingsNeeded: number
  readonly stage: 'dealing' | 'acknowledging'
  /** The block that began the stage. */
  readonly stageHeight: number
  /** Block time at which the stage is settled with what there is. */
  readonly deadlineMs: number
  readonly dealt: readonly number[]
  readonly disqualified: readonly number[]
  readonly acknowledged: readonly { readonly peerId: PeerId; readonly dealings: readonly number[] }[]
}

/** A ceremony as it is opened: its first stage begins with the block that opens it. */
export type NewCeremony = Omit<CeremonyRecord, 'stageHeight'>

export type DealRecord = VersionDealing

/** What a closed ceremony leaves: a hash of its slots with their sealing keys and of its dealings. */
export interface ClosedRecord {
  readonly digest: Uint8Array
  /** Block time at which it is forgotten. */
  readonly untilMs: number
}

/** What a handoff is to make of a version. */
export interface Handoff {
  readonly purpose: Purpose
  readonly creator: Uint8Array
  readonly threshold: number
  readonly shares: number
  readonly slots: readonly RecipientSlot[]
}

/** A version that the network itself is to hand on. */
export interface QueuedHandoff {
  readonly keyId: Uint8Array
  readonly version: number
  /** Its path in the queue; empty while its ceremony runs, or while it waits to be tried again. */
  readonly place: string
  readonly urgency: string
  /** Shares made before this block time are made anew though no slot lacks; 0 for a repair alone. */
  readonly staleBeforeMs: number
  /** How often it could not be opened, or was aborted. */
  readonly failures: number
}

/** A creation that waits for room. Its key has its name already, and the id of the ceremony to come. */
export interface QueuedCreation {
  readonly name: string
  readonly ceremony: Uint8Array
  readonly creator: Uint8Array
  readonly isImport: boolean
}

export interface CreationsRecord {
  /** The number of the next creation that has to wait. */
  readonly next: number
  readonly waiting: number
}

/** How far the search for versions that lack a slot has come. */
export interface SweepRecord {
  /** SHA-256 of the members that may hold slots and that may be given some, when it began. */
  readonly members: Uint8Array
  /** The path of the last version that was looked at; empty when the search is over. */
  readonly after: string
}

/** The latest creations that failed: their names are free again, and those who wait for them are told why. */
export interface FailuresRecord {
  readonly creations: readonly { readonly name: string; readonly reason: string; readonly height: number }[]
}

/** When a node last changed its sealing key, which stands in its member record. */
export interface SealingRecord {
  readonly revision: number
  readonly sinceMs: number
}

/** A version that the block at `height` destroyed, the last one. */
export interface RetiredRecord {
  readonly keyId: Uint8Array
  readonly version: number
  readonly height: number
}

/** A node that proof has convicted. Names it for good. */
export interface ConvictionRecord {
  readonly peerId: PeerId
  readonly reason: 'equivocation' | 'bad_dealing' | 'bad_partial' | 'false_complaint' | 'forked_audit'
  readonly height: number
  /** Hash of the transaction that carried the proof. */
  readonly transactionId: Uint8Array
}

/** The last checkpoint of a node's audit log that the control log holds. */
export interface AuditRecord {
  readonly peerId: PeerId
  /** Which of the node's logs: as many as were written off before. */
  readonly generation: number
  readonly size: number
  readonly root: Uint8Array
  /** The node's, over the C2SP note text. */
  readonly signature: Uint8Array
  readonly height: number
  readonly timeMs: number
}

/** The logs of one node that operators have written off, one for each generation from 0 on. */
export interface AuditLosses {
  readonly peerId: PeerId
  readonly losses: readonly AuditLoss[]
}

/** What is on record of a log that was written off: the head that it should have led to. */
export interface AuditLoss {
  readonly size: number
  readonly root: Uint8Array
  /** The block that wrote it off and began the next. */
  readonly height: number
  readonly timeMs: number
  /** The operator whose signature completed that. */
  readonly operator: Uint8Array
}
