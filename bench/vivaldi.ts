import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { randomBelow, SeededRng } from '../src/base/index.ts'
import {
  beaconCoordinate,
  type Coordinate,
  coordinateOf,
  moved,
  ORIGIN,
  predictMs,
} from '../src/trust/index.ts'
import { median, quantile } from './measure.ts'
import type { Part } from './report.ts'

/** A daemon of a small network pings all others every beacon; here each has this many of the 490. */
const NEIGHBOURS = 15
const BEACONS = 100
const REQUESTS = 20_000
const HOLDERS = 7
const THRESHOLD = 3

export const vivaldi: Part = {
  name: 'vivaldi',
  title: 'Vivaldi coordinates on the PlanetLab matrix (490 nodes)',
  async run({ figure, remark }) {
    const roundTripsMs = readMatrix()
    const rng = new SeededRng('vivaldi')
    const coordinates = converge(roundTripsMs, rng)
    remark(`${BEACONS} beacons, ${NEIGHBOURS} fixed random neighbours pinged at each; errors over all pairs`)
    const errors: number[] = []
    for (const [a, row] of roundTripsMs.entries()) {
      for (const [b, ms] of row.entries()) {
        if (a < b) errors.push(100 * Math.abs(predictMs(coordinates[a]!, coordinates[b]!) / ms - 1))
      }
    }
    figure({
      name: 'median relative error of predicted round trips',
      value: median(errors),
      unit: '%',
      target: { atMost: 20 },
    })
    figure({ name: '90th percentile of it', value: quantile(errors, 0.9), unit: '%' })
    remark(
      `latency of a request: the slowest of the chosen ${THRESHOLD} of ${HOLDERS}; ${REQUESTS} random requests`,
    )
    const { chosenMs, bestMs, anyMs, excess } = choose(roundTripsMs, coordinates, rng)
    figure({ name: 'chosen by prediction', value: chosenMs, unit: 'ms' })
    figure({ name: 'the best choice there was', value: bestMs, unit: 'ms' })
    figure({ name: 'chosen at random', value: anyMs, unit: 'ms' })
    figure({
      name: 'chosen against best, mean of ratios',
      value: excess,
      unit: 'x',
      target: { atMost: 1.15 },
    })
  },
}

/** The file holds what is above the diagonal of the symmetric matrix. */
function readMatrix(): number[][] {
  const text = gunzipSync(readFileSync(`${import.meta.dirname}/data/planetlab.tsv.gz`)).toString()
  const upper = text
    .trim()
    .split('\n')
    .map(line => line.split('\t').map(Number))
  const count = upper.length + 1
  const at = (a: number, b: number): number => (a === b ? 0 : upper[Math.min(a, b)]![Math.abs(a - b) - 1]!)
  return Array.from({ length: count }, (_, a) => Array.from({ length: count }, (_, b) => at(a, b)))
}

function distinct(rng: SeededRng, count: number, below: number, not: number): number[] {
  const drawn = new Set<number>()
  while (drawn.size < count) {
    const one = randomBelow(rng, below)
    if (one !== not) drawn.add(one)
  }
  return [...drawn]
}

/** As daemons do it: what a node knows of another is its last beacon, rounded as beacons round. */
function converge(roundTripsMs: readonly (readonly number[])[], rng: SeededRng): Coordinate[] {
  const count = roundTripsMs.length
  const neighbours = roundTripsMs.map((_, node) => distinct(rng, NEIGHBOURS, count, node))
  let own: Coordinate[] = roundTripsMs.map(() => ORIGIN)
  for (let beacon = 0; beacon < BEACONS; beacon++) {
    const heard = own.map(coordinate => coordinateOf(beaconCoordinate(coordinate)))
    own = own.map((coordinate, node) =>
      neighbours[node]!.reduce(
        (now, other) => moved(now, heard[other]!, roundTripsMs[node]![other]!, rng),
        coordinate,
      ),
    )
  }
  return own
}

interface Choices {
  readonly chosenMs: number
  readonly bestMs: number
  readonly anyMs: number
  readonly excess: number
}

function choose(
  roundTripsMs: readonly (readonly number[])[],
  coordinates: readonly Coordinate[],
  rng: SeededRng,
): Choices {
  const sums = { chosen: 0, best: 0, any: 0, ratio: 0 }
  for (let request = 0; request < REQUESTS; request++) {
    const gateway = randomBelow(rng, roundTripsMs.length)
    const holders = distinct(rng, HOLDERS, roundTripsMs.length, gateway)
    const realMs = (holder: number): number => roundTripsMs[gateway]![holder]!
    const thoughtMs = (holder: number): number => predictMs(coordinates[gateway]!, coordinates[holder]!)
    const slowest = (order: readonly number[]): number => Math.max(...order.slice(0, THRESHOLD).map(realMs))
    const chosen = slowest([...holders].sort((a, b) => thoughtMs(a) - thoughtMs(b)))
    const best = slowest([...holders].sort((a, b) => realMs(a) - realMs(b)))
    sums.chosen += chosen
    sums.best += best
    sums.any += slowest(holders)
    sums.ratio += chosen / best
  }
  return {
    chosenMs: sums.chosen / REQUESTS,
    bestMs: sums.best / REQUESTS,
    anyMs: sums.any / REQUESTS,
    excess: sums.ratio / REQUESTS,
  }
}
