import type { PeerId } from '../base/index.ts'
import type { Observation } from '../wire/index.ts'

/**
 * What the ledger holds about trust. Paths:
 *   trust              TrustRecord
 *   report/<peerId>    ReportRecord
 *   fine/<peerId>      FineRecord
 */
export const trustPaths = {
  trust: 'trust',
  reports: 'report/',
  report: (peerId: PeerId): string => `report/${peerId}`,
  fine: (peerId: PeerId): string => `fine/${peerId}`,
} as const

/** Scores are thousandths, in integers: every node computes the same. */
export const FULL_SCORE = 1000

/** No member's score falls below this: it must be able to rise again, and rotation divides by it. */
export const LEAST_SCORE = 50

export interface ScoreEntry {
  readonly peerId: PeerId
  /** LEAST_SCORE to FULL_SCORE. */
  readonly score: number
  /** The median of what the others last said; FULL_SCORE until they have. */
  readonly opinion: number
  /** Settlements in a row that found the score too low, or high enough to return. */
  readonly low: number
  readonly high: number
}

/** The trust vector. */
export interface TrustRecord {
  /** When it was last settled; reports of this epoch and later have not been counted. */
  readonly epoch: number
  /** Ascending by peer id. */
  readonly scores: readonly ScoreEntry[]
}

/** The latest word of one member on the others: an arc of the trust graph for each observation. */
export interface ReportRecord {
  readonly epoch: number
  readonly observations: readonly Observation[]
}

/** The latest evidence of a member that proved nothing, oldest first: each costs its sender once. */
export interface FineRecord {
  readonly fines: readonly {
    readonly transactionId: Uint8Array
    /** Of the block that held it. */
    readonly timeMs: number
  }[]
}
