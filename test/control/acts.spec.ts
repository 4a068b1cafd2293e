import assert from 'node:assert/strict'
import { peerIdOf, utf8 } from '../../src/base/index.ts'
import {
  attestationPolicy,
  initialState,
  type LedgerReader,
  type LedgerState,
  type MemberRecord,
  memberPath,
  networkIdOf,
} from '../../src/control/index.ts'
import { sha256, signValue } from '../../src/crypto/index.ts'
import type { AuditLosses } from '../../src/keys/index.ts'
import { keyPaths } from '../../src/keys/index.ts'
import type { Act, AttestationPolicy } from '../../src/wire/index.ts'
import { operator, principal, signed } from './fixture.ts'

import {
  approvalOf,
  approve,
  decided,
  founders,
  genesis,
  idOf,
  open,
  proposal,
  recordOf,
  refuses,
  second,
  target,
  third,
} from './proposing.ts'

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

describe('a new attestation policy by proposal', () => {
  const policy: AttestationPolicy = {
    method: 'measured',
    maxAgeEpochs: 40,
    measurements: [sha256(utf8('release 1'))],
    attestationKeys: [],
  }
  const act: Act = { type: 'set-attestation', revision: 0, policy }
  const inForce = (state: LedgerState) =>
    attestationPolicy({ get: path => state.records.get(path) } as LedgerReader)

  it('is in force with the last approval', () => {
    const [state, id] = open(operator, act)
    const once = approve(state, id, second)
    assert.deepEqual([inForce(once).revision, inForce(once).policy.method], [0, 'none'])
    assert.deepEqual(inForce(approve(once, id, third)), { revision: 1, policy })
  })

  it('is an operator’s to propose, of the revision in force, each hash once', () => {
    const state = initialState(genesis)
    refuses(state, proposal(principal, act), 'unauthorized')
    refuses(state, proposal(operator, { ...act, revision: 1 }), 'conflict')
    const [release] = policy.measurements
    const twice = { ...policy, measurements: [release!, release!] }
    refuses(state, proposal(operator, { ...act, policy: twice }), 'malformed')
  })

  it('is void when another replaced the policy meanwhile, by proposal or at once', () => {
    const [state, id] = open(operator, act)
    const other: AttestationPolicy = { ...policy, maxAgeEpochs: 7 }
    const [rival, sooner] = [proposal(second, { ...act, policy: other }), [operator, third]]
    const replaced = approve(decided(state, rival), idOf(rival), ...sooner)
    assert.deepEqual(inForce(replaced), { revision: 1, policy: other })
    const once = approve(replaced, id, second)
    refuses(once, approvalOf(once, id, third), 'conflict')
    const { signer, signature } = signValue(third, 'attestation-policy', networkIdOf(genesis), {
      revision: 0,
      policy: other,
    })
    const atOnce = signed(genesis, { ...act, policy: other, approvals: [{ signer, signature }] }, second)
    const nearly = approve(decided(state, atOnce), id, second)
    refuses(nearly, approvalOf(nearly, id, third), 'conflict')
  })
})

describe('the write-off of an audit log by proposal', () => {
  const act: Act = { type: 'reset-audit', peerId: target, generation: 1 }
  const lossesOf = (state: LedgerState) =>
    state.records.get<AuditLosses>(keyPaths.auditLosses(target))?.losses ?? []

  it('happens with the last approval, whose operator is on record', () => {
    const [state, id] = open(operator, act)
    const once = approve(state, id, operator)
    assert.deepEqual(lossesOf(once), [])
    const [loss, ...others] = lossesOf(approve(once, id, third))
    assert.deepEqual([loss?.size, loss?.operator, others], [0, third.publicKey, []])
  })

  it('is an operator’s to propose, of a member, and of the log that it keeps now', () => {
    const state = initialState(genesis)
    refuses(state, proposal(principal, act), 'unauthorized')
    refuses(state, proposal(operator, { ...act, peerId: peerIdOf(principal.publicKey) }), 'not_found')
    refuses(state, proposal(operator, { ...act, generation: 2 }), 'conflict')
  })

  it('writes one log off, however often it was proposed', () => {
    const [state, id] = open(operator, act)
    const again = proposal(second, act)
    const done = approve(decided(state, again), idOf(again), second, third)
    const once = approve(done, id, second)
    refuses(once, approvalOf(once, id, third), 'conflict')
    assert.equal(lossesOf(once).length, 1)
  })
})
