import { OstrakaError, type PeerId, TokenBucket } from '../../base/index.ts'
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

/** What one principal's requests may cost a node while others want it too: two fifths of a core. */
const PRINCIPAL_UNITS = { perSecond: 400_000, burst: 800_000 } as const

/** Principals whose use is remembered; the one that has not asked for longest is the likeliest to owe nothing. */
const MAX_PRINCIPALS = 4096

/** How a request came, and what it costs here. */
export interface Arrival {
  /** The peer that brought it, or this node for a client of its own. */
  readonly from: PeerId
  /** In the units of COSTS. */
  readonly units: number
  /** Whether others wait: only then is a principal held to its budget. */
  readonly isBusy: boolean
}

/** What a node counts of the requests that it serves, in one of its two roles: gateway or holder. */
export class RequestLimits {
  readonly #window: ReplayWindow
  readonly #rates = new RateLimits()
  readonly #budgets = new Map<string, TokenBucket>()

  /** `maxUses`: how often one signed request may come, see ReplayWindow. */
  constructor(maxUses: number) {
    this.#window = new ReplayWindow(maxUses)
  }

  /**
   * Admits a checked request, or one more attempt at it, which takes nothing from the principal's rate. A request that
   * is refused for its rate or its cost leaves its nonce fresh. Errors: `replayed`, `rate_limited`, `overloaded`,
   * `expired`.
   */
  admit(checked: CheckedRequest, arrival: Arrival, nowMs: number): void {
    const { principal, digest, request, key, ratePerMinute } = checked
    const { from } = arrival
    const nonced = { principal, digest, nonce: request.nonce, expiresMs: request.expiresMs }
    if (this.#window.reuse(nonced, from, nowMs)) {
      this.#budgetOf(principal, nowMs).charge(arrival.units, nowMs)
      return
    }
    this.#pay(principal, arrival, nowMs)
    if (ratePerMinute !== undefined) {
      const name = `${Buffer.from(principal).toString('latin1')}${Buffer.from(key.keyId).toString('latin1')}`
      this.#rates.take(name, request.inputs.length, ratePerMinute, nowMs)
    }
    this.#window.remember(nonced, from)
  }

  #pay(principal: Uint8Array, { units, isBusy }: Arrival, nowMs: number): void {
    const budget = this.#budgetOf(principal, nowMs)
    const retryAfterMs = budget.take(units, nowMs)
    if (retryAfterMs === undefined) return
    if (isBusy) {
      throw new OstrakaError('rate_limited', 'over what one client may cost while others wait', {
        retryAfterMs,
      })
    }
    budget.charge(units, nowMs)
  }

  #budgetOf(principal: Uint8Array, nowMs: number): TokenBucket {
    const name = Buffer.from(principal).toString('latin1')
    const budget = this.#budgets.get(name) ?? new TokenBucket(PRINCIPAL_UNITS, nowMs)
    this.#budgets.delete(name)
    this.#budgets.set(name, budget)
    if (this.#budgets.size > MAX_PRINCIPALS) this.#budgets.delete(this.#budgets.keys().next().value!)
    return budget
  }
}
