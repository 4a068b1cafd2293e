/** CPU time that this process has used on all its threads (garbage collector and compiler included), in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** CPU microseconds of one run of `task`. */
export function cpuOf(task: () => void): number {
  const before = cpuUs()
  task()
  return cpuUs() - before
}

/** The value below which a share `q` of the sample lies; `q` = 0.5 is the median. */
export function quantile(sample: readonly number[], q: number): number {
  if (sample.length === 0) return Number.NaN
  const sorted = [...sample].sort((a, b) => a - b)
  const position = (sorted.length - 1) * q
  const low = sorted[Math.floor(position)]!
  const high = sorted[Math.ceil(position)]!
  return low + (high - low) * (position - Math.floor(position))
}

export function median(sample: readonly number[]): number {
  return quantile(sample, 0.5)
}

/** What two or more ways of doing one thing cost, taken in turns so that a busy machine disturbs all alike. */
export interface Comparison<N extends string> {
  /** Median CPU microseconds of one call. */
  us(name: N): number
  /** The median over the rounds of cost(`a`) / cost(`b`). */
  ratio(a: N, b: N): number
}

/** A turn lasts about so long: far above the resolution of the CPU clock, far below a second of noise. */
const TURN_US = 20_000
/** Until V8 has optimised the code, a call costs several times what it costs later. */
const WARM_UP_US = 300_000
const FEWEST_ROUNDS = 5

/** Runs the contenders in turns for about `seconds` of CPU time together. */
export function compare<N extends string>(
  seconds: number,
  contenders: Readonly<Record<N, () => void>>,
): Comparison<N> {
  const names = Object.keys(contenders) as N[]
  const calls = new Map(names.map(name => [name, callsPerTurn(contenders[name])]))
  const costs = new Map(names.map(name => [name, [] as number[]]))
  const end = cpuUs() + seconds * 1e6
  for (let round = 0; round < FEWEST_ROUNDS || cpuUs() < end; round++) {
    for (const name of names) {
      const count = calls.get(name)!
      const used = cpuOf(() => {
        for (let i = 0; i < count; i++) contenders[name]()
      })
      costs.get(name)!.push(used / count)
    }
  }
  return {
    us: name => median(costs.get(name)!),
    ratio: (a, b) => median(costs.get(a)!.map((cost, round) => cost / costs.get(b)![round]!)),
  }
}

/** Warms a contender up and finds how many calls make a turn. */
function callsPerTurn(call: () => void): number {
  const start = cpuUs()
  let calls = 0
  while (cpuUs() - start < WARM_UP_US) {
    call()
    calls++
  }
  const warm = cpuOf(call)
  return Math.max(1, Math.round(TURN_US / Math.max(warm, WARM_UP_US / calls / 20)))
}
