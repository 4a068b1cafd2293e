/** What one peer may cost in a while: a token bucket that may be overdrawn once and is then paid back in time. */
export class Allowance {
  readonly #perSecond: number
  readonly #burst: number
  #left: number
  #atMs: number

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#left = burst
    this.#atMs = nowMs
  }

  /** Takes `cost`, whether it is there or not; returns after how many milliseconds the debt is paid, 0 without one. */
  charge(cost: number, nowMs: number): number {
    this.#refill(nowMs)
    this.#left -= cost
    return Math.max(0, (-this.#left * 1000) / this.#perSecond)
  }

  /** Takes `cost` if it is there. */
  take(cost: number, nowMs: number): boolean {
    this.#refill(nowMs)
    if (this.#left < cost) return false
    this.#left -= cost
    return true
  }

  #refill(nowMs: number): void {
    this.#left = Math.min(
      this.#burst,
      this.#left + (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1000,
    )
    this.#atMs = nowMs
  }
}

/** One allowance for each peer. Peers are members: their number bounds the map. */
export class Allowances {
  readonly #rate: { readonly perSecond: number; readonly burst: number }
  readonly #byPeer = new Map<string, Allowance>()

  constructor(rate: { readonly perSecond: number; readonly burst: number }) {
    this.#rate = rate
  }

  of(peerId: string): Allowance {
    let allowance = this.#byPeer.get(peerId)
    if (allowance === undefined) {
      allowance = new Allowance(this.#rate, performance.now())
      this.#byPeer.set(peerId, allowance)
    }
    return allowance
  }
}
