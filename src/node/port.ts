import type { PeerId } from '../base/index.ts'
import type { AttestationRecord, AttestationStanding } from '../control/index.ts'
import type { AuditLoss, AuditRecord, Draws, ExportResult, OperationResult } from '../keys/index.ts'
import type {
  ApprovalTransaction,
  AttestationMethod,
  CertifiedBlock,
  Genesis,
  KeyKind,
  Load,
  Location,
  Observation,
  OperationRequest,
  PolicyRule,
  Quota,
  Signed,
  SignedTransaction,
  StateProof,
  VersionState,
} from '../wire/index.ts'
import type { AuditPage } from './audit-store.ts'
import type { ProofSubject } from './proving.ts'

/** The narrow port through which HTTP sees the node. Every rejection is an OstrakaError. */
export interface NodePort {
  readonly networkId: Uint8Array
  readonly peerId: PeerId
  status(): StatusView
  /** Why this node cannot serve operations; empty when it can. */
  complaints(): readonly string[]
  /** Why it cannot take control changes all the same; empty when nothing is known against it. */
  shortcomings(): readonly string[]
  peers(): readonly PeerView[]
  /** Every member there is or was. */
  members(): readonly MembershipView[]
  /** The document that the network began with. */
  readonly genesis: Genesis
  trust(): TrustView
  /** What the network asks of its members' hosts, and how they stand. */
  attestation(): AttestationView
  /** An epoch's randomness with what proves it, the newest for 0; undefined when it is not kept, or not drawn yet. */
  randomness(epoch: number): RandomnessView | undefined
  /** At most `limit` keys by name, those after the name `after`. */
  keys(after: string, limit: number): readonly KeyView[]
  keyCount(): number
  key(name: string): KeyView | undefined
  /** Whether its policy lets anybody read this key and what proves it. */
  isPublicKey(name: string): boolean
  /**
   * Whether a principal that signs its own reads may read: operators, creators and members anything; others a key that
   * they own or that its policy names them for.
   */
  mayRead(principal: Uint8Array, keyName: string | undefined): boolean
  /** Certified blocks from height `from` on. Errors: `not_found { lowest }` when they are pruned here. */
  blocks(from: number, limit: number): Promise<readonly CertifiedBlock[]>
  /** Errors: `not_ready` until this node has applied a block. */
  prove(subject: ProofSubject): StateProof
  /** Proofs of who votes, one for each change of that set that this node has seen, from a height on. */
  handovers(from: number, limit: number): Promise<readonly StateProof[]>
  /** This node's audit log from entry `from` on, with proofs. Errors: `storage_corrupt` where it is not whole. */
  audit(from: number, limit: number): Promise<AuditView>
  /** The checkpoints of all nodes' audit logs that the control log has recorded. */
  auditCheckpoints(): readonly AuditCheckpointView[]
  /** The audit logs that operators have written off, of all nodes. */
  auditLosses(): readonly AuditLossView[]
  /** Calls back after every applied block, for followers; the returned function ends it. */
  onBlock(listener: (block: CertifiedBlock) => void): () => void
  /**
   * Hands a transaction to the control log and resolves when a block holds it.
   * Errors: whatever the reducer refuses it with; `no_quorum { needed, answered }`.
   */
  submit(
    transaction: SignedTransaction,
  ): Promise<{ readonly transactionId: Uint8Array; readonly height: number }>
  /** Resolves when the newest ceremony of this key has made a version; rejects with `ceremony_aborted` otherwise. */
  ceremonyEnd(name: string): Promise<KeyView>
  /** Resolves when the import ceremony of `name` waits for its dealing: to whom the client must deal. */
  importPlan(name: string): Promise<ImportPlan>
  /** Stores a sealed dealing's record where its holders will look for it. */
  putRecord(record: Uint8Array): Promise<void>
  /**
   * Runs one operation on shares: policy, holders, partials, combination, verification. When `signal` aborts, nobody
   * waits any more: the operation is given up and its place is free. Errors: also `overloaded { limit, retryAfterMs }`.
   */
  operate(request: Signed<OperationRequest>, signal?: AbortSignal): Promise<OperationResult>
  /** The principals that operators or the genesis have let create keys, and those they no longer do. */
  creators(): readonly CreatorView[]
  /** What was put before the operators, and what became of it. */
  approvals(): ApprovalsView
  /** Calls back at every step of an exceptional act; the returned function ends it. */
  onNotice(listener: (notice: Notice) => void): () => void
  /**
   * Every holder's shares for an export that is in use, each sealed to its one-time key.
   * Errors: `not_found`, `unauthorized`, `expired`, `not_exportable`, `insufficient_shares`.
   */
  exportShares(proposal: Uint8Array): Promise<ExportResult>
  counters(): Readonly<Record<string, number>>
}

export interface StatusView {
  readonly networkId: string
  readonly name: string
  readonly peerId: PeerId
  readonly software: string
  readonly height: number
  /** The lowest block of the control log that this node still has; older ones are pruned under its snapshot. */
  readonly lowest: number
  readonly epoch: number
  readonly coordinator: PeerId
  readonly validators: readonly PeerId[]
  readonly members: readonly MemberView[]
  /** Members that the control log has convicted, with what of. */
  readonly convictions: readonly ConvictionView[]
  /** How far the other members' clocks are ahead of this node's, by their median; null while fewer than two are heard. */
  readonly clockOffsetMs: number | null
  /** What operators should look at; nothing of it keeps the node from serving. */
  readonly warnings: readonly string[]
  /** What waits for operators, or, approved, for its proposer. */
  readonly approvals: readonly ProposalView[]
}

export interface CreatorView {
  readonly principal: Uint8Array
  readonly isAllowed: boolean
  /** Of the record that a grant replaces. */
  readonly revision: number
  /** What it may have: its own quota or the network's. */
  readonly quota: Quota
  /** What it has: versions that are not destroyed, and creations that wait. */
  readonly usage: { readonly versions: number; readonly queued: number }
}

/** An act as JSON takes it: ids in hexadecimal, keys in base64. */
export type ActView =
  | {
      readonly type: 'export-key'
      readonly name: string
      readonly version: number
      readonly keyId: string
      readonly recipient: string
    }
  | { readonly type: 'remove-member'; readonly peerId: PeerId }
  | { readonly type: 'set-attestation'; readonly revision: number; readonly policy: AttestationPolicyView }
  | { readonly type: 'reset-audit'; readonly peerId: PeerId; readonly generation: number }
  | {
      readonly type: 'destroy-version'
      readonly name: string
      readonly keyId: string
      readonly version: number
    }

export interface ProposalView {
  /** Hexadecimal. */
  readonly id: string
  /** base64, as all principals. */
  readonly proposer: string
  readonly act: ActView
  readonly reason: string
  readonly expiresMs: number
  /** `open`, `approved`, `done`, `withdrawn` or `expired`. */
  readonly state: string
  /** How many operators it takes, and which have approved. */
  readonly needed: number
  readonly approvals: readonly string[]
  /** Where and when (block time) it was proposed. */
  readonly height: number
  readonly timeMs: number
  /** Block time of its end; 0 until then. */
  readonly closedMs: number
}

export interface ApprovalsView {
  readonly needed: number
  readonly operators: readonly string[]
  /** Oldest first; those that are over for a month. */
  readonly proposals: readonly ProposalView[]
}

/** One step of an exceptional act, as every node tells its operators. */
export interface Notice {
  readonly type: ApprovalTransaction['type']
  /** Who signed it. */
  readonly by: string
  /** The block that holds it, and its time. */
  readonly height: number
  readonly timeMs: number
  /** As that block leaves it. */
  readonly proposal: ProposalView
}

export interface ConvictionView {
  readonly peerId: PeerId
  readonly reason: string
  readonly height: number
}

export interface MemberView {
  readonly peerId: PeerId
  readonly region: string
  /** `self`, `connected`, `unreachable`, `joining`, `suspended`, `removed` or `convicted`. */
  readonly state: string
  readonly trust: number
  /** Median of recent pings; null while unknown. */
  readonly roundTripMs: number | null
  /** How its host stands with the attestation policy: only `unrequired` and `accepted` members are given slots. */
  readonly attestation: AttestationStanding
}

/** A member as the control log has it. */
export interface MembershipView {
  readonly peerId: PeerId
  readonly region: string
  /** `joining` (admitted, not there yet), `active`, `suspended` or `removed`. */
  readonly state: string
  /** Whether it votes on the next block. */
  readonly isValidator: boolean
  readonly trust: number
  /** 0 for the founders. */
  readonly joinedHeight: number
  readonly addresses: readonly string[]
  readonly attestation: AttestationStanding
}

/** An attestation policy; hashes in hexadecimal, as operators read, compare and type them. */
export interface AttestationPolicyView {
  readonly method: AttestationMethod
  readonly maxAgeEpochs: number
  readonly measurements: readonly string[]
  readonly attestationKeys: readonly string[]
}

/** The attestation policy, and every member's last attestation that held. */
export interface AttestationView {
  readonly epoch: number
  readonly revision: number
  readonly policy: AttestationPolicyView
  /** Members that could hold slots, and those of them that the policy accepts. */
  readonly eligible: number
  readonly accepted: number
  /** Whether slots leave members that are not accepted: not while those are too many. */
  readonly isMoving: boolean
  readonly members: readonly {
    readonly peerId: PeerId
    readonly standing: AttestationStanding
    readonly record: AttestationRecord | null
  }[]
}

/** A member as its last beacon shows it. */
export interface PeerView extends MemberView {
  readonly software: string | null
  readonly location: Location
  readonly height: number | null
  readonly load: Load | null
  /** The first 8 bytes of what it measures now, in hexadecimal: of the program, and with a TPM of the platform. */
  readonly measurements: readonly string[]
  readonly beaconAgeMs: number | null
  /** How far its clock is ahead of this node's, by its beacons; null while none was heard. */
  readonly clockOffsetMs: number | null
}

/** r_epoch, which ranks the validators, and what it was made of. */
export interface RandomnessView extends Partial<Draws> {
  readonly epoch: number
  readonly value: Uint8Array
  /** The block that opened the epoch. */
  readonly height: number
  /** `key`: see the partials. `fallback`: too few of them came in time. `certificate`: there was no key yet. */
  readonly source: 'key' | 'fallback' | 'certificate'
  /** fallback: the value of the epoch before, of which this one is the hash. */
  readonly previous?: Uint8Array
  /** By what the validators are ranked now. */
  readonly inUse: { readonly epoch: number; readonly seed: Uint8Array }
}

/** The trust vector and what it is made of. */
export interface TrustView {
  /** The epoch at whose opening the vector was last settled. */
  readonly epoch: number
  readonly scores: readonly {
    readonly peerId: PeerId
    /** `active`, `suspended` or `removed`. */
    readonly state: string
    /** 0 to 1: the weight in rotation and in the choice of holders. */
    readonly score: number
    readonly attestation: AttestationStanding
    /** The median of what the others last said, before smoothing. */
    readonly opinion: number
    /** Pieces of evidence it sent that proved nothing. */
    readonly fines: number
  }[]
  /** Each member's latest report; whom it leaves out has kept every promise. */
  readonly reports: readonly {
    readonly reporter: PeerId
    readonly epoch: number
    readonly observations: readonly Observation[]
  }[]
  readonly convictions: readonly (ConvictionView & {
    /** Of the transaction that carried the proof. */
    readonly transactionId: string
  })[]
}

export interface KeyView {
  readonly name: string
  readonly kind: KeyKind
  readonly keyId: string
  /** 0 while the first version is being made. */
  readonly version: number
  /** Raw: 32 bytes (x-only for secp256k1); empty while version is 0. */
  readonly publicKey: Uint8Array
  readonly threshold: number
  readonly shares: number
  /** Counts the share sets that the current version has had: refreshes, reshares and repairs. */
  readonly generation: number
  /** Who holds which slot of the current version. */
  readonly holders: readonly { readonly slot: number; readonly peerId: PeerId }[]
  /** `creating`, `active`, `degraded` (fewer slots than wanted), or the state of a current version that is not active. */
  readonly state: string
  readonly isExportable: boolean
  readonly entropy: number
  readonly owner: Uint8Array
  readonly rules: readonly PolicyRule[]
  readonly isPublic: boolean
  readonly policyRevision: number
  readonly versions: readonly {
    readonly version: number
    readonly state: VersionState
    /** How often its owner has retired or kept it. */
    readonly revision: number
    /** archived: when its use ends; 0 means not by itself. */
    readonly retainUntilMs: number
    /** pending-destruction: when it is destroyed. */
    readonly destroyAtMs: number | null
    readonly publicKey: Uint8Array
    readonly height: number
    readonly generation: number
    /** Who dealt, and the Feldman commitments A_0 … A_{t-1} of the joint polynomial. */
    readonly dealers: readonly PeerId[]
    readonly commitments: readonly Uint8Array[]
  }[]
}

/** A recorded checkpoint, and the same as a C2SP signed note. */
export interface AuditCheckpointView extends AuditRecord {
  readonly note: string
}

export interface AuditLossView extends AuditLoss {
  readonly peerId: PeerId
  readonly generation: number
}

export interface AuditView extends AuditPage {
  readonly peerId: PeerId
  readonly generation: number
  readonly origin: string
  readonly checkpoint: AuditCheckpointView | null
}

export interface ImportPlan {
  readonly keyId: Uint8Array
  readonly ceremony: Uint8Array
  readonly version: number
  readonly threshold: number
  readonly recipients: readonly {
    readonly slot: number
    readonly peerId: PeerId
    readonly sealingKey: Uint8Array
  }[]
}
