import { bech32 } from '@scure/base'
import type { AuditEntry } from '../audit/index.ts'
import { toBase64, toHex } from '../base/index.ts'
import {
  type CertifiedBlock,
  canonicalBytes,
  type PolicyRule,
  type Quota,
  type VersionState,
} from '../wire/index.ts'
import type {
  ApprovalsView,
  AttestationPolicyView,
  AttestationView,
  ImportPlan,
  KeyView,
  MembershipView,
  OperationResult,
  PeerView,
  ProposalView,
  StatusView,
  TrustView,
} from './port.ts'

/** Anything of bytes, numbers, text, lists and maps, with its bytes in base64. */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64(value)
  if (Array.isArray(value)) return value.map(jsonOf)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, jsonOf(inner)]))
  }
  return value
}

/** The age recipient (bech32 with the prefix `age`, C2SP age specification) of a raw X25519 public key. */
export function ageRecipient(publicKey: Uint8Array): string {
  return bech32.encodeFromBytes('age', publicKey)
}

/** The raw X25519 public key inside an `age1…` recipient, or undefined when the text is none. */
export function publicKeyOfRecipient(recipient: string): Uint8Array | undefined {
  try {
    const { prefix, bytes } = bech32.decodeToBytes(recipient)
    return prefix === 'age' && bytes.length === 32 ? bytes : undefined
  } catch {
    return undefined
  }
}

export interface KeyJson {
  readonly name: string
  readonly kind: string
  readonly keyId: string
  readonly version: number
  readonly generation: number
  readonly publicKey: string
  readonly recipient?: string
  readonly threshold: number
  readonly shares: number
  readonly holders: readonly { readonly slot: number; readonly peerId: string }[]
  readonly state: string
  readonly exportable: boolean
  readonly entropy: number
  readonly owner: string
  readonly policy: PolicyJson
  readonly versions: readonly VersionJson[]
}

export interface VersionJson {
  readonly version: number
  readonly state: VersionState
  /** How often its owner has retired or kept it. */
  readonly revision: number
  /** archived: when its use ends; 0 means not by itself. */
  readonly retainUntilMs: number
  /** pending-destruction: when it is destroyed. */
  readonly destroyAtMs: number | null
  readonly publicKey: string
  readonly generation: number
  readonly height: number
  readonly dealers: readonly string[]
  readonly commitments: readonly string[]
}

export interface RuleJson {
  readonly principal: string
  readonly operations: readonly string[]
  readonly ratePerMinute?: number
  readonly untilMs?: number
}

export interface PolicyJson {
  readonly revision: number
  readonly rules: readonly RuleJson[]
  /** Whether anybody may read the key and its proof. */
  readonly public: boolean
}

export function keyJson(key: KeyView): KeyJson {
  // a recipient is somebody to encrypt to: what is encrypted to a version that is leaving would be lost
  const serves = key.versions.some(({ version, state }) => version === key.version && state === 'active')
  const hasRecipient = key.kind === 'x25519' && serves
  return {
    name: key.name,
    kind: key.kind,
    keyId: key.keyId,
    version: key.version,
    generation: key.generation,
    publicKey: toBase64(key.publicKey),
    ...(hasRecipient ? { recipient: ageRecipient(key.publicKey) } : {}),
    threshold: key.threshold,
    shares: key.shares,
    holders: key.holders.map(({ slot, peerId }) => ({ slot, peerId })),
    state: key.state,
    exportable: key.isExportable,
    entropy: key.entropy,
    owner: toBase64(key.owner),
    policy: policyJson(key),
    versions: key.versions.map(version => ({
      version: version.version,
      state: version.state,
      revision: version.revision,
      retainUntilMs: version.retainUntilMs,
      destroyAtMs: version.destroyAtMs,
      publicKey: toBase64(version.publicKey),
      generation: version.generation,
      height: version.height,
      dealers: [...version.dealers],
      commitments: version.commitments.map(toBase64),
    })),
  }
}

export function policyJson(key: KeyView): PolicyJson {
  return { revision: key.policyRevision, rules: key.rules.map(ruleJson), public: key.isPublic }
}

function ruleJson(rule: PolicyRule): RuleJson {
  return { ...rule, principal: toBase64(rule.principal), operations: [...rule.operations] }
}

export interface PlanJson {
  readonly keyId: string
  readonly ceremony: string
  readonly version: number
  readonly threshold: number
  /** The principal that must deal: the one that opened the ceremony. */
  readonly dealer: string
  readonly recipients: readonly {
    readonly slot: number
    readonly peerId: string
    readonly sealingKey: string
  }[]
}

export function planJson(plan: ImportPlan, dealer: Uint8Array): PlanJson {
  return { ...(jsonOf(plan) as Omit<PlanJson, 'dealer'>), dealer: toBase64(dealer) }
}

export interface ProofJson {
  readonly slot: number
  readonly verifyingShare: string
  readonly elements: readonly string[]
  readonly challenge: string
  readonly response: string
}

export function proofsJson(result: OperationResult): { readonly proofs?: readonly ProofJson[] } {
  return result.proofs === undefined ? {} : { proofs: jsonOf(result.proofs) as readonly ProofJson[] }
}

/** Whether a principal may create keys. */
export interface CreatorJson {
  readonly principal: string
  readonly isAllowed: boolean
  readonly revision: number
  readonly quota: Quota
  readonly usage: { readonly versions: number; readonly queued: number }
}

/** The holders' answers to an export, each the canonical bytes of its signed, sealed shares. */
export interface ExportJson {
  readonly proposal: ProposalView
  readonly kind: string
  readonly generation: number
  readonly threshold: number
  readonly publicKey: string
  /** Feldman commitments of the generation's joint polynomial: what each share is checked against. */
  readonly commitments: readonly string[]
  readonly holders: readonly { readonly slot: number; readonly peerId: string }[]
  readonly answers: readonly string[]
}

export interface BlockJson {
  readonly height: number
  readonly blockId: string
  readonly block: unknown
  readonly certificate: unknown
}

export function blockJson(certified: CertifiedBlock): BlockJson {
  return {
    height: certified.block.header.height,
    blockId: toHex(certified.certificate.blockId),
    block: jsonOf(certified.block),
    certificate: jsonOf(certified.certificate),
  }
}

export interface AuditCheckpointJson {
  readonly peerId: string
  readonly generation: number
  readonly size: number
  readonly root: string
  readonly signature: string
  readonly height: number
  readonly timeMs: number
  /** A C2SP signed note. */
  readonly note: string
}

export interface AuditLossJson {
  readonly peerId: string
  readonly generation: number
  readonly size: number
  readonly root: string
  readonly height: number
  readonly timeMs: number
  readonly operator: string
}

export interface AuditRecordsJson {
  readonly checkpoints: readonly AuditCheckpointJson[]
  readonly losses: readonly AuditLossJson[]
}

export interface AuditJson {
  readonly peerId: string
  readonly generation: number
  readonly origin: string
  readonly size: number
  readonly root: string
  readonly checkpoint: AuditCheckpointJson | null
  readonly consistency: readonly string[]
  readonly entries: ReadonlyArray<{
    readonly sequence: number
    /** The leaf's canonical CBOR. */
    readonly bytes: string
    /** The same in JSON, its bytes in base64; null when it cannot be read. */
    readonly entry: AuditEntryJson | null
    readonly provenSize: number
    readonly proof: readonly string[]
  }>
}

export interface AuditEntryJson extends Omit<AuditEntry, 'principal' | 'requestHash'> {
  readonly principal?: string
  readonly requestHash?: string
}

export interface AttestationJson {
  readonly epoch: number
  readonly revision: number
  readonly policy: AttestationPolicyView
  readonly eligible: number
  readonly accepted: number
  readonly isMoving: boolean
  readonly members: readonly {
    readonly peerId: string
    readonly standing: string
    readonly method: string | null
    /** Hexadecimal, like all hashes here. */
    readonly measurements: readonly string[]
    readonly attestationKey: string | null
    readonly epoch: number | null
    readonly height: number | null
    /** Canonical CBOR in base64. */
    readonly statement: string | null
  }[]
}

export function attestationJson(view: AttestationView): AttestationJson {
  const { members, ...rest } = view
  return {
    ...rest,
    members: members.map(({ peerId, standing, record }) => ({
      peerId,
      standing,
      method: record?.method ?? null,
      measurements: record?.measurements.map(toHex) ?? [],
      attestationKey: record?.attestationKey === undefined ? null : toHex(record.attestationKey),
      epoch: record?.epoch ?? null,
      height: record?.height ?? null,
      statement: record === null ? null : toBase64(canonicalBytes(record.statement)),
    })),
  }
}

export interface RandomnessJson {
  readonly epoch: number
  readonly value: string
  readonly height: number
  readonly source: 'key' | 'fallback' | 'certificate'
  readonly previous?: string
  readonly version?: number
  readonly generation?: number
  readonly commitments?: readonly string[]
  readonly partials?: ReadonlyArray<{
    readonly slot: number
    readonly element: string
    readonly proof: { readonly challenge: string; readonly response: string }
  }>
  readonly inUse: { readonly epoch: number; readonly seed: string }
}

/** Views that hold no bytes go out as they are. */
export type StatusJson = StatusView
export type MembershipJson = MembershipView
export type PeerJson = PeerView
export type AttestationPolicyJson = AttestationPolicyView
export type ApprovalsJson = ApprovalsView
export type ProposalJson = ProposalView
export type TrustJson = TrustView
