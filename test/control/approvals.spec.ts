import assert from 'node:assert/strict'
import { fromHex, utf8 } from '../../src/base/index.ts'
import {
  consentTo,
  initialState,
  isApproved,
  type LedgerState,
  networkIdOf,
  type ProposalRecord,
  proposalIdOf,
  proposalPath,
} from '../../src/control/index.ts'
import { type SigningKey, sha256, signValue } from '../../src/crypto/index.ts'
import { type Genesis, MAX_PROPOSAL_MS } from '../../src/wire/index.ts'
import { keyNamed, makeGenesis, operator, principal, START_MS, signed } from './fixture.ts'

import {
  approvalOf,
  approve,
  decided,
  EXPIRES_MS,
  exportAct,
  founders,
  genesis,
  idOf,
  open,
  proposal,
  recordOf,
  refuses,
  run,
  second,
  target,
  third,
} from './proposing.ts'

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
    const alone: Genesis = makeGenesis(founders, {}, { approvals: 1 })
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
    const removal = { type: 'remove-member', peerId: target } as const
    const own = Array.from({ length: 8 }, () => proposal(operator, removal))
    refuses(decided(full, ...own), proposal(operator, removal), 'overloaded')
  })

  it('proposing and withdrawing fills no ledger: 64 a day', () => {
    const tryOnce = (state: LedgerState): LedgerState => {
      const transaction = proposal()
      const open = decided(state, transaction)
      return decided(open, signed(genesis, { type: 'withdraw', proposal: idOf(transaction) }))
    }
    const start = initialState(genesis)
    const spent = Array.from({ length: 64 }).reduce<LedgerState>(tryOnce, start)
    refuses(spent, proposal(), 'overloaded')
    decided(spent, proposal(keyNamed('another')))
    const nextDay = run(spent, [], spent.chain.timeMs + 24 * 3_600_000).state
    decided(nextDay, proposal(principal, exportAct, nextDay.chain.timeMs + 3_600_000))
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

describe('proposal ids', () => {
  it('are of one transaction only', () => {
    assert.notDeepEqual(idOf(proposal()), idOf(proposal()))
    assert.equal(idOf(proposal()).length, 32)
    assert.deepEqual(proposalIdOf(fromHex('00'.repeat(32))), proposalIdOf(new Uint8Array(32)))
  })
})
