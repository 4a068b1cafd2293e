import assert from 'node:assert/strict'
import { OstrakaError } from '../../src/base/index.ts'
import {
  createObservations,
  makeReport,
  noteAnswer,
  noteBeat,
  type ObservationState,
} from '../../src/trust/index.ts'
import { opinionOf } from '../../src/trust/scores.ts'
import type { Report } from '../../src/wire/index.ts'

const INTERVAL_MS = 5000
const SUBJECTS = ['a', 'b']

/** Beats every interval from `fromMs` on; `b` is heard of until `lostMs`. */
function beat(
  state: ObservationState,
  fromMs: number,
  beats: number,
  lostMs: number,
  isExcessive: (peerId: string) => boolean = () => false,
): number {
  let nowMs = fromMs
  for (let index = 0; index < beats; index++, nowMs += INTERVAL_MS) {
    noteBeat(
      state,
      SUBJECTS,
      peerId => (peerId === 'a' ? nowMs - 100 : Math.min(nowMs, lostMs)),
      isExcessive,
      nowMs,
    )
  }
  return nowMs
}

function report(state: ObservationState, nowMs: number, epoch = 0, wrong = 0): Report | undefined {
  const endsMs = (epoch + 1) * 30_000
  return makeReport(
    state,
    { epoch, endsMs, subjects: SUBJECTS, wrong: () => wrong, roundTripMs: () => 12.4 },
    nowMs,
  )
}

describe('observations', () => {
  it('say nothing of those who keep their promises', () => {
    const state = createObservations(INTERVAL_MS)
    const nowMs = beat(state, 0, 7, Number.POSITIVE_INFINITY)
    noteAnswer(state, 'a', undefined)
    assert.deepEqual(report(state, nowMs), { type: 'report', epoch: 0, observations: [] })
  })

  it('tell who was silent, late or wrong', () => {
    const state = createObservations(INTERVAL_MS)
    const nowMs = beat(state, 0, 7, 5000)
    noteAnswer(state, 'a', new OstrakaError('deadline_exceeded', 'too late'))
    noteAnswer(state, 'a', new OstrakaError('forbidden', 'an answer all the same, of a kind'))
    assert.deepEqual(report(state, nowMs, 0, 2)?.observations, [
      {
        subject: 'a',
        beaconsDue: 5,
        beaconsSeen: 5,
        answers: 0,
        late: 1,
        wrong: 2,
        excess: 0,
        roundTripMs: 12,
      },
      {
        subject: 'b',
        beaconsDue: 5,
        beaconsSeen: 2,
        answers: 0,
        late: 0,
        wrong: 2,
        excess: 0,
        roundTripMs: 12,
      },
    ])
    const laterMs = beat(state, nowMs, 5, Number.POSITIVE_INFINITY)
    assert.deepEqual(report(state, laterMs, 1, 2)?.observations, [], 'what was told is not told again')
  })

  it('name a peer that went over its budgets, by the beats in which it did', () => {
    const state = createObservations(INTERVAL_MS)
    let beats = 0
    const nowMs = beat(state, 0, 7, Number.POSITIVE_INFINITY, peerId => peerId === 'a' && ++beats <= 3)
    const [first, ...rest] = report(state, nowMs)!.observations
    assert.deepEqual(rest, [], 'and nobody else')
    assert.deepEqual([first!.subject, first!.excess, first!.beaconsDue], ['a', 3, 5])
    assert.equal(opinionOf(first), 400)
    const laterMs = beat(state, nowMs, 5, Number.POSITIVE_INFINITY)
    assert.deepEqual(report(state, laterMs, 1)?.observations, [], 'what was told is not told again')
  })

  it('a peer that refuses for want of budget is neither late nor wrong', () => {
    const state = createObservations(INTERVAL_MS)
    const nowMs = beat(state, 0, 7, Number.POSITIVE_INFINITY)
    for (let asked = 0; asked < 100; asked++) {
      noteAnswer(state, 'a', new OstrakaError('overloaded', 'over what this peer may ask'))
    }
    assert.deepEqual(report(state, nowMs)?.observations, [])
  })

  it('are reported once an epoch, near its end, and never from too little', () => {
    const state = createObservations(INTERVAL_MS)
    beat(state, 0, 5, 0)
    assert.equal(report(state, 19_000), undefined)
    assert.equal(report(state, 20_000), undefined, 'three beats that count')
    beat(state, 25_000, 1, 0)
    assert.ok(report(state, 25_000))
    beat(state, 30_000, 6, 0)
    assert.equal(report(state, 29_000), undefined, 'once')
    assert.ok(report(state, 55_000, 1))
  })

  it('a node that slept blames nobody for what it missed', () => {
    const state = createObservations(INTERVAL_MS)
    beat(state, 0, 4, Number.POSITIVE_INFINITY)
    beat(state, 120_000, 1, 15_000)
    const nowMs = beat(state, 125_000, 4, Number.POSITIVE_INFINITY)
    assert.deepEqual(report(state, nowMs, 4)?.observations, [])
  })
})
