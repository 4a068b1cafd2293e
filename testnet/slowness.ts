import { availableParallelism, loadavg } from 'node:os'

/** What the reference computation takes on one idle core of a common server, once it is compiled. */
const REFERENCE_MS = 4
const REFERENCE_STEPS = 2_000_000
/** A measurement costs about a hundredth of a core at this pace. */
const FRESH_MS = 500
/** Beyond this a machine is not slow but stuck, and a test that waits for it would never end. */
const MAX_SLOWNESS = 30

compute()

let measured = measure()
let measuredMs = performance.now()

/**
 * How many times slower than an idle machine this one is now: by computing, and by who waits for a core. Late timers say
 * nothing: a test that runs a command synchronously delays its own.
 */
export function slowness(): number {
  if (performance.now() - measuredMs > FRESH_MS) {
    measured = measure()
    measuredMs = performance.now()
  }
  return measured
}

/** A limit for work that other processes do on this machine, as it is now: `ms` on an idle one. */
export function bent(ms: number): number {
  return Math.round(ms * slowness())
}

function measure(): number {
  const startedMs = performance.now()
  compute()
  const byComputing = (performance.now() - startedMs) / REFERENCE_MS
  const byQueue = (loadavg()[0] ?? 0) / availableParallelism()
  return Math.min(MAX_SLOWNESS, Math.max(1, byComputing, byQueue))
}

/** The reference: xorshift32, which no compiler shortens. */
function compute(): number {
  let x = 1
  for (let step = 0; step < REFERENCE_STEPS; step++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
  }
  return x
}

/** A time limit that is spent more slowly while the machine is slower: how long it lasts is known only in the end. */
export class Patience {
  readonly #limitMs: number
  #spentMs = 0
  #sinceMs: number = performance.now()

  /** `limitMs`: on an idle machine. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** How long it lasts if the machine stays as slow as it is now; 0 or less once it is over. */
  get leftMs(): number {
    const nowMs = performance.now()
    const factor = slowness()
    this.#spentMs += (nowMs - this.#sinceMs) / factor
    this.#sinceMs = nowMs
    return (this.#limitMs - this.#spentMs) * factor
  }

  get isOver(): boolean {
    return this.leftMs <= 0
  }
}
