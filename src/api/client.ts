import type { PeerId, Secret } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type { Genesis, KeyKind, PolicyRule, SignedTransaction } from '../wire/index.ts'
import type { SecretForm } from './dealing-client.ts'
import type {
  ApprovalsJson,
  AttestationJson,
  AuditJson,
  AuditRecordsJson,
  BlockJson,
  CreatorJson,
  KeyJson,
  MembershipJson,
  PeerJson,
  PolicyJson,
  ProofJson,
  ProposalJson,
  RandomnessJson,
  StatusJson,
  TrustJson,
} from './json.ts'
import type { ChangeJson } from './routes-changes.ts'
import type { ProvenKey, Trust, Verified } from './trust.ts'

export interface ConnectOptions {
  /** Base URL of a daemon, such as `http://127.0.0.1:7801`, or its Unix socket: `unix:/run/ostraka.sock`. */
  readonly api: string
  /** A bearer token of that daemon. */
  readonly token?: string
  /** Signs every request itself instead: works with any daemon of the network. */
  readonly principal?: SigningKey
  /** How long an answer may take; two minutes unless told, which suits ceremonies. A late one ends its connection. */
  readonly timeoutMs?: number
  /** What the daemon's answers are proven by, where they can be: imports, exports, blinded derivation, `provenKey`. */
  readonly trust?: Trust
}

export interface NewKey {
  readonly name: string
  readonly kind: KeyKind
  readonly threshold: number
  readonly shares: number
  readonly rules?: readonly PolicyRule[]
  /** Whether anybody may read the key and its proof; not unless told. */
  readonly isPublic?: boolean
  readonly isExportable?: boolean
  readonly entropy?: number
}

export interface ExportRequest {
  /** For the operators. */
  readonly reason: string
  /** 0 or absent: the active version. */
  readonly version?: number
  readonly expiresMs: number
}

export interface ProposedExport {
  readonly proposal: ProposalJson
  /** Opens what the holders will seal; nobody else has it. The caller's to keep, and to wipe. */
  readonly oneTimeKey: Secret
  /** With `trust`: the certified state that has this very proposal. */
  readonly verified?: Verified
}

/** A key's secret, joined from its shares and checked against its public key. */
export interface ExportedSecret {
  readonly kind: KeyKind
  readonly version: number
  readonly publicKey: Uint8Array
  /** 32 bytes as `importKey` takes them in this form. The caller's to wipe. */
  readonly secret: Secret
  readonly form: SecretForm
  /** With `trust`: the certified state by whose public key the secret was checked. */
  readonly verified?: Verified
}

export interface Health {
  /** `ok` or `unavailable`. */
  readonly status: string
  /** Empty for who shows no credential, as the notices are. */
  readonly reasons: readonly string[]
  /** Exceptional acts that operators should look at. */
  readonly notices: readonly string[]
}

export interface OperationOptions {
  /** 0 or absent: the active version. */
  readonly version?: number
}

export interface Evaluated {
  /** Blinded derivation with `trust`: the certified state by whose commitments it was checked. */
  readonly verified?: Verified
  readonly version: number
  readonly outputs: readonly Uint8Array[]
}

export interface BlindEvaluated extends Evaluated {
  readonly proofs: readonly ProofJson[]
}

export interface Signatures {
  readonly version: number
  readonly publicKey: Uint8Array
  readonly signatures: readonly Uint8Array[]
}

/** What the control log has decided of a member, in the block at `height`. */
export interface MembershipDecision {
  readonly height: number
  readonly member: MembershipJson
}

/** A daemon's HTTP interface as typed calls. Every rejection is an OstrakaError with the daemon's code. */
export interface Client {
  readonly api: string
  health(): Promise<Health>
  metrics(): Promise<string>
  status(): Promise<StatusJson>
  peers(): Promise<readonly PeerJson[]>
  trust(): Promise<TrustJson>
  /** An epoch's randomness with its proofs, which are the caller's to check; the newest without one. */
  randomness(epoch?: number): Promise<RandomnessJson>
  /** Every member that there is or was. */
  members(): Promise<readonly MembershipJson[]>
  /** The attestation policy, and how every member stands with it. */
  attestation(): Promise<AttestationJson>
  /** Hands in a signed `set-attestation`. */
  setAttestation(
    transaction: SignedTransaction,
  ): Promise<{ readonly height: number; readonly attestation: AttestationJson }>
  genesis(): Promise<{ readonly genesis: Genesis; readonly addresses: readonly string[] }>
  /** Hands in a signed `join`. */
  admit(join: SignedTransaction): Promise<MembershipDecision>
  /** Hands in a signed `remove-member` or `leave`. */
  removeMember(peerId: PeerId, departure: SignedTransaction): Promise<MembershipDecision>
  keys(): Promise<readonly KeyJson[]>
  key(name: string): Promise<KeyJson>
  /**
   * A version of a key, 0 for the active one, as a quorum has certified it: in a state after block `above`. Errors:
   * `unproven`, without `trust` too.
   */
  provenKey(
    name: string,
    options?: { readonly version?: number; readonly above?: number },
  ): Promise<ProvenKey>
  /** Resolves when the key's first version is active. */
  createKey(key: NewKey): Promise<KeyJson>
  /** Shares `secret` (as `--secret-file` holds it) here and sends the sealed shares only; wipes nothing of the caller's. */
  importKey(
    key: NewKey,
    secret: Secret,
    form?: SecretForm,
  ): Promise<KeyJson & { readonly verified?: Verified }>
  /** Who may create keys. */
  creators(): Promise<readonly CreatorJson[]>
  /** Hands in a signed `grant-create`. */
  grantCreate(grant: SignedTransaction): Promise<CreatorJson>
  approvals(): Promise<ApprovalsJson>
  /** Hands in a signed `propose`, `approve` or `withdraw`. */
  stepApproval(step: SignedTransaction): Promise<ProposalJson>
  /** Takes back a proposal of one's own. */
  withdrawProposal(proposal: string): Promise<ProposalJson>
  /**
   * Asks the operators for an exportable key's secret, to be sealed to a one-time key that is made here. Errors: `unproven`
   * when the daemon has put something else before them.
   */
  proposeExport(name: string, request: ExportRequest): Promise<ProposedExport>
  /**
   * Uses an approved proposal: opens the holders' shares with its one-time key, checks and joins them. Errors: `unproven`
   * when the shares are, as the daemon has it, those of another key than the network's; and those of `openExport`.
   */
  collectExport(name: string, proposal: string, oneTimeKey: Secret): Promise<ExportedSecret>
  policy(name: string): Promise<PolicyJson>
  /** `revision` is that of the policy that is replaced. */
  setPolicy(
    name: string,
    revision: number,
    rules: readonly PolicyRule[],
    isPublic?: boolean,
  ): Promise<PolicyJson>
  /** Each resolves when its ceremony has ended well. */
  rotateKey(name: string): Promise<KeyJson>
  refreshKey(name: string): Promise<KeyJson>
  reshareKey(name: string, change: ChangeJson): Promise<KeyJson>
  /** Errors: `malformed` for a retention that is not to come. */
  archiveVersion(name: string, version: number, retainUntilMs?: number): Promise<KeyJson>
  /** The version is `pending-destruction` for as long as the network makes it wait, then destroyed. */
  destroyVersion(name: string, version: number): Promise<KeyJson>
  cancelDestroy(name: string, version: number): Promise<KeyJson>
  /** Asks the operators to destroy a version that waits for it without the rest of its waiting time. */
  proposeDestruction(
    name: string,
    version: number,
    asked: { readonly reason: string; readonly expiresMs: number },
  ): Promise<ProposalJson>
  sign(name: string, messages: readonly Uint8Array[], options?: OperationOptions): Promise<Signatures>
  derive(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Evaluates elements that the caller blinded; their proofs are the caller's to check. */
  evaluateBlinded(
    name: string,
    elements: readonly Uint8Array[],
    options?: OperationOptions,
  ): Promise<BlindEvaluated>
  /** Blinds, has evaluated, checks the proofs and finalizes: the same outputs as `derive`, unseen by the network. */
  deriveBlinded(name: string, inputs: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Raw X25519 shared secrets with the given public keys. */
  decrypt(name: string, encapsulations: readonly Uint8Array[], options?: OperationOptions): Promise<Evaluated>
  /** Blocks from a height on; with `waitMs`, waits that long for the first. */
  log(
    from: number,
    options?: { readonly limit?: number; readonly waitMs?: number },
  ): Promise<{ readonly height: number; readonly blocks: readonly BlockJson[] }>
  /** Entries of the daemon's audit log from one on, with their proofs. */
  audit(from: number, options?: { readonly limit?: number }): Promise<AuditJson>
  /** The last recorded checkpoint of every node's audit log, and the logs that were written off. */
  auditRecords(): Promise<AuditRecordsJson>
  /** Writes an audit log off, by a signed `reset-audit`. */
  resetAudit(reset: SignedTransaction): Promise<{ readonly height: number }>
  /** Hands in a signed `report-evidence`. */
  reportEvidence(report: SignedTransaction): Promise<{ readonly height: number }>
  /** Ends the pooled connections. */
  close(): void
}
