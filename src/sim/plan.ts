import { randomBelow, randomUnit, SeededRng } from '../base/index.ts'
import type { KeyKind } from '../wire/index.ts'
import { type Misdeed, STORM_MISDEEDS } from './misdeeds.ts'
import { CALM, type Conditions } from './network.ts'

/** Everything that a seed decides before the first event. */
export interface Plan {
  readonly kinds: readonly KeyKind[]
  readonly conditions: Conditions
  /** Mean pause between two faults of each kind; undefined: this seed has none of them. */
  readonly partitionEveryMs: number | undefined
  readonly crashEveryMs: number | undefined
  readonly clockJumpEveryMs: number | undefined
  readonly fullDiskEveryMs: number | undefined
  readonly outageAtMs: number | undefined
  /** A machine loses its whole disk then, and has nothing left but its keystore. */
  readonly diskLossAtMs: number | undefined
  readonly recordMissRate: number
  /** How long a disk takes to make a write durable. */
  readonly syncMs: number
  readonly byzantine: ReadonlyMap<number, Misdeed>
  /** A host that stays away until the storm is over; what happened meanwhile must reach it afterwards. */
  readonly absent: number | undefined
  /** A host that runs another program than the network asks for: it takes part, and is given no slots. */
  readonly tampered: number | undefined
}

/** One seed in so many runs real groups, two kinds in turn: they cost a hundred times the toy. Trials in a tenth, with one. */
const REAL_EVERY = 10
const REAL_TRIAL_EVERY = 10

function realKinds(turn: number): readonly KeyKind[] {
  return [turn, turn + 1].map(at => REAL_KINDS[at % REAL_KINDS.length]!)
}
const REAL_KINDS = ['ed25519', 'secp256k1', 'ristretto255', 'x25519'] as const

/** How many of the seeds that spare a host ask for attestation. */
const TAMPERED_RATE = 0.3

/** The most faulty validators that n can bear. */
export function mostFaulty(nodes: number): number {
  return Math.floor((nodes - 1) / 3)
}

/**
 * Draws a seed's plan. Each kind of fault is there in some seeds and not in others: faults that mask each other's
 * effects are found apart (Groce et al., "Swarm testing", ISSTA 2012).
 */
export function drawPlan(seed: number, nodes: number, spanMs: number): Plan {
  const rng = new SeededRng(`plan/${seed}`)
  const chance = (rate: number): boolean => randomUnit(rng) < rate
  const between = (low: number, high: number): number => low + randomUnit(rng) * (high - low)
  const maybe = <T>(rate: number, value: () => T): T | undefined => (chance(rate) ? value() : undefined)
  const conditions: Conditions = {
    lossRate: maybe(0.6, () => between(0.005, 0.1)) ?? 0,
    duplicateRate: maybe(0.5, () => between(0.01, 0.2)) ?? 0,
    reorderRate: maybe(0.5, () => between(0.05, 0.5)) ?? 0,
    slowRate: maybe(0.5, () => between(0.01, 0.1)) ?? 0,
    slowMs: between(50, 1500),
    minDelayMs: CALM.minDelayMs,
    maxDelayMs: between(5, 80),
  }
  const byzantine = new Map<number, Misdeed>()
  if (chance(0.3)) {
    const count = 1 + randomBelow(rng, Math.max(1, mostFaulty(nodes)))
    while (byzantine.size < Math.min(count, mostFaulty(nodes))) {
      byzantine.set(randomBelow(rng, nodes), STORM_MISDEEDS[randomBelow(rng, STORM_MISDEEDS.length)]!)
    }
  }
  const isSpare = mostFaulty(nodes) > byzantine.size
  const absent = maybe(0.15, () => randomBelow(rng, nodes))
  const isAway = isSpare && absent !== undefined && !byzantine.has(absent)
  return {
    kinds: seed % REAL_EVERY === 0 ? [...realKinds(seed / REAL_EVERY), 'toy'] : ['toy'],
    conditions,
    partitionEveryMs: maybe(0.5, () => between(3000, 15_000)),
    crashEveryMs: maybe(0.6, () => between(3000, 15_000)),
    clockJumpEveryMs: maybe(0.4, () => between(5000, 20_000)),
    fullDiskEveryMs: maybe(0.25, () => between(5000, 20_000)),
    outageAtMs: maybe(0.2, () => between(0.2, 0.8) * spanMs),
    recordMissRate: maybe(0.4, () => between(0.05, 0.5)) ?? 0,
    syncMs: between(1, 40),
    byzantine,
    absent: isAway ? absent : undefined,
    // one that has forgotten its votes counts among the faulty
    diskLossAtMs: isSpare && !isAway ? maybe(0.3, () => between(0.1, 0.9) * spanMs) : undefined,
    tampered: byzantine.size === 0 && absent === undefined ? drawTampered(seed, nodes) : undefined,
  }
}

/** From a stream of its own, so that the seeds keep the weather that they had. */
function drawTampered(seed: number, nodes: number): number | undefined {
  const rng = new SeededRng(`plan/${seed}/tampered`)
  return mostFaulty(nodes) > 0 && randomUnit(rng) < TAMPERED_RATE ? randomBelow(rng, nodes) : undefined
}

/** One trial in so many has weather at all: what is slow to come to light must not be hidden by what is broken. */
const STORMY_EVERY = 2

/**
 * A seed's plan with one Byzantine host and this one misdeed of it. In every other seed the weather is as bad as the
 * seed would have it, but no power cut and nobody absent: those would be faults beyond f.
 */
export function drawTrial(seed: number, nodes: number, spanMs: number, misdeed: Misdeed): Plan {
  const drawn = drawPlan(seed, nodes, spanMs)
  const rng = new SeededRng(`trial/${seed}`)
  const weather: Partial<Plan> =
    randomBelow(rng, STORMY_EVERY) === 0
      ? { outageAtMs: undefined }
      : {
          ...{ conditions: CALM, partitionEveryMs: undefined, crashEveryMs: undefined },
          ...{ clockJumpEveryMs: undefined, fullDiskEveryMs: undefined, outageAtMs: undefined },
          recordMissRate: 0,
        }
  const byzantine = new Map([[randomBelow(rng, nodes), misdeed]])
  const kind = REAL_KINDS[randomBelow(rng, REAL_KINDS.length)]!
  const kinds: Plan['kinds'] = [seed % REAL_TRIAL_EVERY === 0 ? kind : 'toy']
  return { ...drawn, ...weather, kinds, byzantine, absent: undefined, tampered: undefined }
}
