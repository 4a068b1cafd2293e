import assert from 'node:assert/strict'
import { randomBelow, randomUnit, SeededRng } from '../../src/base/index.ts'
import {
  beaconCoordinate,
  type Coordinate,
  coordinateOf,
  moved,
  ORIGIN,
  predictMs,
} from '../../src/trust/index.ts'

interface Place {
  readonly x: number
  readonly y: number
  readonly linkMs: number
}

/** Nodes on a plane 100 ms wide, each behind an access link of its own. */
function places(count: number, rng: SeededRng): Place[] {
  return Array.from({ length: count }, () => ({
    x: 100 * randomUnit(rng),
    y: 100 * randomUnit(rng),
    linkMs: 10 * randomUnit(rng),
  }))
}

function roundTripMs(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y) + a.linkMs + b.linkMs
}

function converge(all: readonly Place[], rounds: number, rng: SeededRng): Coordinate[] {
  const own = all.map(() => ORIGIN)
  for (let round = 0; round < rounds; round++) {
    for (const [node, place] of all.entries()) {
      const other = (node + 1 + randomBelow(rng, all.length - 1)) % all.length
      own[node] = moved(own[node]!, own[other]!, roundTripMs(place, all[other]!), rng)
    }
  }
  return own
}

function medianError(all: readonly Place[], coordinates: readonly Coordinate[]): number {
  const errors = all.flatMap((a, i) =>
    all.slice(i + 1).map((b, j) => {
      const realMs = roundTripMs(a, b)
      return Math.abs(predictMs(coordinates[i]!, coordinates[i + 1 + j]!) - realMs) / realMs
    }),
  )
  return errors.sort((a, b) => a - b)[Math.floor(errors.length / 2)]!
}

describe('Vivaldi coordinates', () => {
  it('predict round trips between nodes that never spoke, once they have settled', () => {
    const rng = new SeededRng('plane')
    const all = places(24, rng)
    const coordinates = converge(all, 400, rng)
    assert.ok(medianError(all, coordinates) < 0.05, `${medianError(all, coordinates)}`)
    assert.ok(medianError(all, converge(all, 4, rng)) > 0.1, 'which they have not from the start')
    for (const { error } of coordinates) assert.ok(error < 0.2, `${error}`)
  })

  it('give access links their heights', () => {
    const rng = new SeededRng('links')
    const all = places(16, rng).map((place, node) => ({ ...place, linkMs: node === 0 ? 60 : 1 }))
    const [far, ...near] = converge(all, 400, rng)
    for (const each of near) assert.ok(far!.heightMs > each.heightMs + 20)
  })

  it('two nodes on one spot part', () => {
    const rng = new SeededRng('parting')
    const one = moved(ORIGIN, ORIGIN, 50, rng)
    assert.ok(predictMs(one, ORIGIN) > 5)
  })

  it('stay finite and within what beacons carry, whatever a liar claims', () => {
    const rng = new SeededRng('liar')
    const liar: Coordinate = { position: [9_999, -9_999, 9_999], heightMs: 9_999, error: 0.001 }
    let own = ORIGIN
    for (let ping = 0; ping < 1000; ping++) own = moved(own, liar, randomUnit(rng), rng)
    const { positionUs, heightUs, errorPermille } = beaconCoordinate(own)
    for (const value of [...positionUs, heightUs])
      assert.ok(Number.isSafeInteger(value) && Math.abs(value) <= 1e7)
    assert.ok(errorPermille >= 1 && errorPermille <= 1000)
  })

  it('survive the beacon to the microsecond', () => {
    const coordinate: Coordinate = { position: [1.25, -3.5, 0.001], heightMs: 2.75, error: 0.125 }
    assert.deepEqual(coordinateOf(beaconCoordinate(coordinate)), coordinate)
  })
})
