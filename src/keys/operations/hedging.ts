/** Further partials beside those that operations need by themselves: a fifth. */
const SHARE = 0.2

/** So many a second are free, that a quiet gateway may hedge each of its operations. */
const FREE_PER_SECOND = 50

/** Saved up at most: a holder that stops in the middle of work leaves as many partials to be replaced at once. */
const MAX_SAVED = 256

/**
 * What may be spent on asking more holders because others are slow. When one is slow, its work is done elsewhere; when
 * all are, the network has too much to do, and asking twice would make it worse. So hedges are bounded by a share of the
 * ordinary work (Dean and Barroso, The Tail at Scale, 2013; Finagle's RetryBudget has the same two terms).
 */
export class HedgeBudget {
  #saved = MAX_SAVED
  #atMs = 0

  /** An operation that needs so many partials begins. */
  earn(partials: number): void {
    this.#saved = Math.min(MAX_SAVED, this.#saved + partials * SHARE)
  }

  /** Spends so many partials, when they can be spent. */
  spend(partials: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    this.#saved = Math.min(MAX_SAVED, this.#saved + (elapsedMs * FREE_PER_SECOND) / 1000)
    if (this.#saved < partials) return false
    this.#saved -= partials
    return true
  }
}
