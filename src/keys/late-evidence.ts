import { equalBytes, peerIdOf, toHex } from '../base/index.ts'
import { signValue } from '../crypto/index.ts'
import type { ClosedCeremony, Complain } from '../wire/index.ts'
import type { Work } from './ceremony-state.ts'
import { closedCeremonyOf, isOnRecord } from './closed-ceremonies.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, DealRecord } from './records.ts'

/** Preimages of digests that this node remembers: a few seconds' ceremonies, each of some kilobytes. */
const MAX_REMEMBERED = 256

/**
 * A ceremony has closed: remembers what its digest hashes, and files the complaints of this node that no block took in time.
 * A leader may leave a complaint out until the deadline; it cannot leave the evidence out for two refresh periods.
 */
export function closeComplaints(work: Work, ceremony: CeremonyRecord, deals: readonly DealRecord[]): void {
  const { state, ledger } = work
  const id = toHex(ceremony.id)
  const made = state.complaints.get(id) ?? []
  state.complaints.delete(id)
  const places = new Map(
    ceremony.dealers.flatMap(({ dealer, fromSlot }, place) => {
      const deal = deals.find(each => each.fromSlot === fromSlot && equalBytes(each.dealer, dealer))
      return deal === undefined ? [] : [[place, deal] as const]
    }),
  )
  const closed = closedCeremonyOf(ceremony, places)
  if (!isOnRecord(ledger, closed)) return
  state.closed.set(id, closed)
  if (state.closed.size > MAX_REMEMBERED) state.closed.delete(state.closed.keys().next().value!)
  for (const complaint of made) fileLate(work, closed, complaint)
}

/** Evidence against the dealer of a bad share of a ceremony that is over, if its preimage is still known here. */
export function complainLate(work: Work, complaint: Complain, recordHash: Uint8Array): boolean {
  const closed = work.state.closed.get(toHex(complaint.ceremony))
  const place = closed?.deals.find(deal => equalBytes(deal.recordHash, recordHash))?.place
  if (closed === undefined || place === undefined) return false
  fileLate(work, closed, { ...complaint, dealing: place })
  return true
}

function fileLate({ state, ledger, effects }: Work, closed: ClosedCeremony, complaint: Complain): void {
  const dealer = closed.deals.find(({ place }) => place === complaint.dealing)?.dealer
  if (dealer === undefined || ledger.get(paths.conviction(peerIdOf(dealer))) !== undefined) return
  const { identity, networkId } = state.world
  const signed = signValue(identity, 'transaction', networkId, complaint)
  const evidence = { type: 'late-complaint', closed, complaint: signed } as const
  effects.push({ type: 'submit', transaction: { type: 'report-evidence', evidence } })
}
