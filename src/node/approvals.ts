import { toBase64, toHex } from '../base/index.ts'
import {
  type AppliedEffect,
  liveProposals,
  type ProposalRecord,
  proposalIdOf,
  proposalPath,
  proposals,
} from '../control/index.ts'
import type { Act, ApprovalTransaction, SignedTransaction } from '../wire/index.ts'
import { policyView } from './attesting.ts'
import type { ActView, ApprovalsView, Notice, ProposalView } from './port.ts'
import { type NodeState, reading } from './state.ts'

/** One step of an exceptional act that a block holds, and the proposal as that block leaves it. */
export interface ApprovalStep {
  readonly type: ApprovalTransaction['type']
  readonly signer: Uint8Array
  readonly proposal: ProposalRecord
}

/** What this block says of exceptional acts; the state's ledger is the one after it. */
export function approvalSteps(state: NodeState, { certified, results }: AppliedEffect): ApprovalStep[] {
  return certified.block.transactions.flatMap((signed, index) => {
    const result = results[index]!
    const id = proposalOf(signed, result.transactionId)
    if (id === undefined || !result.ok) return []
    const proposal = state.ledger.records.get<ProposalRecord>(proposalPath(id))
    const type = signed.value.type as ApprovalStep['type']
    return proposal === undefined ? [] : [{ type, signer: signed.signer, proposal }]
  })
}

function proposalOf({ value }: SignedTransaction, transactionId: Uint8Array): Uint8Array | undefined {
  switch (value.type) {
    case 'propose':
      return proposalIdOf(transactionId)
    case 'approve':
    case 'withdraw':
    case 'use-approval':
      return value.proposal
    default:
      return undefined
  }
}

/** What operators are told of a step, at once and by every node. */
export function noticeOf(state: NodeState, { type, signer, proposal }: ApprovalStep): Notice {
  const { chain } = state.ledger
  const by = toBase64(signer)
  const view = proposalView(state, proposal)
  return { type, by, height: chain.height, timeMs: chain.timeMs, proposal: view }
}

function actView(act: Act): ActView {
  switch (act.type) {
    case 'export-key':
      return { ...act, keyId: toHex(act.keyId), recipient: toBase64(act.recipient) }
    case 'destroy-version':
      return { ...act, keyId: toHex(act.keyId) }
    case 'set-attestation':
      return { ...act, policy: policyView(act.policy) }
    case 'remove-member':
    case 'reset-audit':
      return act
  }
}

function proposalView(state: NodeState, proposal: ProposalRecord): ProposalView {
  const { id, proposer, act, approvals, ...rest } = proposal
  return {
    id: toHex(id),
    proposer: toBase64(proposer),
    act: actView(act),
    ...rest,
    needed: state.ledger.genesis.approvals,
    approvals: approvals.map(({ signer }) => toBase64(signer)),
  }
}

export function approvalsView(state: NodeState): ApprovalsView {
  const { operators, approvals: needed } = state.ledger.genesis
  const all = proposals(reading(state.ledger)).map(proposal => proposalView(state, proposal))
  return { needed, operators: operators.map(toBase64), proposals: all }
}

/** What waits for operators, or for its proposer to use it. */
export function pendingApprovals(state: NodeState): ProposalView[] {
  return liveProposals(reading(state.ledger)).map(proposal => proposalView(state, proposal))
}

/** The proposal as the ledger has it, for the audit log; undefined when there is none. */
export function recordOfProposal(state: NodeState, id: Uint8Array): ProposalRecord | undefined {
  return state.ledger.records.get<ProposalRecord>(proposalPath(id))
}
