import { concat, equalBytes, OstrakaError, toHex, utf8 } from '../base/index.ts'
import { sha256, verifySigned } from '../crypto/index.ts'
import {
  type Act,
  type Approval,
  type Approve,
  type Consent,
  type Genesis,
  MAX_PROPOSAL_MS,
  type Propose,
  type UseApproval,
  type Withdraw,
} from '../wire/index.ts'
import type { TransactionContext, TransactionHandler, TransactionHandlers } from './apply.ts'
import type { DeadlineHandler } from './deadlines.ts'
import type { Ledger, LedgerReader } from './ledger.ts'
import { isOperator, requireOperator } from './operators.ts'
import { PROPOSAL_PREFIX, type ProposalRecord, proposalPath } from './records.ts'

/**
 * Every proposal that lives is an alarm at every operator's: more at once would only hide the one that matters. Operators
 * have room beside all others together: no key's owner, who can make principals at will, may keep them from acting.
 */
const MAX_LIVE = 64
const MAX_LIVE_PER_PROPOSER = 8

/** What was proposed and withdrawn again stays in the ledger, too. */
const MAX_A_DAY_PER_PROPOSER = 64
const DAY_MS = 24 * 3_600_000

/** What became of a proposal stays in the ledger for a month; the log itself keeps it for good. */
const KEPT_MS: number = 30 * 24 * 3_600_000

/** What one type of act demands and does. */
export interface ActRule<A extends Act> {
  /** `on-approval`: with the last approval. `on-use`: when its proposer says so, once, before the proposal expires. */
  readonly takesEffect: 'on-approval' | 'on-use'
  /** Whether `proposer` may do this now, but for the approvals. Asked when it is proposed, and again when it happens. */
  check(ledger: Ledger, act: A, proposer: Uint8Array): void
  enact(ledger: Ledger, act: A, at: TransactionContext): void
}

/** An act that operators alone propose, and that is done with the last approval. */
export function operatorsRule<A extends Act>(
  /** Whether it can be done at all, as things are. */
  requirePossible: (ledger: Ledger, act: A) => void,
  enact: ActRule<A>['enact'],
): ActRule<A> {
  return {
    takesEffect: 'on-approval',
    check(ledger, act, proposer) {
      requireOperator(ledger, proposer)
      requirePossible(ledger, act)
    },
    enact,
  }
}

export type ActRules = {
  readonly [K in Act['type']]: ActRule<Extract<Act, { readonly type: K }>>
}

/** A proposal's id: a transaction id holds the proposer's signature, so nobody can put another act under it. */
export function proposalIdOf(transactionId: Uint8Array): Uint8Array {
  return sha256(concat(utf8('ostraka/1/proposal\0'), transactionId))
}

export function consentTo({ id, proposer, act, reason, expiresMs }: ProposalRecord): Consent {
  return { proposal: id, proposer, act, reason, expiresMs }
}

/**
 * Whether as many distinct operators as the genesis asks for have signed this very proposal. The reducer has counted them
 * already; a holder counts again before it gives a share away, so that not even a forged ledger opens a key.
 */
export function isApproved(genesis: Genesis, networkId: Uint8Array, proposal: ProposalRecord): boolean {
  const value = consentTo(proposal)
  const signers = proposal.approvals
    .filter(({ signer }) => isOperator(genesis, signer))
    .filter(({ signer, signature }) => verifySigned('approval', networkId, { value, signer, signature }))
    .map(({ signer }) => toHex(signer))
  return new Set(signers).size >= genesis.approvals
}

/** The transactions by which operators decide together, for acts with these rules. */
export function approvalHandlers(rules: ActRules): TransactionHandlers {
  const ruleOf = (act: Act): ActRule<Act> => rules[act.type] as ActRule<Act>
  return {
    propose: (ledger, transaction, at) => propose(ledger, transaction, at, ruleOf(transaction.act)),
    approve: (ledger, transaction, at) => approve(ledger, transaction, at, ruleOf),
    withdraw,
    'use-approval': (ledger, transaction, at) => useApproval(ledger, transaction, at, ruleOf),
  }
}

/**
 * nothing -> open. Errors: `expired`, `malformed` (it lives too long), `conflict` (the same transaction again),
 * `overloaded` { limit }, and what the act's rule refuses it with.
 */
function propose(ledger: Ledger, transaction: Propose, at: TransactionContext, rule: ActRule<Act>): void {
  const { act, reason, expiresMs } = transaction
  if (expiresMs <= at.timeMs) throw new OstrakaError('expired', 'the proposal has expired', { expiresMs })
  if (expiresMs > at.timeMs + MAX_PROPOSAL_MS) {
    throw new OstrakaError('malformed', 'a proposal lives a day at the longest', { limitMs: MAX_PROPOSAL_MS })
  }
  rule.check(ledger, act, at.signer)
  const id = proposalIdOf(at.transactionId)
  if (ledger.get(proposalPath(id)) !== undefined)
    throw new OstrakaError('conflict', 'this is proposed already')
  requireRoom(ledger, at.signer, at.timeMs)
  const { height, timeMs } = at
  put(ledger, {
    ...{ id, proposer: at.signer, act, reason, expiresMs, state: 'open', approvals: [], height, timeMs },
    closedMs: 0,
  })
  ledger.wakeAt(expiresMs, proposalPath(id))
}

function requireRoom(ledger: Ledger, proposer: Uint8Array, timeMs: number): void {
  const all = proposals(ledger)
  const own = all.filter(proposal => equalBytes(proposal.proposer, proposer))
  const others = all.filter(proposal => isLive(proposal) && !isOperator(ledger.genesis, proposal.proposer))
  requireFewer(own.filter(isLive).length, MAX_LIVE_PER_PROPOSER)
  requireFewer(own.filter(proposal => timeMs - proposal.timeMs < DAY_MS).length, MAX_A_DAY_PER_PROPOSER)
  if (!isOperator(ledger.genesis, proposer)) requireFewer(others.length, MAX_LIVE)
}

function requireFewer(count: number, limit: number): void {
  if (count < limit) return
  throw new OstrakaError('overloaded', 'too many proposals', { limit })
}

/**
 * open -> approved with the last signature that was needed, or done where the act needs no more.
 * Errors: `unauthorized` (no operator), `bad_signature` (another proposal, text or network), `not_found`, `expired`,
 * `conflict` (this operator has approved it; it is decided, or withdrawn), and what enacting refuses.
 */
function approve(
  ledger: Ledger,
  { proposal: id, signature }: Approve,
  at: TransactionContext,
  ruleOf: (act: Act) => ActRule<Act>,
): void {
  requireOperator(ledger, at.signer)
  const proposal = requireLive(ledger, id, at, ['open'])
  if (proposal.approvals.some(({ signer }) => equalBytes(signer, at.signer))) {
    throw new OstrakaError('conflict', 'this operator has approved it already')
  }
  const approval: Approval = { signer: at.signer, signature }
  if (!verifySigned('approval', ledger.networkId, { value: consentTo(proposal), ...approval })) {
    throw new OstrakaError('bad_signature', 'the approval is not of this proposal')
  }
  const approvals = [...proposal.approvals, approval]
  if (approvals.length < ledger.genesis.approvals) {
    put(ledger, { ...proposal, approvals })
    return
  }
  const rule = ruleOf(proposal.act)
  if (rule.takesEffect === 'on-use') {
    put(ledger, { ...proposal, approvals, state: 'approved' })
    return
  }
  rule.check(ledger, proposal.act, proposal.proposer)
  rule.enact(ledger, proposal.act, at)
  close(ledger, { ...proposal, approvals }, 'done', at)
}

/** open or approved -> withdrawn. Errors: `not_found`, `forbidden` (another's), `conflict` (over already), `expired`. */
const withdraw: TransactionHandler<Withdraw> = (ledger, { proposal: id }, at) => {
  close(ledger, requireOwn(ledger, id, at, ['open', 'approved']), 'withdrawn', at)
}

/** approved -> done, once. Errors: as withdrawing; `conflict` also while it is not approved; what the act's rule refuses. */
function useApproval(
  ledger: Ledger,
  { proposal: id }: UseApproval,
  at: TransactionContext,
  ruleOf: (act: Act) => ActRule<Act>,
): void {
  const proposal = requireOwn(ledger, id, at, ['approved'])
  const rule = ruleOf(proposal.act)
  rule.check(ledger, proposal.act, proposal.proposer)
  rule.enact(ledger, proposal.act, at)
  close(ledger, proposal, 'done', at)
}

function requireOwn(
  ledger: Ledger,
  id: Uint8Array,
  at: TransactionContext,
  states: readonly ProposalRecord['state'][],
): ProposalRecord {
  const proposal = requireProposal(ledger, id)
  if (!equalBytes(proposal.proposer, at.signer)) {
    throw new OstrakaError('forbidden', 'only its proposer withdraws or uses a proposal')
  }
  return requireLive(ledger, id, at, states)
}

function requireLive(
  ledger: Ledger,
  id: Uint8Array,
  at: TransactionContext,
  states: readonly ProposalRecord['state'][],
): ProposalRecord {
  const proposal = requireProposal(ledger, id)
  const { state, expiresMs, approvals } = proposal
  if (state === 'expired' || (isLive(proposal) && at.timeMs >= expiresMs)) {
    throw new OstrakaError('expired', 'the proposal has expired', { expiresMs })
  }
  if (states.includes(state)) return proposal
  const details = { state, needed: ledger.genesis.approvals, given: approvals.length }
  throw new OstrakaError('conflict', `the proposal is ${state}`, details)
}

function requireProposal(ledger: LedgerReader, id: Uint8Array): ProposalRecord {
  const proposal = ledger.get<ProposalRecord>(proposalPath(id))
  if (proposal === undefined) throw new OstrakaError('not_found', 'no such proposal')
  return proposal
}

function isLive({ state }: ProposalRecord): boolean {
  return state === 'open' || state === 'approved'
}

/** What waits for operators or, approved, for its proposer. */
export function liveProposals(ledger: LedgerReader): ProposalRecord[] {
  return proposals(ledger).filter(isLive)
}

/** All that the ledger still knows of, oldest first. */
export function proposals(ledger: LedgerReader): ProposalRecord[] {
  return ledger
    .list<ProposalRecord>(PROPOSAL_PREFIX)
    .map(({ value }) => value)
    .sort((a, b) => a.height - b.height)
}

function put(ledger: Ledger, proposal: ProposalRecord): void {
  ledger.put(proposalPath(proposal.id), proposal)
}

function close(
  ledger: Ledger,
  proposal: ProposalRecord,
  state: ProposalRecord['state'],
  { timeMs }: { readonly timeMs: number },
): void {
  put(ledger, { ...proposal, state, closedMs: timeMs })
  ledger.wakeAt(timeMs + KEPT_MS, proposalPath(proposal.id))
}

/** open or approved -> expired, and, a month after its end, -> nothing. */
export const expireProposal: DeadlineHandler = (ledger, path, at) => {
  const proposal = ledger.get<ProposalRecord>(path)
  if (proposal === undefined) return
  if (isLive(proposal)) close(ledger, proposal, 'expired', at)
  else ledger.delete(path)
}
