import { isAttested, type LedgerReader, type MemberRecord } from '../control/index.ts'
import { paths } from './paths.ts'

/** Who holds slots, and who may be given some. */
export interface Standing {
  readonly eligible: readonly MemberRecord[]
  readonly accepted: readonly MemberRecord[]
}

/** Whether a member may hold slots: an active one that nothing convicts. */
export function isEligible(ledger: LedgerReader, { state, peerId }: MemberRecord): boolean {
  return state === 'active' && ledger.get(paths.conviction(peerId)) === undefined
}

/** The members that count as holders: the active ones that nothing convicts. */
export function eligibleMembers(ledger: LedgerReader): MemberRecord[] {
  const members = ledger.list<MemberRecord>('member/').map(entry => entry.value)
  return members.filter(member => isEligible(ledger, member))
}

/** The members that slots may be given to: of the eligible ones, those whose attestation the network's policy accepts. */
export function acceptedMembers(ledger: LedgerReader): MemberRecord[] {
  return eligibleMembers(ledger).filter(({ peerId }) => isAttested(ledger, peerId))
}

export function standingOf(ledger: LedgerReader): Standing {
  const eligible = eligibleMembers(ledger)
  return { eligible, accepted: eligible.filter(({ peerId }) => isAttested(ledger, peerId)) }
}
