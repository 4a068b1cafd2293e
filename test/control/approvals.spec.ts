import assert from 'node:assert/strict'
import {
  type ErrorCode,
  fromHex,
  OstrakaError,
  type PeerId,
  peerIdOf,
  SeededRng,
  utf8,
} from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import type { ActRule, Reducer } from '../../src/control/index.ts'
import {
  applyBlock,
  approvalHandlers,
  consentTo,
  expireProposals,
  initialState,
  isApproved,
  type LedgerState,
  type MemberRecord,
  memberPath,
  networkIdOf,
  type ProposalRecord,
  proposalIdOf,
  proposalPath,
  removalRule,
  transactionIdOf,
} from '../../src/control/index.ts'
import { type SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import {
  type Certificate,
  type ExportAct,
  type Genesis,
  MAX_PROPOSAL_MS,
  type SignedTransaction,
} from '../../src/wire/index.ts'
import { keyNamed, makeGenesis, nodeKeys, operator, principal, START_MS, signed } from './fixture.ts'

const founders = nodeKeys(4)
const second = keyNamed('operator-2')
const third = keyNamed('operator-3')
const operators = [operator, second, third].map(each => each.publicKey)
/** Two of three decide. */
const genesis: Genesis = { ...makeGenesis(founders), operators, approvals: 2 }
const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }
const EXPIRES_MS = START_MS + 3_600_000
const target: PeerId = peerIdOf(founders[0]!.publicKey)

const exportAct: ExportAct = {
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
  transactions: approvalHandlers({ 'export-key': exportRule, 'remove-member': removalRule }),
  atBlock: [expireProposals],
}

let nonces = 0

function proposal(
  by: SigningKey = principal,
  act: ExportAct | { readonly type: 'remove-member'; readonly peerId: PeerId } = exportAct,
  expiresMs = EXPIRES_MS,
): SignedTransaction {
  const nonce = new SeededRng(`proposal ${++nonces}`).bytes(16)
  return signed(genesis, { type: 'propose', nonce, act, reason: 'the site burns', expiresMs }, by)
}

function idOf(transaction: SignedTransaction): Uint8Array {
  return proposalIdOf(transactionIdOf(transaction))
}

function approvalOf(
  state: LedgerState,
  id: Uint8Array,
  by: SigningKey,
  networkId: Uint8Array = networkIdOf(genesis),
): SignedTransaction {
  const { signature } = signValue(by, 'approval', networkId, consentTo(recordOf(state, id)))
  return signed(genesis, { type: 'approve', proposal: id, signature }, by)
}

function recordOf(state: LedgerState, id: Uint8Array): ProposalRecord {
  return state.records.get<ProposalRecord>(proposalPath(id))!
}

function run(state: LedgerState, transactions: readonly SignedTransaction[], atMs = state.chain.timeMs + 10) {
  const before = state.chain.height === 0 ? null : certificate
  const applied = applyBlock(state, makeBlock(state, before, transactions, 0, atMs), reducer)
  assert.deepEqual(applied.faults, [])
  return applied
}

function decided(state: LedgerState, ...transactions: readonly SignedTransaction[]): LedgerState {
  const applied = run(state, transactions)
  for (const result of applied.results) assert.ok(result.ok, JSON.stringify(result))
  return applied.state
}

function refuses(state: LedgerState, transaction: SignedTransaction, code: ErrorCode, atMs?: number): void {
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
function open(by?: SigningKey, act?: Parameters<typeof proposal>[1]): readonly [LedgerState, Uint8Array] {
  const transaction = proposal(by, act)
  return [decided(initialState(genesis), transaction), idOf(transaction)]
}

function approve(state: LedgerState, id: Uint8Array, ...by: readonly SigningKey[]): LedgerState {
  return by.reduce((now, each) => decided(now, approvalOf(now, id, each)), state)
}

describe('approvals', () => {
  it('an act is approved by the last operator that was needed, each of whom signs alone', () => {
    const [state, id] = open()
    const once = approve(state, id, second)
    assert.equal(recordOf(once, id).state, 'open')
    assert.ok(!isApproved(genesis, networkIdOf(genesis), recordOf(once, id)))
    const twice = approve(once, id, third)
    assert.equal(recordOf(twice, id).state, 'approved')
    assert.ok(isApproved(genesis, networkIdOf(genesis), recordOf(twice, id)))
    assert.equal(twice.records.get('used/orders'), undefined)
  })

  it('with one operator its approval is needed all the same', () => {
    const alone: Genesis = { ...makeGenesis(founders), approvals: 1 }
    const propose = signed(alone, proposal().value)
    const id = idOf(propose)
    const state = decided(initialState(alone), propose)
    refuses(state, signed(alone, { type: 'use-approval', proposal: id }), 'conflict')
    const { signature } = signValue(operator, 'approval', networkIdOf(alone), consentTo(recordOf(state, id)))
    const approved = decided(state, signed(alone, { type: 'approve', proposal: id, signature }, operator))
    decided(approved, signed(alone, { type: 'use-approval', proposal: id }))
  })

  it('refuses an operator’s second approval, a stranger’s, and one too many', () => {
    const [state, id] = open()
    const once = approve(state, id, second)
    refuses(once, approvalOf(once, id, second), 'conflict')
    refuses(once, approvalOf(once, id, principal), 'unauthorized')
    refuses(once, approvalOf(once, id, founders[0]!), 'unauthorized')
    const twice = approve(once, id, third)
    refuses(twice, approvalOf(twice, id, operator), 'conflict')
  })

  it('refuses the approval of another proposal, of another text, or on another network', () => {
    const [first, id] = open()
    const other = proposal()
    const state = decided(first, other)
    const ofOther = approvalOf(state, idOf(other), second).value
    assert.ok(ofOther.type === 'approve')
    refuses(state, signed(genesis, { ...ofOther, proposal: id }, second), 'bad_signature')
    refuses(state, approvalOf(state, id, second, sha256(utf8('another network'))), 'bad_signature')
    const consent = { ...consentTo(recordOf(state, id)), reason: 'nothing of importance' }
    const { signature } = signValue(second, 'approval', networkIdOf(genesis), consent)
    refuses(state, signed(genesis, { type: 'approve', proposal: id, signature }, second), 'bad_signature')
    const asTransaction = signValue(
      second,
      'transaction',
      networkIdOf(genesis),
      consentTo(recordOf(state, id)),
    )
    const moved = { type: 'approve', proposal: id, signature: asTransaction.signature } as const
    refuses(state, signed(genesis, moved, second), 'bad_signature')
    refuses(state, signed(genesis, { ...moved, proposal: sha256(id) }, second), 'not_found')
  })

  it('signatures that are no operators’ do not count, though a ledger held them', () => {
    const [state, id] = open()
    const record = recordOf(approve(state, id, second), id)
    const [genuine] = record.approvals
    const networkId = networkIdOf(genesis)
    const stranger = signValue(principal, 'approval', networkId, consentTo(record))
    const forged = { signer: third.publicKey, signature: genuine!.signature }
    for (const extra of [stranger, forged, genuine!]) {
      assert.ok(
        !isApproved(genesis, networkId, { ...record, state: 'approved', approvals: [genuine!, extra] }),
      )
    }
  })

  it('ends at its expiry in block time, open or approved, and lives a day at the most; the act’s rule says who', () => {
    const [state, id] = open()
    refuses(state, approvalOf(state, id, second), 'expired', EXPIRES_MS)
    const approved = approve(state, id, second, third)
    const use = signed(genesis, { type: 'use-approval', proposal: id })
    refuses(approved, use, 'expired', EXPIRES_MS)
    const { state: later } = run(approved, [], EXPIRES_MS)
    assert.equal(recordOf(later, id).state, 'expired')
    refuses(later, use, 'expired')
    const past = proposal(principal, exportAct, START_MS)
    refuses(initialState(genesis), past, 'expired')
    refuses(initialState(genesis), proposal(operator), 'forbidden')
    const distant = proposal(principal, exportAct, START_MS + 10 + MAX_PROPOSAL_MS + 1)
    refuses(initialState(genesis), distant, 'malformed')
  })

  it('is used once, by its proposer, when it is approved', () => {
    const [state, id] = open()
    const use = (by: SigningKey) => signed(genesis, { type: 'use-approval', proposal: id }, by)
    refuses(state, use(principal), 'conflict')
    const approved = approve(state, id, second, third)
    refuses(approved, use(operator), 'forbidden')
    const used = decided(approved, use(principal))
    assert.equal(recordOf(used, id).state, 'done')
    assert.equal(recordOf(used, id).closedMs, used.chain.timeMs)
    assert.ok(used.records.get('used/orders') !== undefined)
    refuses(used, use(principal), 'conflict')
    refuses(used, signed(genesis, { type: 'use-approval', proposal: sha256(id) }), 'not_found')
  })

  it('is withdrawn by its proposer alone, also once approved, but not once used', () => {
    const [state, id] = open()
    const withdraw = (by: SigningKey) => signed(genesis, { type: 'withdraw', proposal: id }, by)
    refuses(state, withdraw(operator), 'forbidden')
    const approved = approve(state, id, second, third)
    for (const before of [state, approved]) {
      const withdrawn = decided(before, withdraw(principal))
      assert.equal(recordOf(withdrawn, id).state, 'withdrawn')
      refuses(withdrawn, approvalOf(before, id, operator), 'conflict')
      refuses(withdrawn, signed(genesis, { type: 'use-approval', proposal: id }), 'conflict')
    }
    const used = decided(approved, signed(genesis, { type: 'use-approval', proposal: id }))
    refuses(used, withdraw(principal), 'conflict')
  })

  it('the same proposal again changes nothing; nobody fills the operators’ list', () => {
    const transaction = proposal()
    let state = decided(initialState(genesis), transaction)
    refuses(state, transaction, 'conflict')
    state = decided(state, ...Array.from({ length: 7 }, () => proposal()))
    refuses(state, proposal(), 'overloaded')
    const [first] = [...state.records.entries<ProposalRecord>('proposal/')]
    const freed = decided(state, signed(genesis, { type: 'withdraw', proposal: first!.value.id }))
    decided(freed, proposal())
    const others = Array.from({ length: 7 }, (_, index) => keyNamed(`other-${index}`))
    const full = others.reduce(
      (now, key) => decided(now, ...Array.from({ length: 8 }, () => proposal(key))),
      state,
    )
    refuses(full, proposal(keyNamed('one more')), 'overloaded')
  })

  it('what became of a proposal is kept for a month', () => {
    const [state, id] = open()
    const withdrawn = decided(state, signed(genesis, { type: 'withdraw', proposal: id }))
    const day = 24 * 3_600_000
    const month = run(run(withdrawn, [], START_MS + 29 * day).state, [], START_MS + 31 * day).state
    assert.equal(month.records.get(proposalPath(id)), undefined)
    assert.ok(run(withdrawn, [], START_MS + 29 * day).state.records.get(proposalPath(id)) !== undefined)
  })
})

describe('the removal of a member by proposal', () => {
  const removal = { type: 'remove-member', peerId: target } as const
  const stateOf = (state: LedgerState, peerId = target) =>
    state.records.get<MemberRecord>(memberPath(peerId))!.state

  it('happens with the last approval', () => {
    const [state, id] = open(operator, removal)
    const once = approve(state, id, second)
    assert.equal(stateOf(once), 'active')
    const twice = approve(once, id, operator)
    assert.equal(stateOf(twice), 'removed')
    assert.equal(recordOf(twice, id).state, 'done')
    assert.ok(!twice.validators.some(({ peerId }) => peerId === target))
    refuses(twice, signed(genesis, { type: 'use-approval', proposal: id }, operator), 'conflict')
  })

  it('is an operator’s to propose, of a member that is there', () => {
    refuses(initialState(genesis), proposal(principal, removal), 'unauthorized')
    const stranger = peerIdOf(principal.publicKey)
    refuses(initialState(genesis), proposal(operator, { ...removal, peerId: stranger }), 'not_found')
  })

  it('is void when the member has gone meanwhile: the last approval is refused, and takes nothing with it', () => {
    const [state, id] = open(operator, removal)
    const once = approve(state, id, second)
    const gone = decided(once, signed(genesis, { type: 'leave' }, founders[0]!))
    refuses(gone, approvalOf(gone, id, third), 'conflict')
    assert.equal(recordOf(gone, id).approvals.length, 1)
  })
})

describe('proposal ids', () => {
  it('are of one transaction only', () => {
    assert.notDeepEqual(idOf(proposal()), idOf(proposal()))
    assert.equal(idOf(proposal()).length, 32)
    assert.deepEqual(proposalIdOf(fromHex('00'.repeat(32))), proposalIdOf(new Uint8Array(32)))
  })
})
