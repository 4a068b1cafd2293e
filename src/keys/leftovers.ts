import type { Write } from '../base/index.ts'
import type { ChainRecord, LedgerReader } from '../control/index.ts'
import { openCeremonies } from './ceremony-rules.ts'
import type { Work } from './ceremony-state.ts'
import { paths } from './paths.ts'
import { forgetDealing } from './receiving.ts'
import { claimOf, isSigned, recordStanding } from './record-pins.ts'
import type { DealRecord } from './records.ts'
import { vaultPaths } from './vault.ts'

/**
 * Erases what this node keeps of dealings whose ceremony ended while it did not look: it was down, or jumped over the end by
 * a snapshot. `unclaimed` are the dealings, by the paths of their shares, that no version is made of.
 */
export function eraseLeftovers(work: Work, unclaimed: Set<string>): void {
  const { state, ledger, effects } = work
  if (isBehindItself(work)) return
  const writes: Write[] = []
  for (const [name, { deal }] of state.dealings) {
    if (!isOpen(ledger, deal.ceremony)) writes.push(...forgetOwnDealing(work, name))
  }
  for (const { recordHash } of standingDeals(ledger)) unclaimed.delete(vaultPaths.subshares(recordHash))
  for (const subshares of unclaimed) writes.push(...forgetDealing(state, subshares))
  if (writes.length > 0) effects.push({ type: 'persist', writes })
}

/** Forgets what this node has dealt once in a ceremony that is over, and its record unless a version was made of it. */
export function forgetOwnDealing({ state, ledger }: Work, name: string): Write[] {
  const made = state.dealings.get(name)
  if (made === undefined) return []
  state.dealings.delete(name)
  const { recordHash } = made
  const { ceremony, fromSlot } = made.deal
  const writes: Write[] = [{ key: vaultPaths.dealing(ceremony, fromSlot), value: null }]
  const claim = claimOf(made.record)
  if (claim === undefined || recordStanding(ledger, claim) !== 'pinned')
    writes.push({ key: vaultPaths.record(recordHash), value: null })
  return writes
}

/** Whether a record on this node's disk may still be wanted from it; if not, it goes. */
export function isRecordKept(work: Work, record: Uint8Array): boolean {
  if (isBehindItself(work)) return true
  const claim = claimOf(record)
  if (claim === undefined) return false
  const standing = recordStanding(work.ledger, claim)
  // a pinned record that its dealer never signed is no use, and peers count it against whoever offers it to them
  return (standing === 'pinned' || standing === 'expected') && isSigned(work.state.world.networkId, claim)
}

/** After a loss: ceremonies that this node knew, and whose records it has, may yet come in its ledger. */
function isBehindItself({ state, ledger }: Work): boolean {
  return ledger.get<ChainRecord>('chain')!.height < state.world.replayedHeight()
}

function isOpen(ledger: LedgerReader, ceremony: Uint8Array): boolean {
  return ledger.get(paths.ceremony(ceremony)) !== undefined
}

function standingDeals(ledger: LedgerReader): DealRecord[] {
  return openCeremonies(ledger).flatMap(({ id, dealt }) =>
    dealt.map(place => ledger.get<DealRecord>(paths.deal(id, place))!),
  )
}
