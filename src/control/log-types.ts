import type { OstrakaError, Outcome, PeerId } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type {
  CertifiedBlock,
  CertifiedHeader,
  CommonEvent,
  Effect,
  Genesis,
  SignedTransaction,
  Token,
} from '../wire/index.ts'
import type { Reducer, TransactionResult } from './apply.ts'
import type { LedgerState } from './ledger.ts'
import type { Validator } from './rotation.ts'
import type { ProvableState } from './state-proofs.ts'

export interface LogLimits {
  /** Blocks between snapshots of a small state: bounds the replay after a restart. */
  readonly snapshotInterval: number
  /** Whole blocks kept under a snapshot, for those who lag: fewer bytes than the state, most often. */
  readonly keptBlocks: number
  /** Transactions, and their bytes, that wait for a block here. */
  readonly mempoolCount: number
  readonly mempoolBytes: number
  /** Recent blocks kept in memory for those who lag, by count and bytes. */
  readonly cacheCount: number
  readonly cacheBytes: number
}

export const DEFAULT_LIMITS: LogLimits = {
  snapshotInterval: 16,
  keptBlocks: 1024,
  mempoolCount: 8192,
  mempoolBytes: 16 * 1024 * 1024,
  cacheCount: 256,
  cacheBytes: 8 * 1024 * 1024,
}

export interface LogOptions {
  readonly genesis: Genesis
  /** This node's identity: its peer id and its votes. */
  readonly key: SigningKey
  readonly reducer: Reducer
  readonly limits?: Partial<LogLimits>
  /** An operator's word: after a loss, vote again as soon as enough validators have been heard of. */
  readonly acceptsVoteRisk?: boolean
}

export type LogEvent =
  | CommonEvent
  /** Once, after recovery: the machine answers with its timers and whatever it had sent before the crash. */
  | { readonly type: 'start' }
  | SubmitEvent
  /** What was read of this log in the node's store, by others than the log itself, is damaged. */
  | { readonly type: 'damaged'; readonly error: OstrakaError }
  /** A message of the gossip topic `blocks`. */
  | { readonly type: 'gossiped'; readonly from: PeerId; readonly bytes: Uint8Array }

/**
 * Hands a transaction to the network. Exactly one `included` or `not-included` effect with this token follows.
 * `deadlineMs`, counted from the event: after so long it fails at the latest, and at once with `no_quorum` while too few
 * validators are heard of. With null it is offered again and again until it is in a block or void.
 */
export interface SubmitEvent {
  readonly type: 'submit'
  readonly token: Token
  readonly transaction: SignedTransaction
  readonly deadlineMs: number | null
}

export type LogEffect = Effect | AppliedEffect | RestoredEffect | IncludedEffect | NotIncludedEffect

/** One for each block, in order, after the step that made it durable. */
export interface AppliedEffect {
  readonly type: 'applied'
  readonly certified: CertifiedBlock
  readonly results: readonly TransactionResult[]
  /** The state after the block. */
  readonly state: LedgerState
}

/** The state jumped to a snapshot that a peer served: the blocks up to it were not seen one by one. */
export interface RestoredEffect {
  readonly type: 'restored'
  readonly tip: CertifiedHeader
  readonly state: LedgerState
}

export interface IncludedEffect {
  readonly type: 'included'
  readonly token: Token
  readonly height: number
  /** A transaction that the reducer refused is in the block too, without effect: see `ok`. */
  readonly result: TransactionResult
}

/**
 * Errors: `no_quorum` { needed, answered }, `deadline_exceeded` (it may yet be included), `overloaded`,
 * `bad_signature`, and whatever the reducer would refuse it with.
 */
export interface NotIncludedEffect {
  readonly type: 'not-included'
  readonly token: Token
  readonly outcome: Extract<Outcome<never>, { readonly ok: false }>
}

/** What the node may read of the log at any time. */
export interface LogView {
  readonly height: number
  readonly epoch: number
  readonly state: LedgerState
  /** The newest block's header and certificate; null before the first. */
  readonly tip: CertifiedHeader | null
  /** The lowest height whose whole block is stored: below it there are headers, and a snapshot. */
  readonly lowest: number
  /** What the newest certificate proves; null until a block has been applied on a state that is here. */
  readonly provable: ProvableState | null
  /** Who leads now. */
  readonly coordinator: Validator
  readonly validators: readonly Validator[]
  readonly isValidator: boolean
  /** The running round; -1 while nobody wants a block. */
  readonly round: number
  /** Validators heard from lately, this node included, and how many a block needs. */
  readonly answering: number
  readonly needed: number
  readonly pending: number
  /** A peer is ahead and blocks are being fetched. */
  readonly isSyncing: boolean
  /**
   * What a loss still keeps this node from: `catching-up`, it does not know how far the network is; `abstaining`, it does
   * not vote yet.
   */
  readonly recovery: 'catching-up' | 'abstaining' | null
  /** Its own deeds up to this height may be forgotten; 0 when none are. */
  readonly forgottenHeight: number
  /** Blocks up to this height may come again though this node has acted on them before; 0 when none will. */
  readonly replayedHeight: number
}
