import assert from 'node:assert/strict'
import { type ErrorCode, type PeerId, peerIdOf, SeededRng, toHex, utf8 } from '../../src/base/index.ts'
import { makeBlock } from '../../src/control/blocks.ts'
import {
  applyBlock,
  initialState,
  type LedgerState,
  type MemberRecord,
  memberPath,
  networkIdOf,
  proveSealingKey,
  type SealingKeyOwner,
} from '../../src/control/index.ts'
import { invitePath } from '../../src/control/records.ts'
import {
  cryptoReady,
  type SealingKeyPair,
  type SigningKey,
  sha256,
  signValue,
} from '../../src/crypto/index.ts'
import type { Certificate, Genesis, Invite, Join, Signed, SignedTransaction } from '../../src/wire/index.ts'
import {
  keyNamed,
  makeGenesis,
  nodeKeys,
  operator,
  START_MS,
  sealingPairOf,
  signed,
  testReducer,
} from './fixture.ts'

const founders = nodeKeys(4)
const genesis = makeGenesis(founders)
const newcomer = keyNamed('newcomer')
const certificate: Certificate = { height: 1, round: 0, blockId: new Uint8Array(32), signatures: [] }
const EXPIRES_MS = START_MS + 60_000

/** What the token of that invite has, and the invite itself has not. */
const tokenKey = (invite: string): SigningKey => keyNamed(`token ${invite}`)

function inviteOf(name: string, more: Partial<Invite> = {}, key: SigningKey = operator): Signed<Invite> {
  const nonce = sha256(utf8(name)).slice(0, 16)
  const value: Invite = { nonce, key: tokenKey(name).publicKey, expiresMs: EXPIRES_MS, ...more }
  return signValue(key, 'invite', networkIdOf(genesis), value)
}

function acceptanceOf({ value: { nonce, key } }: Signed<Invite>, peerId: PeerId): Uint8Array {
  const own = ['a', 'b', 'c'].map(tokenKey).find(each => toHex(each.publicKey) === toHex(key))!
  return signValue(own, 'join', networkIdOf(genesis), { invite: nonce, peerId }).signature
}

function proofOf(pair: SealingKeyPair, owner: Partial<SealingKeyOwner> & Pick<SealingKeyOwner, 'peerId'>) {
  const whole = { networkId: networkIdOf(genesis), revision: 0, ...owner }
  return proveSealingKey(whole, pair, new SeededRng('proof'))
}

function joinOf(
  invite: Signed<Invite>,
  key: SigningKey = newcomer,
  more: Partial<Join> = {},
): SignedTransaction {
  const pair = sealingPairOf(key)
  const location = { region: 'eu', latitude: 50, longitude: 10 }
  const peerId = peerIdOf(key.publicKey)
  const member = { peerId, sealingKey: pair.publicKey.bytes, location }
  const addresses = ['/ip4/192.0.2.1/tcp/1']
  const possession = proofOf(pair, { peerId })
  const acceptance = acceptanceOf(invite, more.member?.peerId ?? peerId)
  return signed(genesis, { type: 'join', invite, acceptance, member, possession, addresses, ...more }, key)
}

function removalOf(
  key: SigningKey,
  approvals: readonly SigningKey[] = [],
  by = operator,
  of: Genesis = genesis,
) {
  const peerId = peerIdOf(key.publicKey)
  const approved = approvals.map(each => {
    const { signer, signature } = signValue(each, 'removal', networkIdOf(of), { peerId })
    return { signer, signature }
  })
  return signed(of, { type: 'remove-member', peerId, approvals: approved }, by)
}

/** The ledger after one block with these transactions, none of which may fail. */
function decided(state: LedgerState, ...transactions: readonly SignedTransaction[]): LedgerState {
  const applied = run(state, transactions)
  for (const result of applied.results) assert.ok(result.ok, JSON.stringify(result))
  return applied.state
}

function run(state: LedgerState, transactions: readonly SignedTransaction[], atMs = state.chain.timeMs + 10) {
  const before = state.chain.height === 0 ? null : certificate
  return applyBlock(state, makeBlock(state, before, transactions, 0, atMs), testReducer)
}

function refuses(state: LedgerState, transaction: SignedTransaction, code: ErrorCode, atMs?: number): void {
  const { results, state: later } = run(state, [transaction], atMs)
  const [result] = results
  assert.ok(result && !result.ok, 'it was not refused')
  assert.equal(result.code, code)
  assert.deepEqual(memberStates(later), memberStates(state))
}

function memberStates(state: LedgerState): ReadonlyMap<PeerId, string> {
  const entries = [...state.records.entries<MemberRecord>('member/')]
  return new Map(entries.map(({ value }) => [value.peerId, value.state]))
}

function votes(state: LedgerState, key: SigningKey): boolean {
  return state.validators.some(({ peerId }) => peerId === peerIdOf(key.publicKey))
}

describe('joining', () => {
  before(() => cryptoReady)

  it('admits an invited node, which votes only once it has arrived', () => {
    const admitted = decided(initialState(genesis), joinOf(inviteOf('a')))
    const record = admitted.records.get<MemberRecord>(memberPath(peerIdOf(newcomer.publicKey)))!
    assert.equal(record.state, 'joining')
    assert.equal(record.joinedHeight, 1)
    assert.deepEqual(record.addresses, ['/ip4/192.0.2.1/tcp/1'])
    assert.ok(!votes(admitted, newcomer))
    const arrived = decided(admitted, signed(genesis, { type: 'arrive' }, newcomer))
    assert.ok(votes(arrived, newcomer))
    refuses(arrived, signed(genesis, { type: 'arrive' }, newcomer), 'conflict')
  })

  it('takes an invite once', () => {
    const invite = inviteOf('a')
    const admitted = decided(initialState(genesis), joinOf(invite))
    refuses(admitted, joinOf(invite, keyNamed('another')), 'replayed')
    refuses(admitted, joinOf(invite), 'replayed')
    const both = run(initialState(genesis), [joinOf(invite), joinOf(invite, keyNamed('another'))])
    assert.deepEqual(
      both.results.map(result => (result.ok ? 'ok' : result.code)),
      ['ok', 'replayed'],
    )
  })

  it('refuses an invite at its expiry, in block time', () => {
    decided(initialState(genesis), joinOf(inviteOf('a')))
    refuses(initialState(genesis), joinOf(inviteOf('a')), 'expired', EXPIRES_MS)
  })

  it('forgets a used invite once its time refuses it, and not before', () => {
    const invite = inviteOf('a')
    const path = invitePath(invite.value.nonce)
    const admitted = decided(initialState(genesis), joinOf(invite))
    const before = run(admitted, [], EXPIRES_MS - 1).state
    assert.notEqual(before.records.get(path), undefined)
    assert.equal(before.wakeAtMs, EXPIRES_MS)
    refuses(before, joinOf(invite, keyNamed('another')), 'expired', EXPIRES_MS)
    const after = run(before, [], EXPIRES_MS).state
    assert.equal(after.records.get(path), undefined)
    assert.equal(after.wakeAtMs, null)
    refuses(after, joinOf(invite, keyNamed('another')), 'expired')
  })

  it('refuses an invite that no operator signed, or of another network', () => {
    const state = initialState(genesis)
    refuses(state, joinOf(inviteOf('a', {}, newcomer)), 'unauthorized')
    const elsewhere = signValue(operator, 'invite', sha256(utf8('other')), inviteOf('a').value)
    refuses(state, joinOf(elsewhere), 'bad_signature')
    refuses(state, joinOf({ ...inviteOf('a'), value: inviteOf('b').value }), 'bad_signature')
  })

  it('holds to the invite’s node and region', () => {
    const state = initialState(genesis)
    refuses(state, joinOf(inviteOf('a', { peerId: peerIdOf(operator.publicKey) })), 'forbidden')
    refuses(state, joinOf(inviteOf('a', { region: 'us' })), 'forbidden')
    decided(state, joinOf(inviteOf('a', { peerId: peerIdOf(newcomer.publicKey), region: 'eu' })))
  })

  it('admits nobody who only saw the invite used, whatever it signs', () => {
    const state = initialState(genesis)
    const seen = joinOf(inviteOf('a')).value as Join
    const thief = keyNamed('thief')
    const peerId = peerIdOf(thief.publicKey)
    const own = { ...seen, member: { ...seen.member, peerId } }
    const other = signValue(thief, 'join', networkIdOf(genesis), { invite: seen.invite.value.nonce, peerId })
    const rebound = signValue(tokenKey('a'), 'join', sha256(utf8('other')), {
      invite: seen.invite.value.nonce,
      peerId,
    })
    const another = acceptanceOf(inviteOf('a', { nonce: sha256(utf8('b')).slice(0, 16) }), peerId)
    for (const acceptance of [
      seen.acceptance,
      other.signature,
      rebound.signature,
      another,
      new Uint8Array(64),
    ]) {
      refuses(state, signed(genesis, { ...own, acceptance }, thief), 'bad_signature')
    }
    const inFront = run(state, [signed(genesis, own, thief), joinOf(inviteOf('a'))])
    assert.deepEqual(
      inFront.results.map(result => (result.ok ? 'ok' : result.code)),
      ['bad_signature', 'ok'],
    )
  })

  it('is signed by the node itself, once, with a sealing key that can be sealed to', () => {
    const state = initialState(genesis)
    const { value } = joinOf(inviteOf('a'))
    refuses(state, signed(genesis, value, founders[0]!), 'unauthorized')
    const admitted = decided(state, joinOf(inviteOf('a')))
    refuses(admitted, joinOf(inviteOf('b')), 'conflict')
    refuses(state, joinOf(inviteOf('a'), founders[0]!), 'conflict')
    const member = { ...(value as Join).member, sealingKey: new Uint8Array(32) }
    refuses(state, joinOf(inviteOf('a'), newcomer, { member }), 'malformed')
  })

  it('must prove that its sealing key is its own, on this network and as this node', () => {
    const state = initialState(genesis)
    const pair = sealingPairOf(newcomer)
    const peerId = peerIdOf(newcomer.publicKey)
    const other = sealingPairOf(founders[0]!)
    const proofs = [
      proofOf(pair, { peerId, networkId: new Uint8Array(32) }),
      proofOf(pair, { peerId: peerIdOf(founders[0]!.publicKey) }),
      proofOf(pair, { peerId, revision: 1 }),
      proofOf(other, { peerId }),
    ]
    for (const possession of proofs) {
      refuses(state, joinOf(inviteOf('a'), newcomer, { possession }), 'malformed')
    }
    decided(state, joinOf(inviteOf('a')))
  })

  it('brings no sealing key that another member ever registered', () => {
    const state = decided(initialState(genesis), joinOf(inviteOf('a')))
    const late = keyNamed('latecomer')
    const { member } = joinOf(inviteOf('a')).value as Join
    const peerId = peerIdOf(late.publicKey)
    const copied = { ...member, peerId }
    // even who knows the secret half: two members would read each other's shares
    const possession = proofOf(sealingPairOf(newcomer), { peerId })
    refuses(state, joinOf(inviteOf('b'), late, { member: copied, possession }), 'conflict')
    const founding = { ...copied, sealingKey: genesis.members[0]!.sealingKey }
    refuses(state, joinOf(inviteOf('b'), late, { member: founding, possession }), 'malformed')
    const twice = {
      ...genesis,
      members: [genesis.members[0]!, { ...genesis.members[1]!, sealingKey: genesis.members[0]!.sealingKey }],
    }
    assert.throws(() => initialState(twice), { code: 'malformed' })
  })

  it('only the admitted arrive', () => {
    refuses(initialState(genesis), signed(genesis, { type: 'arrive' }, newcomer), 'forbidden')
  })
})

describe('leaving and removal', () => {
  before(() => cryptoReady)

  it('a removed node votes no more, and comes back by no invite', () => {
    const state = decided(initialState(genesis), removalOf(founders[0]!))
    assert.ok(!votes(state, founders[0]!))
    assert.equal(state.validators.length, 3)
    refuses(state, removalOf(founders[0]!), 'conflict')
    refuses(state, joinOf(inviteOf('a'), founders[0]!), 'conflict')
  })

  it('a node leaves by its own word, once', () => {
    const leave = signed(genesis, { type: 'leave' }, founders[1]!)
    const state = decided(initialState(genesis), leave)
    assert.ok(!votes(state, founders[1]!))
    refuses(state, leave, 'conflict')
    refuses(state, signed(genesis, { type: 'leave' }, newcomer), 'forbidden')
  })

  it('is an operator’s to say, of a member', () => {
    const state = initialState(genesis)
    refuses(state, removalOf(founders[0]!, [], founders[1]!), 'unauthorized')
    refuses(state, removalOf(newcomer), 'not_found')
  })

  it('takes as many distinct operators as the genesis asks for', () => {
    const [second, third] = [keyNamed('operator-2'), keyNamed('operator-3')]
    const operators = [operator, second, third].map(each => each.publicKey)
    const strict: Genesis = makeGenesis(founders, {}, { operators, approvals: 2 })
    const state = initialState(strict)
    const target = founders[0]!
    refuses(state, removalOf(target, [], operator, strict), 'unauthorized')
    refuses(state, removalOf(target, [operator], operator, strict), 'unauthorized')
    refuses(state, removalOf(target, [newcomer], operator, strict), 'unauthorized')
    const ofAnother = removalOf(founders[1]!, [second], operator, strict).value
    assert.ok(ofAnother.type === 'remove-member')
    const moved = { ...ofAnother, peerId: peerIdOf(target.publicKey) }
    refuses(state, signed(strict, moved, operator), 'bad_signature')
    decided(state, removalOf(target, [third], second, strict))
  })

  it('never takes the last active member', () => {
    const three = founders.slice(0, 3).map(key => removalOf(key))
    const state = decided(initialState(genesis), ...three, joinOf(inviteOf('a')))
    refuses(state, removalOf(founders[3]!), 'not_enough_nodes')
    refuses(state, signed(genesis, { type: 'leave' }, founders[3]!), 'not_enough_nodes')
    assert.ok(votes(state, founders[3]!))
  })
})
