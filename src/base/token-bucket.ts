/** How fast a bucket fills, and how much it holds. */
export interface BucketSize {
  readonly perSecond: number
  readonly burst: number
}

/** Guards a full bucket against the rounding of many small refills. */
const ROUNDING = 1e-6

/**
 * A token bucket that may be overdrawn by its last taker: a cost above what the bucket holds passes when the bucket is
 * full and leaves a debt, so that the average holds and no large request waits for ever.
 */
export class TokenBucket {
  readonly #size: BucketSize
  #tokens: number
  #atMs: number

  constructor(size: BucketSize, nowMs: number) {
    this.#size = size
    this.#tokens = size.burst
    this.#atMs = nowMs
  }

  /** Takes `cost`, or takes nothing and returns how long it is until there will be enough. */
  take(cost: number, nowMs: number): number | undefined {
    this.#fill(nowMs)
    const wanted = Math.min(cost, this.#size.burst)
    if (this.#tokens + ROUNDING < wanted) {
      return Math.ceil(((wanted - this.#tokens) * 1000) / this.#size.perSecond)
    }
    this.#tokens -= cost
    return undefined
  }

  /** Takes `cost` whatever there is: for work that is done already. The debt is at most one bucket. */
  charge(cost: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#tokens = Math.max(-this.#size.burst, this.#tokens - cost)
  }

  /** Gives back what somebody else has paid for. */
  refund(cost: number): void {
    this.#tokens = Math.min(this.#size.burst, this.#tokens + cost)
  }

  #fill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - this.#atMs)
    this.#atMs = nowMs
    this.#tokens = Math.min(this.#size.burst, this.#tokens + (elapsedMs * this.#size.perSecond) / 1000)
  }
}
