import assert from 'node:assert/strict'
import { type ErrorCode, OstrakaError, type PeerId, peerIdOf, SeededRng, utf8 } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import type { ActRule, Reducer } from '../../src/control/index.ts'
import {
  applyBlock,
  approvalHandlers,
  attestationRule,
  consentTo,
  expireProposal,
  initialState,
  type LedgerState,
  networkIdOf,
  type ProposalRecord,
  proposalIdOf,
  proposalPath,
  removalRule,
  transactionIdOf,
} from '../../src/control/index.ts'
import { type SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { auditResetRule, destroyRule } from '../../src/keys/index.ts'
import type { Act, Certificate, ExportAct, Genesis, SignedTransaction } from '../../src/wire/index.ts'
import { keyNamed, makeGenesis, nodeKeys, operator, principal, START_MS, signed } from './fixture.ts'

export const founders: readonly SigningKey[] = nodeKeys(4)
export const second: SigningKey = keyNamed('operator-2')
export const third: SigningKey = keyNamed('operator-3')
export const operators: readonly Uint8Array[] = [operator, second, third].map(each => each.publicKey)
/** Two of three decide. */
export const genesis: Genesis = makeGenesis(founders, {}, { operators, approvals: 2 })
const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }
export const EXPIRES_MS: number = START_MS + 3_600_000
export const target: PeerId = peerIdOf(founders[0]!.publicKey)

export const exportAct: ExportAct = {
  type: 'export-key',
  ...{ name: 'orders', keyId: sha256(utf8('orders')), version: 1, recipient: sha256(utf8('recipient')) },
}

/** Stands in for the rule of keys/: it lets anyone but an operator, and a use leaves a trace. */
const exportRule: ActRule<ExportAct> = {
  takesEffect: 'on-use',
  check(_ledger, _act, proposer) {
    if (operators.includes(proposer)) throw new OstrakaError('forbidden', 'not an operator’s')
  },
  enact: (ledger, { name }, at) => ledger.put(`used/${name}`, { timeMs: at.timeMs }),
}

const reducer: Reducer = {
  transactions: approvalHandlers({
    'export-key': exportRule,
    'remove-member': removalRule,
    'set-attestation': attestationRule,
    'reset-audit': auditResetRule,
    'destroy-version': destroyRule,
  }),
  atBlock: [],
  deadlines: { proposal: expireProposal },
}

let nonces = 0

export function proposal(
  by: SigningKey = principal,
  act: Act = exportAct,
  expiresMs: number = EXPIRES_MS,
): SignedTransaction {
  const nonce = new SeededRng(`proposal ${++nonces}`).bytes(16)
  return signed(genesis, { type: 'propose', nonce, act, reason: 'the site burns', expiresMs }, by)
}

export function idOf(transaction: SignedTransaction): Uint8Array {
  return proposalIdOf(transactionIdOf(transaction))
}

export function approvalOf(
  state: LedgerState,
  id: Uint8Array,
  by: SigningKey,
  networkId: Uint8Array = networkIdOf(genesis),
): SignedTransaction {
  const { signature } = signValue(by, 'approval', networkId, consentTo(recordOf(state, id)))
  return signed(genesis, { type: 'approve', proposal: id, signature }, by)
}

export function recordOf(state: LedgerState, id: Uint8Array): ProposalRecord {
  return state.records.get<ProposalRecord>(proposalPath(id))!
}

export function run(
  state: LedgerState,
  transactions: readonly SignedTransaction[],
  atMs: number = state.chain.timeMs + 10,
): ReturnType<typeof applyBlock> {
  const before = state.chain.height === 0 ? null : certificate
  const applied = applyBlock(state, makeBlock(state, before, transactions, 0, atMs), reducer)
  assert.deepEqual(applied.faults, [])
  return applied
}

export function decided(state: LedgerState, ...transactions: readonly SignedTransaction[]): LedgerState {
  const applied = run(state, transactions)
  for (const result of applied.results) assert.ok(result.ok, JSON.stringify(result))
  return applied.state
}

export function refuses(
  state: LedgerState,
  transaction: SignedTransaction,
  code: ErrorCode,
  atMs?: number,
): void {
  const { results, state: later } = run(state, [transaction], atMs)
  const [result] = results
  assert.ok(result && !result.ok, 'it was not refused')
  assert.equal(result.code, code)
  const [was, is] = [state, later].map(each =>
    [...each.records.entries('proposal/')].map(({ value }) => value),
  )
  if (atMs === undefined) assert.deepEqual(is, was)
}

/** A network with one open proposal, and its id. */
export function open(
  by?: SigningKey,
  act?: Parameters<typeof proposal>[1],
): readonly [LedgerState, Uint8Array] {
  const transaction = proposal(by, act)
  return [decided(initialState(genesis), transaction), idOf(transaction)]
}

export function approve(state: LedgerState, id: Uint8Array, ...by: readonly SigningKey[]): LedgerState {
  return by.reduce((now, each) => decided(now, approvalOf(now, id, each)), state)
}
