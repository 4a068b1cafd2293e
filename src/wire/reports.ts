import type { PeerId } from '../base/index.ts'
import { peerId } from './common.ts'
import { integer, list, literal, optional, type Schema, struct } from './schema.ts'

/** What one node counted of another since its last report. */
export interface Observation {
  readonly subject: PeerId
  readonly beaconsDue: number
  readonly beaconsSeen: number
  /** Requests it answered in time, and those it did not. */
  readonly answers: number
  readonly late: number
  /** Answers that were wrong, whether or not they can be proven so. */
  readonly wrong: number
  /** Of the beats that owed a beacon, those in which it asked or sent more than its budgets allow, or was cut off for it. */
  readonly excess: number
  /** Median of recent pings. */
  readonly roundTripMs?: number
}

/**
 * A node's word on the others, once an epoch. Whom it leaves out has kept every promise: in a quiet network a report is
 * empty. Signed by the node.
 */
export interface Report {
  readonly type: 'report'
  /** The epoch in which it was made: a report counts once. */
  readonly epoch: number
  /** Ascending by subject, each once. */
  readonly observations: readonly Observation[]
}

/** More bad news than this says more about the reporter. */
export const MAX_OBSERVATIONS = 256

/** An epoch lasts a day at most, and a busy gateway asks one holder a thousand times a second. */
const tally: Schema<number> = integer(0, 2 ** 31)

export const reportSchema: Schema<Report> = struct<Report>({
  type: literal('report'),
  epoch: integer(0),
  observations: list(
    struct<Observation>({
      subject: peerId,
      beaconsDue: tally,
      beaconsSeen: tally,
      answers: tally,
      late: tally,
      wrong: tally,
      excess: tally,
      roundTripMs: optional(integer(0, 60_000)),
    }),
    MAX_OBSERVATIONS,
  ),
})
