import type { PeerId } from '../base/index.ts'
import type { MemberRecord } from '../control/index.ts'
import type { Observation } from '../wire/index.ts'
import { FULL_SCORE, LEAST_SCORE, type ReportRecord, type ScoreEntry } from './records.ts'

/** A wrong answer is worse than none. */
const WRONG_WEIGHT = 4

/** What one settlement moves a score by: half the way to the opinion. */
const SMOOTHING = 2

/** Below this a member is suspected, and above that it is well again; between them nothing changes. */
export const SUSPECT_BELOW = 400
export const RETURN_ABOVE = 600

/** So many settlements in a row suspend a member, or bring it back. */
export const PATIENCE = 3

/** Fewer validators survive no failure. */
const FEWEST_ACTIVE = 4

/** How many of `members` may lie or be dead. */
export function faultsOf(members: number): number {
  return Math.floor((members - 1) / 3)
}

/**
 * One reporter's opinion in thousandths: the share of beacons seen, times the share of requests answered in time, times
 * the share of beats in which the subject kept within its budgets.
 */
export function opinionOf(observation: Observation | undefined): number {
  if (observation === undefined) return FULL_SCORE
  const { beaconsDue, beaconsSeen, answers, late, wrong, excess } = observation
  const presence = shareOf(Math.min(beaconsSeen, beaconsDue), beaconsDue)
  const service = shareOf(answers, answers + late + WRONG_WEIGHT * wrong)
  const restraint = shareOf(beaconsDue - Math.min(excess, beaconsDue), beaconsDue)
  return Math.floor((presence * service * restraint) / FULL_SCORE ** 2)
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? FULL_SCORE : Math.floor((FULL_SCORE * part) / whole)
}

/**
 * The median of what the other active members say; the upper one of two, so that suspicion needs a majority. With at
 * least 2f+1 opinions, f of them lies, it lies between two honest ones. Undefined with fewer.
 */
export function medianOpinion(
  subject: PeerId,
  reports: ReadonlyMap<PeerId, ReportRecord>,
  faults: number,
): number | undefined {
  const opinions: number[] = []
  for (const [reporter, { observations }] of reports) {
    if (reporter === subject) continue
    opinions.push(opinionOf(observations.find(observation => observation.subject === subject)))
  }
  if (opinions.length < 2 * faults + 1) return undefined
  return opinions.sort((a, b) => a - b)[Math.floor(opinions.length / 2)]
}

/** A member's entry after a settlement. */
export function nextEntry(before: ScoreEntry, opinion: number | undefined): ScoreEntry {
  if (opinion === undefined) return before
  const step = (opinion - before.score) / SMOOTHING
  // away from zero, or a score would never arrive
  const moved = before.score + Math.sign(step) * Math.ceil(Math.abs(step))
  const score = Math.min(FULL_SCORE, Math.max(LEAST_SCORE, moved))
  return {
    peerId: before.peerId,
    score,
    opinion,
    low: score < SUSPECT_BELOW ? before.low + 1 : 0,
    high: score > RETURN_ABOVE ? before.high + 1 : 0,
  }
}

/**
 * Who is to be suspended, the worst first. One settlement takes at most f of the active members, so that those who stay
 * are a quorum of those who were; and it leaves four of them, and a majority of all members that are not removed. A
 * network with more dead than that has lost its quorum anyway, and no suspension gives it back.
 */
export function toSuspend(
  members: readonly MemberRecord[],
  entries: ReadonlyMap<PeerId, ScoreEntry>,
): PeerId[] {
  const active = members.filter(member => member.state === 'active')
  const present = members.filter(member => member.state !== 'removed').length
  const fewest = Math.max(FEWEST_ACTIVE, Math.floor(present / 2) + 1)
  const most = Math.max(0, Math.min(faultsOf(active.length), active.length - fewest))
  return active
    .map(({ peerId }) => entries.get(peerId)!)
    .filter(entry => entry.low >= PATIENCE)
    .sort((a, b) => a.score - b.score || (a.peerId < b.peerId ? -1 : 1))
    .slice(0, most)
    .map(entry => entry.peerId)
}
