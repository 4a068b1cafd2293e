import { equalBytes } from '../base/index.ts'
import type { DeadlineHandler, Ledger, LedgerReader } from '../control/index.ts'
import { sha256 } from '../crypto/index.ts'
import {
  type ClosedCeremony,
  type Complain,
  canonicalBytes,
  DEFAULT_REFRESH_MS,
  type Deal,
} from '../wire/index.ts'
import { paths } from './paths.ts'
import type { CeremonyRecord, ClosedRecord, DealRecord } from './records.ts'
import { recordHashOf } from './sealed-records.ts'

/** By then every sealing key of the ceremony has been renewed and, unless a version still needs it, erased. */
const KEPT_REFRESHES = 2

/** All that a ceremony leaves to judge its dealers and holders by. `deals` are by their place. */
export function closedCeremonyOf(
  { id, keyId, version, kind, slots }: Pick<CeremonyRecord, 'id' | 'keyId' | 'version' | 'kind' | 'slots'>,
  deals: ReadonlyMap<number, DealRecord>,
): ClosedCeremony {
  const ordered = [...deals].sort(([a], [b]) => a - b)
  return {
    ceremony: id,
    keyId,
    version,
    kind,
    slots: slots.map(({ slot, peerId, sealingKey }) => ({ slot, peerId, sealingKey })),
    deals: ordered.map(([place, deal]) => ({ place, ...deal })),
  }
}

export function digestOf(closed: ClosedCeremony): Uint8Array {
  return sha256(canonicalBytes(closed))
}

/** Leaves the digest of a ceremony in which somebody dealt: what it hashes is brought again by whoever has evidence. */
export function leaveDigest(ledger: Ledger, ceremony: CeremonyRecord, at: { readonly timeMs: number }): void {
  if (ceremony.dealt.length === 0) return
  const deals = new Map(
    ceremony.dealt.map(place => [place, ledger.get<DealRecord>(paths.deal(ceremony.id, place))!]),
  )
  const refreshMs = ledger.genesis.timing.refreshMs ?? DEFAULT_REFRESH_MS
  const untilMs = at.timeMs + KEPT_REFRESHES * refreshMs
  const digest = digestOf(closedCeremonyOf(ceremony, deals))
  ledger.put(paths.closed(ceremony.id), { digest, untilMs } satisfies ClosedRecord)
  ledger.wakeAt(untilMs, paths.closed(ceremony.id))
}

/** Forgets a digest whose time is over. */
export const forgetClosed: DeadlineHandler = (ledger, path) => ledger.delete(path)

/** Whether this is what a ceremony of this network left, and its digest is still kept. */
export function isOnRecord(ledger: LedgerReader, closed: ClosedCeremony): boolean {
  const record = ledger.get<ClosedRecord>(paths.closed(closed.ceremony))
  return record !== undefined && equalBytes(record.digest, digestOf(closed))
}

/** The dealing that a complaint is about. */
export function dealOf(
  closed: ClosedCeremony,
  { dealing }: Pick<Complain, 'dealing'>,
): DealRecord | undefined {
  return closed.deals.find(({ place }) => place === dealing)
}

/** Whether the ceremony took another dealing of the same dealer for the same slot than this one. */
export function contradicts(closed: ClosedCeremony, deal: Deal, dealer: Uint8Array): boolean {
  const taken = closed.deals.find(each => each.fromSlot === deal.fromSlot && equalBytes(each.dealer, dealer))
  if (taken === undefined || !equalBytes(deal.ceremony, closed.ceremony)) return false
  const { ceremony, fromSlot, commitments, encapsulation, root } = deal
  const recordHash = recordHashOf({ ceremony, dealer, fromSlot }, root)
  const said = canonicalBytes({ commitments, enc: encapsulation.enc, recordHash })
  const kept = canonicalBytes({
    commitments: taken.commitments,
    enc: taken.encapsulation.enc,
    recordHash: taken.recordHash,
  })
  return !equalBytes(said, kept)
}
