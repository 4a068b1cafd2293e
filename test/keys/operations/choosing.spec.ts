import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import { utf8 } from '../../../src/base/index.ts'
import { type Candidate, chooseHolders } from '../../../src/keys/operations/choosing.ts'
import { Standings } from '../../../src/keys/operations/standing.ts'

function candidate(peerId: string, changes: Partial<Candidate> = {}): Candidate {
  return {
    peerId,
    slots: [peerId.charCodeAt(0)],
    isSelf: false,
    latencyMs: 10,
    roundTrips: 1,
    inFlight: 0,
    isConnected: true,
    isBackedOff: false,
    trust: 1,
    ...changes,
  }
}

const salt = utf8('salt')

function names(candidates: readonly Candidate[], needed: number): string[] {
  return chooseHolders(candidates, needed, salt)
    .map(({ peerId }) => peerId)
    .sort()
}

describe('choosing holders', () => {
  it('takes the smallest set that suffices, with exactly the slots needed', () => {
    const candidates = [
      candidate('a', { slots: [1] }),
      candidate('b', { slots: [2] }),
      candidate('c', { slots: [3, 4, 5] }),
      candidate('d', { slots: [6] }),
    ]
    const chosen = chooseHolders(candidates, 4, salt)
    equal(chosen.length, 2)
    equal(chosen.flatMap(({ slots }) => slots).length, 4)
    deepEqual(chooseHolders(candidates, 3, salt), [{ peerId: 'c', slots: [3, 4, 5] }])
  })

  it('drops whom a larger holder has made superfluous', () => {
    const near = candidate('n', { slots: [1], isSelf: true, latencyMs: 0 })
    const large = candidate('l', { slots: [2, 3, 4] })
    deepEqual(names([near, large], 3), ['l'])
  })

  it('lets each term decide when all others are equal', () => {
    const better: Array<readonly [Partial<Candidate>, Partial<Candidate>]> = [
      [{ latencyMs: 10 }, { latencyMs: 20 }],
      [{ isSelf: true }, {}],
      [{}, { roundTrips: 2 }],
      [{}, { inFlight: 3 }],
      [{}, { trust: 0.5 }],
      [{ latencyMs: 900 }, { isConnected: false }],
      [{ isConnected: false }, { isBackedOff: true }],
    ]
    for (const [good, bad] of better) {
      deepEqual(names([candidate('x', bad), candidate('y', good)], 1), ['y'])
      deepEqual(names([candidate('y', bad), candidate('x', good)], 1), ['x'])
    }
  })

  it('gives what there is when that is too little', () => {
    deepEqual(names([candidate('a')], 3), ['a'])
    deepEqual(names([], 3), [])
  })

  it('depends on the salt among equals, and never on the order of arrival', () => {
    const candidates = ['a', 'b', 'c', 'd', 'e'].map(peerId => candidate(peerId))
    deepEqual(names(candidates, 3), names(candidates.toReversed(), 3))
    const firsts = new Set(
      Array.from({ length: 20 }, (_, round) => chooseHolders(candidates, 1, utf8(`${round}`))[0]!.peerId),
    )
    ok(firsts.size > 2)
    notDeepEqual([...firsts], ['a'])
  })
})

describe("a gateway's memory of its holders", () => {
  it('hedges after the mean and four deviations, and never before 50 ms', () => {
    const standings = new Standings('self')
    for (let round = 0; round < 50; round++) standings.answered('fast', 2, 0)
    equal(standings.hedgeAfterMs('fast'), 50)
    for (let round = 0; round < 200; round++) standings.answered('far', 100, 0)
    ok(Math.abs(standings.hedgeAfterMs('far') - 100) < 1)
  })

  it('forgets slowness with time, and failures with a new connection, but not cheating', () => {
    const standings = new Standings('self')
    for (let round = 0; round < 20; round++) standings.slow('peer', 1_000, 0)
    ok(standings.expectedMs('peer', 0) > 500)
    ok(standings.expectedMs('peer', 300_000) < 5)
    standings.failed('peer', 0)
    ok(standings.isBackedOff('peer', 100))
    ok(!standings.isBackedOff('peer', 1_000))
    standings.failed('peer', 1_000)
    ok(standings.isBackedOff('peer', 1_900))
    standings.connection('peer', true)
    ok(!standings.isBackedOff('peer', 1_900))
    standings.cheated('peer', 2_000)
    standings.connection('peer', true)
    ok(standings.isBackedOff('peer', 100_000))
  })
})
