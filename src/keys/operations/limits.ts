import { OstrakaError } from '../../base/index.ts'
import { ReplayWindow } from './replay-window.ts'
import type { CheckedRequest } from './request.ts'

/**
 * How often a holder serves one signed request: the first try and one more for each signer that a gateway may find
 * silent or lying, which among 16 validators are at most 5.
 */
export const MAX_ATTEMPTS = 6

/** Buckets kept; only pairs of a principal and a key with a rate in its policy have one. */
const MAX_BUCKETS = 1 << 16

const MINUTE_MS = 60_000

/** Guards a full bucket against the rounding of many small refills. */
const ROUNDING = 1e-6

interface Bucket {
  tokens: number
  atMs: number
}

/** Inputs per minute by name, as token buckets that hold one minute's worth. */
export class RateLimits {
  readonly #buckets = new Map<string, Bucket>()

  /**
   * Takes `cost` inputs. A batch larger than the bucket passes when the bucket is full and leaves a debt, so that the
   * average holds and no batch waits for ever. Errors: `rate_limited` with `retryAfterMs`.
   */
  take(name: string, cost: number, ratePerMinute: number, nowMs: number): void {
    const bucket = this.#buckets.get(name) ?? { tokens: ratePerMinute, atMs: nowMs }
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    const tokens = Math.min(ratePerMinute, bucket.tokens + (elapsedMs * ratePerMinute) / MINUTE_MS)
    const wanted = Math.min(cost, ratePerMinute)
    if (tokens + ROUNDING < wanted) {
      const retryAfterMs = Math.ceil(((wanted - tokens) * MINUTE_MS) / ratePerMinute)
      throw new OstrakaError('rate_limited', 'over the rate that the policy allows', {
        ratePerMinute,
        retryAfterMs,
      })
    }
    this.#buckets.delete(name)
    this.#buckets.set(name, { tokens: tokens - cost, atMs: nowMs })
    // The least recently used bucket is the likeliest to be full again, and then it says nothing.
    if (this.#buckets.size > MAX_BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!)
  }
}

/** What a node counts of the requests that it serves, in one of its two roles: gateway or holder. */
export class RequestLimits {
  readonly #window: ReplayWindow
  readonly #rates = new RateLimits()

  /** `maxUses`: how often one signed request may come, see ReplayWindow. */
  constructor(maxUses: number) {
    this.#window = new ReplayWindow(maxUses)
  }

  /**
   * Admits a checked request, or one more attempt at it, which costs the principal nothing. A request that is refused
   * for its rate leaves its nonce fresh. Errors: `replayed`, `rate_limited`, `overloaded`, `expired`.
   */
  admit(checked: CheckedRequest, nowMs: number): void {
    const { principal, digest, request, key, ratePerMinute } = checked
    const nonced = { principal, digest, nonce: request.nonce, expiresMs: request.expiresMs }
    if (this.#window.reuse(nonced, nowMs)) return
    if (ratePerMinute !== undefined) {
      const name = `${Buffer.from(principal).toString('latin1')}${Buffer.from(key.keyId).toString('latin1')}`
      this.#rates.take(name, request.inputs.length, ratePerMinute, nowMs)
    }
    this.#window.remember(nonced)
  }
}
