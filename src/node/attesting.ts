import { equalBytes, toHex, toOstrakaError } from '../base/index.ts'
import {
  attestationOf,
  attestationPolicy,
  attestationStanding,
  type LedgerReader,
  type MemberRecord,
  quorumOf,
  viewLog,
} from '../control/index.ts'
import { signValue } from '../crypto/index.ts'
import { acceptedMembers, eligibleMembers, movesUnaccepted } from '../keys/index.ts'
import { type Attestor, attestationNonces, quoteChallenge, verifyStatement } from '../trust/index.ts'
import type {
  Attest,
  AttestationEvidence,
  AttestationPolicy,
  AttestationStatement,
  NoteEffect,
} from '../wire/index.ts'
import type { AttestationPolicyView, AttestationView } from './port.ts'
import { memberOf, type NodeState, reading } from './state.ts'

/** What this node knows of its own attestation. Changed in place. */
export interface Attesting {
  /** Undefined for a node that attests nothing. */
  readonly method: Attestor['method'] | undefined
  /** What it measures: nothing until the program has been read; the platform once its TPM has quoted it. */
  measurements: readonly Uint8Array[]
  /** The epoch whose challenge was last tried: once an epoch is enough. */
  triedEpoch: number
  /** Whether this process has been heard yet: a platform may be another one after each start. */
  isHeard: boolean
  /** What operators have been told last. */
  warnings: string
}

export function createAttesting(method: Attestor['method'] | undefined): Attesting {
  return { method, measurements: [], triedEpoch: -1, isHeard: false, warnings: '' }
}

/** Asks the attestor for evidence; it comes back as an `attested` event with the same nonce. */
export interface AttestEffect {
  readonly type: 'attest'
  readonly nonce: Uint8Array
  readonly challenge: Uint8Array
}

/** An attestation is renewed at half its age: one epoch's failure is no reason to fall out of favour. */
const RENEW_AT = 0.5

/**
 * At a beat: what to ask the attestor for, if this node's attestation on record is none, of another program or method,
 * or half as old as the policy allows. Where the policy asks for nothing, one that stands is left alone.
 */
export function attestationDue(state: NodeState, nowMs: number): AttestEffect | undefined {
  const { attesting, ledger, networkId, options } = state
  const [program] = attesting.measurements
  const standing = memberOf(state, state.peerId)?.state ?? 'removed'
  if (program === undefined || standing === 'removed' || viewLog(state.log, nowMs).isSyncing) return undefined
  const reader = reading(ledger)
  const { epoch } = ledger.chain
  const [newest] = attestationNonces(reader)
  if (newest?.epoch !== epoch || attesting.triedEpoch >= epoch || !isDue(state, reader, program))
    return undefined
  attesting.triedEpoch = epoch
  const challenge = quoteChallenge(networkId, newest.nonce, options.identity.publicKey, program)
  return { type: 'attest', nonce: newest.nonce, challenge }
}

function isDue({ attesting, peerId, ledger }: NodeState, reader: LedgerReader, program: Uint8Array): boolean {
  const recorded = attestationOf(reader, peerId)
  if (recorded === undefined || recorded.method !== attesting.method) return true
  if (!equalBytes(recorded.measurements[0]!, program)) return true
  if (attesting.method === 'tpm2' && !attesting.isHeard) return true
  const { method, maxAgeEpochs } = attestationPolicy(reader).policy
  return method !== 'none' && ledger.chain.epoch - recorded.epoch >= Math.max(1, maxAgeEpochs * RENEW_AT)
}

/**
 * The statement for the control log, signed; it is checked as every node will check it, so that an operator reads here
 * what is wrong with a TPM. Errors: those of `verifyStatement`.
 */
export function statementOf(state: NodeState, nonce: Uint8Array, evidence: AttestationEvidence): Attest {
  const { attesting, networkId, options } = state
  const { identity } = options
  const value: AttestationStatement = { nonce, evidence }
  const statement = signValue(identity, 'attestation', networkId, value)
  const { measurements } = verifyStatement(networkId, identity.publicKey, [nonce], statement)
  attesting.measurements = measurements
  attesting.isHeard = true
  return { type: 'attest', statement }
}

export function attestationFailed(error: unknown): NoteEffect {
  const { code, message } = toOstrakaError(error)
  return { type: 'note', level: 'warn', text: `this node cannot attest: ${message}`, details: { code } }
}

export function policyView(policy: AttestationPolicy): AttestationPolicyView {
  const { measurements, attestationKeys } = policy
  return {
    ...policy,
    measurements: measurements.map(toHex),
    attestationKeys: attestationKeys.map(toHex),
  }
}

/** The policy, and every member's standing. */
export function attestationView(state: NodeState): AttestationView {
  const ledger = reading(state.ledger)
  const eligible = eligibleMembers(ledger).length
  const accepted = acceptedMembers(ledger).length
  const members = ledger.list<MemberRecord>('member/').map(({ value }) => value.peerId)
  const { revision, policy } = attestationPolicy(ledger)
  return {
    epoch: state.ledger.chain.epoch,
    revision,
    policy: policyView(policy),
    eligible,
    accepted,
    isMoving: movesUnaccepted(eligible, accepted),
    members: members.map(peerId => ({
      peerId,
      standing: attestationStanding(ledger, peerId),
      record: attestationOf(ledger, peerId) ?? null,
    })),
  }
}

/** What the policy keeps from happening, for operators to read; empty while nothing is wrong. */
export function attestationWarnings(state: NodeState): string[] {
  const ledger = reading(state.ledger)
  if (attestationPolicy(ledger).policy.method === 'none') return []
  const warnings: string[] = []
  const eligible = eligibleMembers(ledger).length
  const accepted = acceptedMembers(ledger).length
  if (!movesUnaccepted(eligible, accepted)) {
    const needed = `no slot leaves the others before ${quorumOf(eligible)} are`
    warnings.push(`the attestation policy accepts ${accepted} of ${eligible} members: ${needed}`)
  }
  const standing = attestationStanding(ledger, state.peerId)
  if (standing !== 'accepted') {
    warnings.push(`this node is given no slots: its attestation is ${standing.replaceAll('_', ' ')}`)
  }
  return warnings
}

/** A note when the warnings have changed. */
export function attestationNote(state: NodeState): NoteEffect | undefined {
  const warnings = attestationWarnings(state).join('; ')
  if (warnings === state.attesting.warnings) return undefined
  state.attesting.warnings = warnings
  const isOver = warnings === ''
  return {
    type: 'note',
    level: isOver ? 'info' : 'warn',
    text: isOver ? 'attestation is in order' : warnings,
    details: {},
  }
}
