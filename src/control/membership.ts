import { equalBytes, OstrakaError, type PeerId, peerIdOf, publicKeyOf, toHex } from '../base/index.ts'
import { verifySigned } from '../crypto/index.ts'
import type {
  Acceptance,
  Arrive,
  Invite,
  Join,
  Leave,
  Removal,
  RemovalAct,
  RemoveMember,
  Signed,
} from '../wire/index.ts'
import type { TransactionHandler } from './apply.ts'
import { type ActRule, operatorsRule } from './approvals.ts'
import type { DeadlineHandler } from './deadlines.ts'
import type { Ledger, LedgerReader } from './ledger.ts'
import { isOperator, requireOperators } from './operators.ts'
import { type InviteRecord, invitePath, MEMBER_PREFIX, type MemberRecord, memberPath } from './records.ts'
import { registerSealingKey } from './sealing-keys.ts'

/** What a newcomer weighs until the others have found it trustworthy, out of 1. */
const NEWCOMER_WEIGHT = 0.5

/**
 * nothing -> joining. An invited node is admitted: members let it connect and catch up.
 * Errors: `unauthorized` (not the node itself, or no operator's invite), `bad_signature` (of the operator, or of the
 * invite's own key, which only the token has), `expired`, `replayed`,
 * `forbidden` (the invite is for another node or region), `conflict` (it is, or was, a member; the sealing key was
 * registered before), `malformed` (sealing key or its proof).
 */
export const join: TransactionHandler<Join> = (ledger, transaction, at) => {
  const { invite, member, possession, addresses } = transaction
  const { peerId, location } = member
  if (!equalBytes(publicKeyOf(peerId), at.signer)) {
    throw new OstrakaError('unauthorized', 'a node signs its own joining', { peerId })
  }
  checkInvite(ledger, invite, at.timeMs)
  checkAcceptance(ledger, transaction, peerId)
  const { nonce, peerId: onlyPeer = peerId, region = location.region } = invite.value
  if (onlyPeer !== peerId) throw new OstrakaError('forbidden', 'the invite is for another node', { onlyPeer })
  if (region !== location.region) {
    throw new OstrakaError('forbidden', 'the invite is for another region', { region })
  }
  const known = ledger.get<MemberRecord>(memberPath(peerId))
  if (known !== undefined) {
    const { state } = known
    throw new OstrakaError('conflict', 'this node is, or was, a member: removal is for good', { state })
  }
  const { networkId } = ledger
  registerSealingKey(ledger, { networkId, peerId, revision: 0 }, member.sealingKey, possession)
  const { height } = at
  ledger.put(invitePath(nonce), { peerId, height } satisfies InviteRecord)
  ledger.wakeAt(invite.value.expiresMs, invitePath(nonce))
  ledger.put(memberPath(peerId), {
    ...member,
    state: 'joining',
    weight: NEWCOMER_WEIGHT,
    joinedHeight: height,
    addresses,
  } satisfies MemberRecord)
}

function checkInvite(ledger: Ledger, invite: Signed<Invite>, timeMs: number): void {
  if (!isOperator(ledger.genesis, invite.signer)) {
    throw new OstrakaError('unauthorized', 'no operator of this network signed the invite')
  }
  if (!verifySigned('invite', ledger.networkId, invite)) {
    throw new OstrakaError('bad_signature', 'the invite’s signature does not verify')
  }
  const { nonce, expiresMs } = invite.value
  if (timeMs >= expiresMs) throw new OstrakaError('expired', 'the invite has expired', { expiresMs })
  const used = ledger.get<InviteRecord>(invitePath(nonce))
  if (used !== undefined) {
    throw new OstrakaError('replayed', 'the invite has been used', { invite: toHex(nonce), by: used.peerId })
  }
}

/** Members see every invite that is used, before it is: what they lack is the token's secret. Errors: `bad_signature`. */
function checkAcceptance(ledger: Ledger, { invite, acceptance }: Join, peerId: PeerId): void {
  const { nonce, key } = invite.value
  const value: Acceptance = { invite: nonce, peerId }
  if (verifySigned('join', ledger.networkId, { value, signer: key, signature: acceptance })) return
  throw new OstrakaError('bad_signature', 'the invite’s own key has not signed for this node', { peerId })
}

/** A used invite is remembered until it expires: from then on its time refuses it. */
export const forgetInvite: DeadlineHandler = (ledger, path) => ledger.delete(path)

/**
 * joining -> active. Until it says so, a newcomer does not count towards quorums: one that never starts must not stop
 * the log. Errors: `forbidden` (never admitted), `conflict` (not joining).
 */
export const arrive: TransactionHandler<Arrive> = (ledger, _transaction, at) => {
  const member = requireMember(ledger, peerIdOf(at.signer), 'forbidden')
  if (member.state !== 'joining') {
    throw new OstrakaError('conflict', 'this node is not joining', { state: member.state })
  }
  ledger.put(memberPath(member.peerId), { ...member, state: 'active' } satisfies MemberRecord)
}

/** Any state -> removed. Errors: `forbidden` (no member), `conflict` (gone already), `not_enough_nodes` (the last one). */
export const leave: TransactionHandler<Leave> = (ledger, _transaction, at) => {
  remove(ledger, requireMember(ledger, peerIdOf(at.signer), 'forbidden'))
}

/**
 * Any state -> removed, when as many operators as the genesis asks for say so.
 * Errors: `unauthorized` (no operator, or too few { needed, given }), `bad_signature`, `not_found`, `conflict`,
 * `not_enough_nodes`.
 */
export const removeMember: TransactionHandler<RemoveMember> = (ledger, transaction, at) => {
  const { peerId, approvals } = transaction
  requireOperators(ledger, at.signer, approvals, 'removal', { peerId } satisfies Removal)
  remove(ledger, requireMember(ledger, peerId, 'not_found'))
}

/**
 * The same, by operators who sign one after the other: proposed by one of them, done with the last approval.
 * Errors: `unauthorized` (proposed by no operator), `not_found`, `conflict`, `not_enough_nodes`.
 */
export const removalRule: ActRule<RemovalAct> = operatorsRule(
  (ledger, { peerId }) => requireRemovable(ledger, requireMember(ledger, peerId, 'not_found')),
  (ledger, { peerId }) => remove(ledger, requireMember(ledger, peerId, 'not_found')),
)

function requireMember(ledger: LedgerReader, peerId: PeerId, code: 'forbidden' | 'not_found'): MemberRecord {
  const member = ledger.get<MemberRecord>(memberPath(peerId))
  if (member === undefined) throw new OstrakaError(code, 'no such member', { peerId })
  return member
}

/** Nobody would be left to decide anything after the last. */
function requireRemovable(ledger: LedgerReader, { peerId, state }: MemberRecord): void {
  if (state === 'removed') throw new OstrakaError('conflict', 'this node is no member any more', { peerId })
  const others = ledger
    .list<MemberRecord>(MEMBER_PREFIX)
    .filter(({ value }) => value.state === 'active' && value.peerId !== peerId)
  if (others.length === 0) {
    throw new OstrakaError('not_enough_nodes', 'no active member would be left', { needed: 1, available: 0 })
  }
}

/** The validators follow at the block's end. */
function remove(ledger: Ledger, member: MemberRecord): void {
  requireRemovable(ledger, member)
  ledger.put(memberPath(member.peerId), { ...member, state: 'removed' } satisfies MemberRecord)
}
