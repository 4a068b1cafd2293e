import { cpuUs, median, quantile } from './measure.ts'

/** What a stretch of load did. */
export interface Stretch {
  readonly calls: number
  readonly elapsedMs: number
  readonly latenciesMs: readonly number[]
  /** CPU of all daemons, and of this process, which is the client. */
  readonly daemonsMs: number
  readonly clientMs: number
}

/** Keeps `inFlight` calls under way for `ms`, then waits for the last. A call that fails ends the benchmark. */
export async function load(
  ms: number,
  inFlight: number,
  daemonsMs: () => number,
  call: (index: number) => Promise<unknown>,
): Promise<Stretch> {
  const latenciesMs: number[] = []
  const start = performance.now()
  const [daemonsBefore, clientBefore] = [daemonsMs(), cpuUs()]
  let next = 0
  const lane = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      const sent = performance.now()
      await call(next++)
      latenciesMs.push(performance.now() - sent)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return {
    calls: latenciesMs.length,
    elapsedMs: performance.now() - start,
    latenciesMs,
    daemonsMs: daemonsMs() - daemonsBefore,
    clientMs: (cpuUs() - clientBefore) / 1000,
  }
}

/** Stretches of the same load, with the cost of noble's computation measured after each. */
export class LoadResult {
  readonly #stretches: readonly Stretch[]
  readonly #nobleMs: readonly number[]

  constructor(stretches: readonly Stretch[], nobleMs: readonly number[]) {
    this.#stretches = stretches
    this.#nobleMs = nobleMs
  }

  latencyMs(q: number): number {
    return quantile(
      this.#stretches.flatMap(stretch => stretch.latenciesMs),
      q,
    )
  }

  get perSecond(): number {
    const calls = this.#stretches.reduce((sum, stretch) => sum + stretch.calls, 0)
    return (calls * 1000) / this.#stretches.reduce((sum, stretch) => sum + stretch.elapsedMs, 0)
  }

  /** CPU of all daemons for one call; `idleShare`, in CPU ms a ms, is what they use with nothing to do. */
  daemonsMs(idleShare = 0): number {
    return median(this.#stretches.map(stretch => daemonsPerCall(stretch, idleShare)))
  }

  get clientMs(): number {
    return median(this.#stretches.map(stretch => stretch.clientMs / stretch.calls))
  }

  get nobleMs(): number {
    return median(this.#nobleMs)
  }

  /** The daemons' CPU for one call as a share of noble's, each stretch beside its own measurement of noble. */
  share(idleShare = 0): number {
    return median(
      this.#stretches.map((stretch, index) => daemonsPerCall(stretch, idleShare) / this.#nobleMs[index]!),
    )
  }
}

function daemonsPerCall(stretch: Stretch, idleShare: number): number {
  return (stretch.daemonsMs - idleShare * stretch.elapsedMs) / stretch.calls
}
