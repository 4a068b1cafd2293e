import {
  compareText,
  equalBytes,
  isOstrakaError,
  OstrakaError,
  type PeerId,
  peerIdOf,
} from '../base/index.ts'
import {
  type BlockContext,
  type Ledger,
  type LedgerReader,
  type MemberRecord,
  memberPath,
  type TransactionContext,
  type TransactionHandler,
} from '../control/index.ts'
import { type ConvictionRecord, keyPaths } from '../keys/index.ts'
import type { Report, ReportEvidence } from '../wire/index.ts'
import {
  type FineRecord,
  FULL_SCORE,
  LEAST_SCORE,
  type ReportRecord,
  type ScoreEntry,
  type TrustRecord,
  trustPaths,
} from './records.ts'
import { faultsOf, medianOpinion, nextEntry, PATIENCE, toSuspend } from './scores.ts'

/** What evidence that proves nothing costs its sender: a mistake is soon made good, a habit is not. */
const FINE = 100

/** After this many within a day of block time a sender's evidence is refused unless it convicts. */
const MAX_FINES = 8
const FINE_MS = 24 * 3_600_000

/**
 * Older fines than these are forgotten, and whoever replays the evidence has it fined again. Eight days of as many fines
 * as there can be: nobody honest comes near.
 */
const REMEMBERED_FINES = 64

const NOTHING_YET: TrustRecord = { epoch: 0, scores: [] }

export function trustOf(ledger: LedgerReader): TrustRecord {
  return ledger.get<TrustRecord>(trustPaths.trust) ?? NOTHING_YET
}

/**
 * The agreed trust in a peer from 0 to 1; 0 for one that no operation should ask. Whoever is suspended, or has left, may
 * still hold shares of keys that have not been moved yet.
 */
export function agreedTrust(ledger: LedgerReader, peerId: PeerId): number {
  if (ledger.get(keyPaths.conviction(peerId)) !== undefined) return 0
  return ledger.get<MemberRecord>(memberPath(peerId))?.weight ?? 0
}

function membersOf(ledger: LedgerReader): MemberRecord[] {
  return ledger.list<MemberRecord>('member/').map(entry => entry.value)
}

/** Takes a member's report of this epoch or the last. Errors: `forbidden`, `conflict`, `malformed`. */
export function takeReport(ledger: Ledger, report: Report, at: TransactionContext): void {
  const reporter = peerIdOf(at.signer)
  const member = ledger.get<MemberRecord>(memberPath(reporter))
  if (member?.state !== 'active') throw new OstrakaError('forbidden', 'only active members report')
  const { epoch, observations } = report
  if (epoch > at.epoch || epoch < at.epoch - 1) throw new OstrakaError('conflict', 'not a recent epoch')
  const last = ledger.get<ReportRecord>(trustPaths.report(reporter))
  if (last !== undefined && last.epoch >= epoch) throw new OstrakaError('conflict', 'reported already')
  for (const [index, { subject }] of observations.entries()) {
    const isAscending = index === 0 || compareText(observations[index - 1]!.subject, subject) < 0
    if (!isAscending) throw new OstrakaError('malformed', 'subjects are not in order')
    if (subject === reporter) throw new OstrakaError('malformed', 'nobody reports on itself')
  }
  ledger.put(trustPaths.report(reporter), { epoch, observations } satisfies ReportRecord)
}

/**
 * Wraps a handler of evidence: evidence that proves nothing convicts nobody, and costs the member that sent it a part
 * of its score, once. Errors: those of `handle`, when the sender is no member or has been fined too often.
 */
export function atSendersRisk(
  handle: TransactionHandler<ReportEvidence>,
): TransactionHandler<ReportEvidence> {
  return (ledger, transaction, at) => {
    try {
      handle(ledger, transaction, at)
    } catch (error) {
      if (!isOstrakaError(error, 'malformed') || !fine(ledger, at)) throw error
    }
  }
}

function fine(ledger: Ledger, at: TransactionContext): boolean {
  const sender = peerIdOf(at.signer)
  const member = ledger.get<MemberRecord>(memberPath(sender))
  if (member === undefined || !isJudged(member)) return false
  const { fines } = ledger.get<FineRecord>(trustPaths.fine(sender)) ?? { fines: [] }
  const { transactionId, timeMs } = at
  const isOld = fines.some(fine => equalBytes(fine.transactionId, transactionId))
  if (isOld || fines.filter(fine => timeMs - fine.timeMs < FINE_MS).length >= MAX_FINES) return false
  const remembered = [...fines, { transactionId, timeMs }].slice(-REMEMBERED_FINES)
  ledger.put(trustPaths.fine(sender), { fines: remembered } satisfies FineRecord)
  const entries = entriesOf(ledger)
  const entry = entries.get(sender)!
  entries.set(sender, { ...entry, score: Math.max(LEAST_SCORE, entry.score - FINE) })
  putEntries(ledger, trustOf(ledger).epoch, entries)
  return true
}

/** A newcomer has promised nothing before it arrives. */
function isJudged({ state }: MemberRecord): boolean {
  return state === 'active' || state === 'suspended'
}

/** Every member's entry; one that has none starts from the weight it was admitted with. */
function entriesOf(ledger: LedgerReader): Map<PeerId, ScoreEntry> {
  const known = new Map(trustOf(ledger).scores.map(entry => [entry.peerId, entry]))
  return new Map(
    membersOf(ledger)
      .filter(isJudged)
      .map(({ peerId, weight }) => {
        const score = Math.min(FULL_SCORE, Math.max(LEAST_SCORE, Math.round(weight * FULL_SCORE)))
        return [peerId, known.get(peerId) ?? { peerId, score, opinion: FULL_SCORE, low: 0, high: 0 }]
      }),
  )
}

/** Writes the vector, and the weights that follow from it. */
function putEntries(ledger: Ledger, epoch: number, entries: ReadonlyMap<PeerId, ScoreEntry>): void {
  const scores = [...entries.values()].sort((a, b) => compareText(a.peerId, b.peerId))
  ledger.put(trustPaths.trust, { epoch, scores } satisfies TrustRecord)
  for (const { peerId, score } of scores) {
    const member = ledger.get<MemberRecord>(memberPath(peerId))!
    const weight = score / FULL_SCORE
    if (member.weight !== weight) ledger.put(memberPath(peerId), { ...member, weight })
  }
}

/** Block end: whom proof has convicted leaves at once and for good. */
export function removeConvicted(ledger: Ledger): void {
  for (const { value } of ledger.list<ConvictionRecord>('conviction/')) {
    const member = ledger.get<MemberRecord>(memberPath(value.peerId))
    if (member === undefined || member.state === 'removed') continue
    ledger.put(memberPath(value.peerId), { ...member, state: 'removed', weight: LEAST_SCORE / FULL_SCORE })
  }
}

/**
 * Block end, once an epoch, as soon as n-f of the n active members have reported since the last time: the new vector,
 * the weights, and who is suspended or comes back.
 */
export function settleTrust(ledger: Ledger, { epoch }: BlockContext): void {
  const before = trustOf(ledger)
  if (epoch <= before.epoch) return
  const members = membersOf(ledger)
  const active = members.filter(member => member.state === 'active').map(member => member.peerId)
  const faults = faultsOf(active.length)
  const reports = new Map<PeerId, ReportRecord>()
  for (const reporter of active) {
    const report = ledger.get<ReportRecord>(trustPaths.report(reporter))
    if (report !== undefined && report.epoch >= before.epoch && report.epoch < epoch)
      reports.set(reporter, report)
  }
  if (reports.size === 0 || reports.size < active.length - faults) return
  const entries = entriesOf(ledger)
  for (const [peerId, entry] of entries) {
    entries.set(peerId, nextEntry(entry, medianOpinion(peerId, reports, faults)))
  }
  putEntries(ledger, epoch, entries)
  for (const peerId of toSuspend(members, entries)) setState(ledger, peerId, 'suspended')
  for (const { peerId, state } of members) {
    if (state === 'suspended' && entries.get(peerId)!.high >= PATIENCE) setState(ledger, peerId, 'active')
  }
}

function setState(ledger: Ledger, peerId: PeerId, state: MemberRecord['state']): void {
  const member = ledger.get<MemberRecord>(memberPath(peerId))!
  ledger.put(memberPath(peerId), { ...member, state })
}
