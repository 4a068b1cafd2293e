import { compareText, type OstrakaError, type PeerId } from '../base/index.ts'
import { MAX_OBSERVATIONS, type Observation, type Report } from '../wire/index.ts'

/** Fewer beats than this say too little of anyone. */
const MIN_BEATS = 4

/** A beacon that is later than this many intervals has been missed: jitter moves one by less. */
const MISSED_AFTER = 2

/** A node whose own beats lie further apart than this many intervals was away itself, and blames nobody for it. */
const AWAY_AFTER = 1.5

interface Tally {
  beaconsDue: number
  beaconsSeen: number
  answers: number
  late: number
  excess: number
}

/** What this node has counted of the others since its last report. Changed in place. */
export interface ObservationState {
  readonly intervalMs: number
  readonly tallies: Map<PeerId, Tally>
  /** Beats since the last report that counted. */
  beats: number
  /** Of this node's beats: the last two, so that it knows whether it was there itself. */
  lastBeatMs: number | null
  beforeLastBeatMs: number | null
  reportedEpoch: number
  /** Wrong answers that earlier reports have told of. */
  readonly toldWrong: Map<PeerId, number>
}

export function createObservations(intervalMs: number): ObservationState {
  return {
    intervalMs,
    tallies: new Map(),
    beats: 0,
    lastBeatMs: null,
    beforeLastBeatMs: null,
    reportedEpoch: -1,
    toldWrong: new Map(),
  }
}

function tallyOf(state: ObservationState, peerId: PeerId): Tally {
  let tally = state.tallies.get(peerId)
  if (tally === undefined) {
    tally = { beaconsDue: 0, beaconsSeen: 0, answers: 0, late: 0, excess: 0 }
    state.tallies.set(peerId, tally)
  }
  return tally
}

/**
 * One interval has passed: each of `subjects` owed a beacon; `heardMs` says when its last one came, and `isExcessive`
 * whether it went over its budgets here meanwhile.
 */
export function noteBeat(
  state: ObservationState,
  subjects: readonly PeerId[],
  heardMs: (peerId: PeerId) => number | undefined,
  isExcessive: (peerId: PeerId) => boolean,
  nowMs: number,
): void {
  const { intervalMs, lastBeatMs, beforeLastBeatMs } = state
  state.beforeLastBeatMs = lastBeatMs
  state.lastBeatMs = nowMs
  // whoever has just started, or slept, has missed what others did not fail to send
  if (beforeLastBeatMs === null || nowMs - beforeLastBeatMs > 2 * AWAY_AFTER * intervalMs) return
  state.beats++
  for (const subject of subjects) {
    const tally = tallyOf(state, subject)
    tally.beaconsDue++
    if (isExcessive(subject)) tally.excess++
    if (nowMs - (heardMs(subject) ?? Number.NEGATIVE_INFINITY) <= MISSED_AFTER * intervalMs) {
      tally.beaconsSeen++
    }
  }
}

/**
 * A request has come back: with an answer, or with the error that ended it. A peer that refuses what is over this node's
 * budget, or because it has too much to do, is neither late nor wrong.
 */
export function noteAnswer(state: ObservationState, from: PeerId, error: OstrakaError | undefined): void {
  if (error === undefined) tallyOf(state, from).answers++
  else if (error.code === 'deadline_exceeded' || error.code === 'unreachable') tallyOf(state, from).late++
}

/** What a report is made from, beside the tallies. */
export interface ReportSources {
  readonly epoch: number
  /** When the epoch ends, by block time. */
  readonly endsMs: number
  readonly subjects: readonly PeerId[]
  /** Wrong answers of a peer since this process started. */
  wrong(peerId: PeerId): number
  roundTripMs(peerId: PeerId): number | null
}

/**
 * This epoch's report when it is time for it, near the epoch's end: it waits for the block that opens the next, so that
 * one block takes all reports. Counting begins anew.
 */
export function makeReport(
  state: ObservationState,
  sources: ReportSources,
  nowMs: number,
): Report | undefined {
  const { epoch, endsMs, subjects } = sources
  const isTime = nowMs >= endsMs - 2 * state.intervalMs
  if (!isTime || state.beats < MIN_BEATS || state.reportedEpoch >= epoch) return undefined
  const observations: Observation[] = []
  for (const subject of [...subjects].sort(compareText)) {
    const observation = observationOf(state, subject, sources)
    if (observation !== undefined && observations.length < MAX_OBSERVATIONS) observations.push(observation)
  }
  state.reportedEpoch = epoch
  state.beats = 0
  state.tallies.clear()
  return { type: 'report', epoch, observations }
}

/** Undefined for a subject that kept every promise. */
function observationOf(
  state: ObservationState,
  subject: PeerId,
  sources: ReportSources,
): Observation | undefined {
  const tally = tallyOf(state, subject)
  const allWrong = sources.wrong(subject)
  const wrong = Math.max(0, allWrong - (state.toldWrong.get(subject) ?? 0))
  state.toldWrong.set(subject, allWrong)
  if (tally.beaconsSeen === tally.beaconsDue && tally.late === 0 && wrong === 0 && tally.excess === 0) {
    return undefined
  }
  const roundTripMs = sources.roundTripMs(subject)
  return {
    subject,
    ...tally,
    wrong,
    ...(roundTripMs === null ? {} : { roundTripMs: Math.min(60_000, Math.round(roundTripMs)) }),
  }
}
