import { type Rng, randomUnit } from '../base/index.ts'
import { type BeaconCoordinate, COORDINATE_DIMENSIONS } from '../wire/index.ts'

/**
 * Network coordinates (Dabek, Cox, Kaashoek and Morris, "Vivaldi: a decentralized network coordinate system", SIGCOMM
 * 2004): the distance between two nodes' coordinates predicts the round trip between them. The height stands for a
 * node's access link, which every packet to or from it crosses (section 5.4).
 */
export interface Coordinate {
  /** COORDINATE_DIMENSIONS numbers, in milliseconds. */
  readonly position: readonly number[]
  readonly heightMs: number
  /** How wrong its predictions have been of late, as a share of the round trip: 1 at first. */
  readonly error: number
}

/** c_e and c_c of the paper's Figure 3: how fast the error estimate and the position follow. */
const ERROR_GAIN = 0.25
const POSITION_GAIN = 0.25

const MIN_HEIGHT_MS = 0.01
const MIN_ROUND_TRIP_MS = 0.01
const MIN_ERROR = 0.01
const MAX_ERROR = 1

export const ORIGIN: Coordinate = {
  position: new Array<number>(COORDINATE_DIMENSIONS).fill(0),
  heightMs: MIN_HEIGHT_MS,
  error: MAX_ERROR,
}

/** The predicted round trip, in milliseconds: |x_a - x_b| + h_a + h_b. */
export function predictMs(a: Coordinate, b: Coordinate): number {
  return distance(a, b) + a.heightMs + b.heightMs
}

function distance(a: Coordinate, b: Coordinate): number {
  return Math.hypot(...a.position.map((value, axis) => value - b.position[axis]!))
}

/** `own` after a round trip to a node at `other` took `roundTripMs`: Figure 3 of the paper, line by line. */
export function moved(own: Coordinate, other: Coordinate, roundTripMs: number, rng: Rng): Coordinate {
  const measuredMs = Math.max(MIN_ROUND_TRIP_MS, roundTripMs)
  // (1) how much to believe this sample: our confidence against theirs
  const weight = own.error / (own.error + other.error)
  // (2) how wrong the prediction was
  const predictedMs = predictMs(own, other)
  const sampleError = Math.abs(predictedMs - measuredMs) / measuredMs
  // (3) the moving average of that
  const gain = ERROR_GAIN * weight
  const error = Math.min(MAX_ERROR, Math.max(MIN_ERROR, sampleError * gain + own.error * (1 - gain)))
  // (4) the step: smaller, the surer we are
  const stepMs = POSITION_GAIN * weight * (measuredMs - predictedMs)
  const apart = distance(own, other)
  const direction =
    apart > 0 ? own.position.map((value, axis) => (value - other.position[axis]!) / apart) : anywhere(rng)
  // with heights a vector is [x, h], and its length |x| + h: the height moves with its share
  const total = predictedMs > 0 ? predictedMs : 1
  const along = apart > 0 ? apart / total : 1
  const up = (own.heightMs + other.heightMs) / total
  return {
    position: own.position.map((value, axis) => value + stepMs * along * direction[axis]!),
    heightMs: Math.max(MIN_HEIGHT_MS, own.heightMs + stepMs * up),
    error,
  }
}

/** A random unit vector: two nodes on one spot must part. */
function anywhere(rng: Rng): number[] {
  const vector = Array.from({ length: COORDINATE_DIMENSIONS }, () => randomUnit(rng) - 0.5)
  const length = Math.hypot(...vector) || 1
  return vector.map(value => value / length)
}

const US_PER_MS = 1000
const MAX_US = 10_000_000

/** As beacons carry it: whole microseconds, within what the wire takes. */
export function beaconCoordinate({ position, heightMs, error }: Coordinate): BeaconCoordinate {
  const us = (ms: number): number => Math.max(-MAX_US, Math.min(MAX_US, Math.round(ms * US_PER_MS)))
  return { positionUs: position.map(us), heightUs: us(heightMs), errorPermille: Math.ceil(error * 1000) }
}

export function coordinateOf({ positionUs, heightUs, errorPermille }: BeaconCoordinate): Coordinate {
  return {
    position: positionUs.map(us => us / US_PER_MS),
    heightMs: heightUs / US_PER_MS,
    error: errorPermille / 1000,
  }
}
