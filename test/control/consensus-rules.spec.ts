import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { blockIdOf } from '../../src/control/ids.ts'
import { verifyCertificate } from '../../src/control/index.ts'
import { START_MS, TIMING } from './fixture.ts'
import { Scenario } from './scenario.ts'

/** Four validators, f = 1, q = 3. The one under test is the last in turn unless its proposing is the matter. */
function started(): Scenario {
  const scenario = new Scenario(3)
  scenario.want()
  scenario.said()
  return scenario
}

/** Locked on block A in round 0, by rule 36. */
function locked(): { scenario: Scenario; a: ReturnType<Scenario['block']> } {
  const scenario = started()
  const a = scenario.block('A', 0)
  scenario.propose(0, a)
  scenario.prevote([0, 1], 0, a)
  assert.deepEqual(scenario.said(), ['prevote 0 A', 'precommit 0 A'])
  return { scenario, a }
}

function toRound(scenario: Scenario, round: number): void {
  scenario.precommit([0, 1], round, null)
  assert.equal(scenario.state.round, round)
}

describe('arXiv:1807.04938 Algorithm 1', () => {
  it('lines 14 to 19: the proposer of a round broadcasts a fresh value', () => {
    const scenario = new Scenario(0)
    scenario.want()
    assert.deepEqual(scenario.said(), ['propose 0 own valid -1', 'prevote 0 own'])
    assert.equal(scenario.state.timers.has('propose'), false)
  })

  it('lines 15 and 16: the proposer proposes its valid value again, with the prevotes that made it valid', () => {
    const scenario = new Scenario(1)
    scenario.want()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    scenario.prevote([0, 2], 0, a)
    scenario.said()
    scenario.precommit([0, 2], 0, null)
    scenario.fire('precommit')
    const proposal = scenario.effects.find(e => e.type === 'broadcast' && e.message.type === 'proposal')
    assert.ok(proposal?.type === 'broadcast' && proposal.message.type === 'proposal')
    assert.equal(proposal.message.justification.length, 3)
    assert.deepEqual(proposal.message.block, a)
    assert.ok(scenario.said().includes('propose 1 A valid 0'))
  })

  it('line 21: the others wait for it, longer in each round', () => {
    const scenario = started()
    const startMs = scenario.nowMs
    assert.equal(scenario.state.timers.get('propose'), startMs + TIMING.proposeMs)
    toRound(scenario, 2)
    assert.equal(scenario.state.timers.get('propose'), startMs + TIMING.proposeMs + 2 * TIMING.roundDeltaMs)
  })

  it('lines 22 to 24: a valid fresh proposal gets a prevote', () => {
    const scenario = started()
    scenario.propose(0, scenario.block('A', 0))
    assert.deepEqual(scenario.said(), ['prevote 0 A'])
    assert.equal(scenario.state.step, 'prevote')
  })

  it('line 26: an invalid proposal gets a prevote for nil', () => {
    const wrong = {
      'of another state': { stateRoot: new Uint8Array(32) },
      'on another block': { previous: new Uint8Array(32) },
      'of another height': { height: 2 },
      'of the past': { timeMs: START_MS },
      'of another proposer': { proposer: new Uint8Array(32) },
      'of another round': { round: 1 },
    }
    for (const [why, change] of Object.entries(wrong)) {
      const scenario = started()
      const good = scenario.block('A', 0)
      scenario.propose(0, scenario.name('bad', { ...good, header: { ...good.header, ...change } }))
      assert.deepEqual(scenario.said(), ['prevote 0 nil'], why)
    }
  })

  it('line 26: a fresh block gets a prevote only within the agreed precision, and the delay of its round behind', () => {
    for (const [round, offMs, word] of [
      [0, 500, 'A'],
      [0, 501, 'nil'],
      [0, -500 - TIMING.proposeMs, 'A'],
      [0, -501 - TIMING.proposeMs, 'nil'],
      // the delay doubles, the precision does not
      [2, 501, 'nil'],
      [2, -500 - 4 * TIMING.proposeMs, 'A'],
      [2, -501 - 4 * TIMING.proposeMs, 'nil'],
    ] as const) {
      const scenario = started()
      toRound(scenario, round)
      scenario.said()
      scenario.nowMs += 10_000
      scenario.propose(round, scenario.block('A', round, scenario.nowMs + offMs))
      assert.deepEqual(scenario.said(), [`prevote ${round} ${word}`], `round ${round}, ${offMs} ms`)
    }
  })

  it('line 26: the least time that may follow is never too far ahead of a clock', () => {
    const scenario = started()
    scenario.nowMs = START_MS - 10_000
    scenario.propose(0, scenario.block('A', 0, START_MS + 1))
    assert.deepEqual(scenario.said(), ['prevote 0 A'])
  })

  it('line 28: the time of a block that is proposed again is not asked for', () => {
    const scenario = started()
    const a = scenario.block('A', 0)
    scenario.prevote([0, 1, 2], 0, a)
    toRound(scenario, 1)
    scenario.said()
    scenario.nowMs += 3_600_000
    scenario.propose(1, a, 0)
    assert.deepEqual(scenario.said(), ['prevote 1 A'])
  })

  it('line 23: a locked validator prevotes nil for another fresh value, and its own value again', () => {
    const { scenario } = locked()
    toRound(scenario, 1)
    scenario.propose(1, scenario.block('B', 1))
    assert.deepEqual(scenario.said(), ['prevote 1 nil'])
  })

  it('lines 28 to 30: a value with a quorum of prevotes no older than the lock is prevoted though another is locked', () => {
    const { scenario } = locked()
    toRound(scenario, 2)
    const b = scenario.block('B', 1)
    scenario.propose(2, b, 1)
    assert.deepEqual(scenario.said(), [], 'not before the quorum of round 1 is here')
    // one of them has voted for nil too, and is no less counted
    scenario.prevote([0, 1, 2], 1, b)
    assert.deepEqual(scenario.said(), ['prevote 2 B'])
  })

  it('line 28: the justification that comes with a proposal is as good as the votes themselves', () => {
    const { scenario } = locked()
    toRound(scenario, 2)
    const b = scenario.block('B', 1)
    const justification = [0, 1, 2].map(voter => scenario.voteOf('prevote', voter, 1, b).vote)
    scenario.propose(2, b, 1, justification)
    assert.deepEqual(scenario.said(), ['prevote 2 B'])
  })

  it('line 28: a justification of forged votes, or of other rounds, is worth nothing', () => {
    const { scenario } = locked()
    toRound(scenario, 2)
    const b = scenario.block('B', 1)
    const right = scenario.voteOf('prevote', 0, 1, b).vote
    const forged = { ...scenario.voteOf('prevote', 1, 1, b).vote, signature: right.signature }
    const elsewhere = scenario.voteOf('prevote', 2, 0, b).vote
    scenario.propose(2, b, 1, [right, forged, elsewhere])
    assert.deepEqual(scenario.said(), [])
  })

  it('line 32: a value whose quorum is older than the lock gets nil', () => {
    const scenario = started()
    toRound(scenario, 1)
    const b = scenario.block('B', 1)
    scenario.propose(1, b)
    scenario.prevote([0, 1], 1, b)
    assert.equal(scenario.state.lockedRound, 1)
    scenario.said()
    toRound(scenario, 2)
    const a = scenario.block('A', 0)
    scenario.propose(
      2,
      a,
      0,
      [0, 1, 2].map(voter => scenario.voteOf('prevote', voter, 0, a).vote),
    )
    assert.deepEqual(scenario.said(), ['prevote 2 nil'])
  })

  it('lines 34 and 35: a quorum of prevotes for anything starts the timer, once', () => {
    const scenario = started()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    scenario.prevote([0], 0, null)
    assert.equal(scenario.state.timers.has('prevote'), false)
    scenario.prevote([1], 0, a)
    const dueMs = scenario.nowMs + TIMING.voteMs
    assert.equal(scenario.state.timers.get('prevote'), dueMs)
    scenario.nowMs += 50
    scenario.prevote([2], 0, null)
    assert.equal(scenario.state.timers.get('prevote'), dueMs)
    assert.deepEqual(scenario.said(), ['prevote 0 A'])
  })

  it('lines 36 to 41: a quorum of prevotes locks the value and precommits it', () => {
    const { scenario, a } = locked()
    assert.equal(scenario.state.lockedRound, 0)
    assert.equal(toHex(scenario.state.lockedValue!.blockId), toHex(blockIdOf(a.header)))
    assert.equal(scenario.state.validRound, 0)
  })

  it('lines 42 and 43: a quorum that comes after the precommit makes the value valid, not locked', () => {
    const scenario = started()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    scenario.prevote([0], 0, a)
    scenario.prevote([1], 0, null)
    scenario.fire('prevote')
    assert.deepEqual(scenario.said(), ['prevote 0 A', 'precommit 0 nil'])
    scenario.prevote([2], 0, a)
    assert.equal(scenario.state.validRound, 0)
    assert.equal(scenario.state.lockedRound, -1)
    assert.deepEqual(scenario.said(), [])
  })

  it('lines 44 to 46: a quorum of prevotes for nil precommits nil', () => {
    const scenario = started()
    scenario.propose(
      0,
      scenario.name('bad', { ...scenario.block('A', 0), transactions: [], previousCertificate: null }),
    )
    scenario.said()
    scenario.prevote([0, 1, 2], 0, null)
    assert.deepEqual(scenario.said(), ['precommit 0 nil'])
  })

  it('lines 47 and 48: a quorum of precommits for anything starts the timer', () => {
    const { scenario, a } = locked()
    scenario.precommit([0], 0, null)
    assert.equal(scenario.state.timers.has('precommit'), false)
    scenario.precommit([1], 0, null)
    assert.equal(scenario.state.timers.get('precommit'), scenario.nowMs + TIMING.voteMs)
    assert.equal(scenario.state.decision, null)
    scenario.precommit([2], 0, a)
    assert.equal(scenario.state.decision, null)
  })

  it('lines 49 to 51: a quorum of precommits decides, with a certificate that anyone can check', () => {
    const { scenario, a } = locked()
    scenario.precommit([0, 2], 0, a)
    const { decision, hooks } = scenario.state
    assert.equal(toHex(decision!.certificate.blockId), toHex(blockIdOf(a.header)))
    verifyCertificate(hooks.networkId, hooks.validators, decision!.certificate)
    assert.deepEqual([...scenario.state.timers.keys()], [])
  })

  it('line 49: precommits of a round long left decide as well', () => {
    const { scenario, a } = locked()
    toRound(scenario, 3)
    scenario.precommit([0, 1], 0, a)
    assert.equal(toHex(scenario.state.decision!.certificate.blockId), toHex(blockIdOf(a.header)))
    assert.equal(scenario.state.decision!.certificate.round, 0)
  })

  it('line 50: not even a quorum makes an invalid block a decision', () => {
    const scenario = started()
    const good = scenario.block('A', 0)
    const bad = scenario.name('bad', { ...good, header: { ...good.header, stateRoot: new Uint8Array(32) } })
    scenario.propose(0, bad)
    scenario.prevote([0, 1, 2], 0, bad)
    scenario.precommit([0, 1, 2], 0, bad)
    assert.equal(scenario.state.decision, null)
    assert.deepEqual(scenario.said(), ['prevote 0 nil'])
  })

  it('lines 55 and 56: f+1 validators at a later round are followed there; f are not', () => {
    const scenario = started()
    scenario.prevote([0], 4, null)
    assert.equal(scenario.state.round, 0)
    scenario.precommit([1], 3, null)
    assert.equal(scenario.state.round, 3, 'both are at round 3 or beyond')
    assert.deepEqual(scenario.said(), ['propose 3 own valid -1', 'prevote 3 own'])
  })

  it('line 55: rounds too far ahead to keep are still followed, by their number alone', () => {
    const scenario = started()
    scenario.prevote([0, 1], 5000, null)
    assert.equal(scenario.state.round, 5000)
    assert.ok(scenario.state.rounds.size < 5)
  })

  it('lines 57 to 60: without a proposal in time the prevote is nil', () => {
    const scenario = started()
    scenario.fire('propose')
    assert.deepEqual(scenario.said(), ['prevote 0 nil'])
    scenario.propose(0, scenario.block('A', 0))
    assert.deepEqual(scenario.said(), [], 'what comes late changes nothing')
  })

  it('lines 61 to 64: without a quorum for one value in time the precommit is nil', () => {
    const scenario = started()
    const a = scenario.block('A', 0)
    scenario.propose(0, a)
    scenario.prevote([0], 0, a)
    scenario.prevote([1], 0, null)
    scenario.said()
    scenario.fire('prevote')
    assert.deepEqual(scenario.said(), ['precommit 0 nil'])
    assert.equal(scenario.state.lockedRound, -1)
  })

  it('lines 65 to 67: without a decision in time the next round begins', () => {
    const { scenario } = locked()
    scenario.precommit([0, 1], 0, null)
    scenario.fire('precommit')
    assert.equal(scenario.state.round, 1)
    assert.equal(scenario.state.step, 'propose')
    assert.equal(scenario.state.lockedRound, 0, 'the lock stays')
  })

  it('a timer of a round that is over does nothing', () => {
    const scenario = started()
    toRound(scenario, 1)
    scenario.step({ type: 'timer', id: 'control/propose' })
    assert.deepEqual(scenario.said(), [])
    assert.equal(scenario.state.step, 'propose')
  })

  it('an idle validator begins with the proposal, or with f+1 others, and not with one of them', () => {
    const scenario = new Scenario(3)
    scenario.prevote([0], 0, null)
    assert.equal(scenario.state.round, -1)
    scenario.prevote([1], 0, null)
    assert.equal(scenario.state.round, 0)
    const other = new Scenario(3)
    other.propose(0, other.block('A', 0))
    assert.deepEqual(other.said(), ['prevote 0 A'])
  })
})
