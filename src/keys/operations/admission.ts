import { OstrakaError } from '../../base/index.ts'

/** Operations under way at once at first: a busy gateway's round trips need a few dozen. */
const FIRST_LIMIT = 256

/** Never fewer: on a machine that does five a second these still end within the deadline. */
const LEAST_LIMIT = 16

/** Never more: as many requests as may await one peer's answers. */
const MOST_LIMIT = 1024

/** An operation that took longer has waited in a queue, not on a network. */
const QUEUED_MS = 1000
const BACK_OFF = 0.9

/**
 * How many operations a gateway has under way at once. A queue longer than what is done within a deadline only makes
 * every answer too late, so the gateway refuses early what it cannot do in time: one more is let in with each prompt
 * end while at least half of the room is taken, and a tenth fewer with each slow one (additive increase, multiplicative
 * decrease, as in Jacobson's congestion avoidance and Netflix's concurrency-limits, `AIMDLimit`).
 */
export class Admission {
  #limit = FIRST_LIMIT

  get limit(): number {
    return this.#limit
  }

  /** Errors: `overloaded { limit, retryAfterMs }` when the room is full. */
  admit(underWay: number): void {
    const limit = this.#limit
    if (underWay < limit) return
    const details = { limit, retryAfterMs: QUEUED_MS }
    throw new OstrakaError('overloaded', 'too many operations are under way', details)
  }

  /** An operation has ended, with this many still under way. `allowanceMs`: what its size may have cost. */
  ended(elapsedMs: number, allowanceMs: number, underWay: number): void {
    const isPrompt = elapsedMs <= QUEUED_MS + allowanceMs
    if (!isPrompt) this.#limit = Math.max(LEAST_LIMIT, Math.floor(this.#limit * BACK_OFF))
    else if (underWay * 2 >= this.#limit) this.#limit = Math.min(MOST_LIMIT, this.#limit + 1)
  }
}
