import type { ErrorCode, ErrorDetails, OstrakaError } from '../base/index.ts'
import type { Block, Header, SignedTransaction, Transaction } from '../wire/index.ts'
import { setAttestation } from './attestation.ts'
import { type DeadlineHandlers, runDeadlines } from './deadlines.ts'
import { grantCreate } from './grants.ts'
import { blockIdOf, transactionIdOf } from './ids.ts'
import {
  type BlockContext,
  chooseValidators,
  epochOf,
  type Ledger,
  LedgerDraft,
  type LedgerState,
  openState,
  seedOf,
} from './ledger.ts'
import { arrive, forgetInvite, join, leave, removeMember } from './membership.ts'
import type { MerkleMap } from './merkle-map.ts'
import { chargeTransaction } from './quotas.ts'
import {
  CHAIN_PATH,
  type ChainRecord,
  VALIDATORS_PATH,
  type ValidatorsRecord,
  type VotingMember,
} from './records.ts'
import { rank } from './rotation.ts'
import { settleTurn } from './turns.ts'

export interface TransactionContext extends BlockContext {
  readonly transactionId: Uint8Array
  /** Whose signature the transaction carries, verified. */
  readonly signer: Uint8Array
}

/** Changes the ledger or throws an OstrakaError. A replayed transaction must fail or change nothing. */
export type TransactionHandler<T extends Transaction> = (
  ledger: Ledger,
  transaction: T,
  context: TransactionContext,
) => void

export type TransactionHandlers = {
  readonly [K in Transaction['type']]?: TransactionHandler<Extract<Transaction, { readonly type: K }>>
}

/** What control/ itself decides: who belongs, who may create keys, and what is asked of who holds them. */
const OWN_TRANSACTIONS: TransactionHandlers = {
  'grant-create': grantCreate,
  join,
  arrive,
  leave,
  'remove-member': removeMember,
  'set-attestation': setAttestation,
}

/** Runs once a block, so its work is bounded by a constant. One that throws leaves no trace. */
export type BlockHook = (ledger: Ledger, context: BlockContext) => void

/** The deadlines of control/ itself. */
const OWN_DEADLINES: DeadlineHandlers = { invite: forgetInvite }

/** What the layers above do with blocks. */
export interface Reducer {
  readonly transactions: TransactionHandlers
  /** What is due is handled before all else in a block. */
  readonly deadlines?: DeadlineHandlers
  /** Run before the block's transactions. */
  readonly atBlock: readonly BlockHook[]
  /** Run after the block's transactions, before its validators are settled. */
  readonly atEnd?: readonly BlockHook[]
}

export type TransactionResult =
  | { readonly transactionId: Uint8Array; readonly ok: true }
  | {
      readonly transactionId: Uint8Array
      readonly ok: false
      readonly code: ErrorCode
      readonly message: string
      readonly details: ErrorDetails
    }

export interface Applied {
  readonly state: LedgerState
  /** One for each transaction, in the block's order. */
  readonly results: readonly TransactionResult[]
  /** What hooks and deadlines threw: faults in this program, since no one asked for anything. */
  readonly faults: readonly OstrakaError[]
}

/** The state after `block`, whose signatures and header `checkBlock` or a certificate has verified. Pure. */
export function applyBlock(state: LedgerState, block: Block, reducer: Reducer): Applied {
  const { header } = block
  const context = contextOf(state, header.height, header.timeMs, blockIdOf(header))
  const ledger = new LedgerDraft(state.records, context)
  ledger.put(CHAIN_PATH, nextChain(state, header, context))
  const faults = runDeadlines(ledger, { ...OWN_DEADLINES, ...reducer.deadlines }, context)
  const runHooks = (hooks: readonly BlockHook[]): void => {
    for (const hook of hooks) {
      const error = ledger.attempt(() => hook(ledger, context))
      if (error !== undefined) faults.push(error)
    }
  }
  runHooks(reducer.atBlock)
  const results = block.transactions.map(signed => runTransaction(ledger, signed, context, reducer))
  runHooks(reducer.atEnd ?? [])
  settleTurn(ledger, header, state.ranking.length)
  const records = settleValidators(state, ledger.records)
  return {
    state: openState(state.genesis, state.networkId, records, state),
    results,
    faults: [...faults, ...ledger.faults],
  }
}

/** What `signed` would do in a block at `timeMs`, on a ledger that is thrown away. */
export function tryTransaction(
  state: LedgerState,
  signed: SignedTransaction,
  reducer: Reducer,
  timeMs: number,
): TransactionResult {
  const time = Math.max(timeMs, state.chain.timeMs + 1)
  const context = contextOf(state, state.chain.height + 1, time, new Uint8Array(32))
  return runTransaction(new LedgerDraft(state.records, context), signed, context, reducer)
}

function contextOf(state: LedgerState, height: number, timeMs: number, blockId: Uint8Array): BlockContext {
  const { genesis, networkId } = state
  return { genesis, networkId, height, timeMs, epoch: epochOf(genesis, timeMs), blockId }
}

function runTransaction(
  ledger: LedgerDraft,
  signed: SignedTransaction,
  context: BlockContext,
  reducer: Reducer,
): TransactionResult {
  const transactionId = transactionIdOf(signed)
  const { type } = signed.value
  const handler = (OWN_TRANSACTIONS[type] ?? reducer.transactions[type]) as
    | TransactionHandler<Transaction>
    | undefined
  if (handler === undefined) {
    const message = `no handler for ${type}`
    return { transactionId, ok: false, code: 'unsupported', message, details: {} }
  }
  // one that fails has used the log all the same
  const refusal = ledger.attempt(() => chargeTransaction(ledger, signed))
  const error =
    refusal ??
    ledger.attempt(() => handler(ledger, signed.value, { ...context, transactionId, signer: signed.signer }))
  if (error === undefined) return { transactionId, ok: true }
  return { transactionId, ok: false, code: error.code, message: error.message, details: error.details }
}

/** Within an epoch the rank that succeeded leads on; a block of a new epoch reshuffles and rank 0 leads. */
function nextChain(state: LedgerState, header: Header, context: BlockContext): ChainRecord {
  const { chain, ranking } = state
  const { height, timeMs, epoch, blockId } = context
  if (epoch !== chain.epoch)
    return { height, blockId, timeMs, epoch, seed: seedOf(header), leader: 0, leadsSinceMs: timeMs }
  const leader = (chain.leader + header.round) % ranking.length
  const leadsSinceMs = leader === chain.leader ? chain.leadsSinceMs : timeMs
  return { height, blockId, timeMs, epoch, seed: chain.seed, leader, leadsSinceMs }
}

function sameMembers(a: readonly VotingMember[], b: readonly VotingMember[]): boolean {
  return (
    a.length === b.length &&
    a.every((member, index) => member.peerId === b[index]!.peerId && member.weight === b[index]!.weight)
  )
}

/** Lets changed members vote from the next height on, and keeps the leading node in the lead where it still votes. */
function settleValidators(before: LedgerState, records: MerkleMap): MerkleMap {
  const chain = records.get<ChainRecord>(CHAIN_PATH)!
  const sets = records.get<ValidatorsRecord>(VALIDATORS_PATH)!
  const chosen = chooseValidators(records)
  const current = chosen.length > 0 ? chosen : sets.current
  const isSettled = sameMembers(current, sets.current)
  if (isSettled && sameMembers(sets.current, sets.previous)) return records
  const next = records.set(VALIDATORS_PATH, { current, previous: sets.current } satisfies ValidatorsRecord)
  if (isSettled || chain.epoch !== before.chain.epoch) return next
  const leader = before.ranking[chain.leader]!.peerId
  const ranking = rank(openState(before.genesis, before.networkId, next).validators, chain.seed)
  const found = ranking.findIndex(validator => validator.peerId === leader)
  return next.set(CHAIN_PATH, { ...chain, leader: found >= 0 ? found : chain.leader % ranking.length })
}
