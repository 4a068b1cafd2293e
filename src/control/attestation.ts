import { equalBytes, OstrakaError, type PeerId, toHex } from '../base/index.ts'
import type {
  AttestationAct,
  AttestationChange,
  AttestationMethod,
  AttestationPolicy,
  AttestationStatement,
  SetAttestation,
  Signed,
} from '../wire/index.ts'
import type { TransactionHandler } from './apply.ts'
import { type ActRule, operatorsRule } from './approvals.ts'
import type { Ledger, LedgerReader } from './ledger.ts'
import { requireOperators } from './operators.ts'
import { CHAIN_PATH, type ChainRecord } from './records.ts'

/*
 * What the ledger holds about attestation. Paths:
 *   attestation-policy        AttestationPolicyRecord
 *   attestation/<peerId>      AttestationRecord
 */
export const ATTESTATION_POLICY_PATH = 'attestation-policy'
export const ATTESTATION_PREFIX = 'attestation/'

export function attestationPath(peerId: PeerId): string {
  return `${ATTESTATION_PREFIX}${peerId}`
}

export interface AttestationPolicyRecord {
  readonly revision: number
  readonly policy: AttestationPolicy
}

/** A member's last statement that held, as the reducer found it. */
export interface AttestationRecord {
  readonly peerId: PeerId
  readonly method: Exclude<AttestationMethod, 'none'>
  /** The program's and, with a TPM, the platform's. */
  readonly measurements: readonly Uint8Array[]
  /** The epoch whose challenge it answers: its age counts from there. */
  readonly epoch: number
  readonly height: number
  /** The key that is pinned to this node: it stays when the node attests without its TPM for a while. */
  readonly attestationKey?: Uint8Array
  /** Whole, so that anyone can check it again. */
  readonly statement: Signed<AttestationStatement>
}

/** Nothing is asked for until operators decide otherwise. */
const NO_POLICY: AttestationPolicyRecord = {
  revision: 0,
  policy: { method: 'none', maxAgeEpochs: 20, measurements: [], attestationKeys: [] },
}

/** What the policy says of a member; all but `unrequired` and `accepted` keep it from being given slots. */
export type AttestationStanding =
  /** The policy asks for nothing. */
  | 'unrequired'
  | 'accepted'
  /** It has never attested. */
  | 'missing'
  /** Its attestation is older than the policy allows. */
  | 'stale'
  /** Its method is weaker than the one that is asked for. */
  | 'weak'
  /** A measurement is not among the accepted ones. */
  | 'unlisted'
  /** Its TPM's key is not among the accepted ones. */
  | 'unlisted_key'

export function attestationPolicy(ledger: LedgerReader): AttestationPolicyRecord {
  return ledger.get<AttestationPolicyRecord>(ATTESTATION_POLICY_PATH) ?? NO_POLICY
}

export function attestationOf(ledger: LedgerReader, peerId: PeerId): AttestationRecord | undefined {
  return ledger.get<AttestationRecord>(attestationPath(peerId))
}

/** How a member stands with the policy in the ledger's epoch. */
export function attestationStanding(ledger: LedgerReader, peerId: PeerId): AttestationStanding {
  const { policy } = attestationPolicy(ledger)
  const { epoch } = ledger.get<ChainRecord>(CHAIN_PATH)!
  return judgeAttestation(policy, attestationOf(ledger, peerId), epoch)
}

export function judgeAttestation(
  policy: AttestationPolicy,
  record: Pick<AttestationRecord, 'method' | 'measurements' | 'epoch' | 'attestationKey'> | undefined,
  epoch: number,
): AttestationStanding {
  const { method, maxAgeEpochs, measurements, attestationKeys } = policy
  if (method === 'none') return 'unrequired'
  if (record === undefined) return 'missing'
  if (epoch - record.epoch > maxAgeEpochs) return 'stale'
  if (method === 'tpm2' && record.method !== 'tpm2') return 'weak'
  if (!record.measurements.every(measurement => isListed(measurements, measurement))) return 'unlisted'
  if (record.method !== 'tpm2' || attestationKeys.length === 0) return 'accepted'
  const { attestationKey } = record
  return attestationKey !== undefined && isListed(attestationKeys, attestationKey)
    ? 'accepted'
    : 'unlisted_key'
}

export function isListed(list: readonly Uint8Array[], hash: Uint8Array): boolean {
  return list.some(listed => equalBytes(listed, hash))
}

/** Whether slots may go to it, as far as attestation decides. */
export function isAttested(ledger: LedgerReader, peerId: PeerId): boolean {
  const standing = attestationStanding(ledger, peerId)
  return standing === 'unrequired' || standing === 'accepted'
}

/**
 * Replaces the policy, when as many operators as the genesis asks for say so. Errors: those of `requireOperators` and
 * `requireReplaceable`.
 */
export const setAttestation: TransactionHandler<SetAttestation> = (ledger, transaction, at) => {
  const { revision, policy, approvals } = transaction
  const change: AttestationChange = { revision, policy }
  requireOperators(ledger, at.signer, approvals, 'attestation-policy', change)
  requireReplaceable(ledger, change)
  replacePolicy(ledger, change)
}

/**
 * The same, by operators who sign one after the other: proposed by one of them, done with the last approval. Errors:
 * `unauthorized` (proposed by no operator), and those of `requireReplaceable`.
 */
export const attestationRule: ActRule<AttestationAct> = operatorsRule<AttestationAct>(
  requireReplaceable,
  replacePolicy,
)

/** Errors: `conflict` { revision } when the policy has changed meanwhile, `malformed` for a hash that stands there twice. */
function requireReplaceable(ledger: LedgerReader, { revision, policy }: AttestationChange): void {
  const current = attestationPolicy(ledger)
  if (revision !== current.revision) {
    throw new OstrakaError('conflict', 'the policy has changed meanwhile', { revision: current.revision })
  }
  for (const list of [policy.measurements, policy.attestationKeys]) {
    if (new Set(list.map(toHex)).size !== list.length)
      throw new OstrakaError('malformed', 'a hash is listed twice')
  }
}

function replacePolicy(ledger: Ledger, { revision, policy }: AttestationChange): void {
  ledger.put(ATTESTATION_POLICY_PATH, { revision: revision + 1, policy } satisfies AttestationPolicyRecord)
}
