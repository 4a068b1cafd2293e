import type { LedgerReader, MemberRecord } from '../control/index.ts'
import { paths } from './paths.ts'

/** Whether a member may hold slots: an active one that nothing convicts. */
export function isEligible(ledger: LedgerReader, { state, peerId }: MemberRecord): boolean {
  return state === 'active' && ledger.get(paths.conviction(peerId)) === undefined
}
