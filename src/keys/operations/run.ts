import type { OstrakaError, PeerId } from '../../base/index.ts'
import type { Element } from '../../crypto/index.ts'
import type {
  NonceCommitment,
  OperationRequest,
  Partial,
  PartialRequest,
  Signed,
  SlotCommitment,
  Token,
} from '../../wire/index.ts'
import type { ChosenHolder } from './choosing.ts'
import type { VersionMaterial } from './material.ts'
import type { CheckedRequest } from './request.ts'

/** One client request on its way through the gateway. Changed in place until `isDone`. */
export interface Run {
  /** `operation/<number>`: its timer, and the beginning of its calls' tokens. */
  readonly id: string
  /** The client's. */
  readonly token: Token
  readonly signed: Signed<OperationRequest>
  readonly startedMs: number
  readonly deadlineMs: number
  checked: CheckedRequest
  material: VersionMaterial
  work: EvaluationWork | SigningWork
  /** Holders that are out of this run, for good or for a while. */
  readonly excluded: Map<PeerId, Exclusion>
  /** How often a holder has refused as one does that has not applied the newest blocks. */
  readonly lags: Map<PeerId, number>
  /** Holders that had lost the nonces we named, once each. */
  readonly forgetful: Set<PeerId>
  /** Partial calls sent, by holder; a holder serves one request only so often. */
  readonly asked: Map<PeerId, number>
  /** Holders that have given something usable. */
  readonly answered: Set<PeerId>
  /** In flight. */
  readonly calls: Set<Call>
  timerAtMs: number | null
  isDone: boolean
}

export interface Exclusion {
  readonly error: OstrakaError
  /** When it may be asked again; null: not in this run. */
  readonly againAtMs: number | null
}

/** One request to a holder, in flight. */
export interface Call {
  readonly token: Token
  readonly to: PeerId
  readonly purpose: 'partial' | 'nonces'
  /** Undefined for nonces ahead of need. */
  readonly run: Run | undefined
  readonly material: VersionMaterial
  /** The slots that are to answer. */
  readonly slots: readonly number[]
  /** Nonce commitments expected for each of these slots. */
  readonly coming: number
  /** Multiplications at the holder, roughly: what the answer's time must be seen against. */
  readonly size: number
  readonly sentMs: number
  /** When the holder is slower than its usual; after that, when it is next thought of replacing it. */
  hedgeAtMs: number
  readonly request: PartialRequest | undefined
  readonly attempt: Attempt | undefined
  /** Slower than its usual. */
  isSlow: boolean
  /** And no longer counted on. */
  isLate: boolean
}

/** derive and decrypt: verified partials, from whoever answers first. */
export interface EvaluationWork {
  readonly type: 'evaluate'
  readonly good: Map<number, GoodPartial>
}

export interface GoodPartial {
  readonly slot: number
  readonly elements: readonly Element[]
  readonly proof: { readonly challenge: Uint8Array; readonly response: Uint8Array }
}

/** sign: attempts, each with its own set of signers and nonces; the first to finish wins. */
export interface SigningWork {
  readonly type: 'sign'
  readonly attempts: Attempt[]
}

export interface Attempt {
  readonly signers: readonly ChosenHolder[]
  /** By slot, one for each input. */
  readonly commitments: Map<number, readonly NonceCommitment[]>
  packages: readonly (readonly SlotCommitment[])[] | undefined
  /** By slot: the signature shares, one for each input. */
  readonly shares: Map<number, readonly Uint8Array[]>
  /** What each signer sent, in case it convicts. */
  readonly answers: Map<PeerId, { readonly call: Call; readonly partial: Signed<Partial> }>
  isDead: boolean
}

export function emptyWork(operation: OperationRequest['operation']): EvaluationWork | SigningWork {
  return operation === 'sign' ? { type: 'sign', attempts: [] } : { type: 'evaluate', good: new Map() }
}
