import type { Appended } from '../audit/index.ts'
import type { OstrakaError, Outcome, PeerId } from '../base/index.ts'
import type { LedgerState, ProvableState } from '../control/index.ts'
import type {
  AttestationEvidence,
  CertifiedBlock,
  CommonEvent,
  Effect,
  MeasuredLoad,
  OperationRequest,
  PersistEffect,
  ReplyEffect,
  Signed,
  SignedTransaction,
  SubmitEffect,
  Token,
} from '../wire/index.ts'
import type { AttestEffect } from './attesting.ts'
import type { Notice } from './port.ts'

/** What a node is told. */
export type NodeEvent =
  | CommonEvent
  | { readonly type: 'start' }
  | { readonly type: 'peer'; readonly peerId: PeerId; readonly isConnected: boolean }
  /** What was read of the control log on disk, for a client, could not be. */
  | { readonly type: 'damaged'; readonly error: OstrakaError }
  /** A certified block that gossip brought and `judgeBlock` accepted. */
  | { readonly type: 'gossiped'; readonly from: PeerId; readonly bytes: Uint8Array }
  /** The turn that a `continue` effect asked for. */
  | { readonly type: 'continue' }
  /** Frames of a peer were refused before they were read: what follows from that. */
  | { readonly type: 'exceeded' }
  /** Time for a beacon and for pings. */
  | { readonly type: 'beat'; readonly load: MeasuredLoad }
  /** From clients; each ends in one `resolve` with its token. */
  | { readonly type: 'operate'; readonly token: Token; readonly request: Signed<OperationRequest> }
  /** The client of this `operate` no longer waits. */
  | { readonly type: 'abandoned'; readonly token: Token }
  | {
      readonly type: 'submit'
      readonly token: Token
      readonly transaction: SignedTransaction
      readonly deadlineMs: number
    }
  | { readonly type: 'export'; readonly token: Token; readonly proposal: Uint8Array }
  | { readonly type: 'offer'; readonly token: Token; readonly record: Uint8Array }
  /** So many entries of the audit log are on disk; or why no more are. */
  | { readonly type: 'audited'; readonly size: number }
  | { readonly type: 'unaudited'; readonly error: OstrakaError }
  /** What the installed program measures. */
  | { readonly type: 'measured'; readonly program: Uint8Array }
  /** What came of an `attest` effect. */
  | {
      readonly type: 'attested'
      readonly nonce: Uint8Array
      readonly outcome: Outcome<AttestationEvidence>
    }

/** Answers a client. */
export interface ResolveEffect {
  readonly type: 'resolve'
  readonly token: Token
  readonly outcome: Outcome<unknown>
}

/** Work is left: a `continue` event is to follow once what the event loop has at hand is done. */
export interface ContinueEffect {
  readonly type: 'continue'
}

/** A peer's excess goes on: its connection is closed, and none taken from it for a while. */
export interface CutOffEffect {
  readonly type: 'cut-off'
  readonly peerId: PeerId
  readonly forMs: number
}

/** The state of the control log that clients are shown: all of it lies on this node's disk. */
export interface DurableState {
  readonly ledger: LedgerState
  /** What the certificate of that ledger's newest block proves; null right after a restored snapshot. */
  readonly provable: ProvableState | null
}

/** From here on clients are shown this state: what it was made of has been written by then. */
export interface DurableEffect {
  readonly type: 'durable'
  readonly state: DurableState
}

/** A block has been applied and is on disk; clients are shown the ledger after it. */
export interface BlockEffect {
  readonly type: 'block'
  readonly certified: CertifiedBlock
}

/** Tells operators of an exceptional act. */
export interface NoticeEffect {
  readonly type: 'notice'
  readonly notice: Notice
}

/** Appends to the audit log. Entries that are not urgent may wait for company. */
export interface AuditEffect {
  readonly type: 'audit'
  readonly appended: Appended
  readonly isUrgent: boolean
}

/**
 * What a secret was used for: it leaves once every urgent entry of the audit log so far is on disk, and when that
 * fails the error leaves in its place.
 */
export interface HeldEffect {
  readonly type: 'held'
  readonly effect: ReplyEffect | ResolveEffect
}

/** What one port does; its answer, if there is one, comes back as an event. */
export type PortEffect = Exclude<Effect, SubmitEffect | PersistEffect | ReplyEffect> | AttestEffect

/** What a node wants done. */
export type NodeEffect =
  | PortEffect
  | PersistEffect
  | ReplyEffect
  | ResolveEffect
  | DurableEffect
  | BlockEffect
  | ContinueEffect
  | CutOffEffect
  | NoticeEffect
  | AuditEffect
  | HeldEffect
