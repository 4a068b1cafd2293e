import assert from 'node:assert/strict'
import { toHex } from '../../src/base/index.ts'
import { readWal, recoverHeight } from '../../src/control/wal.ts'
import { Scenario } from './scenario.ts'

/** What the store holds after all writes so far. */
function stored(scenario: Scenario): { key: string; value: Uint8Array }[] {
  const store = new Map<string, Uint8Array>()
  for (const effect of scenario.written) {
    for (const { key, value } of effect.writes) {
      if (value === null) store.delete(key)
      else store.set(key, value)
    }
  }
  return [...store].map(([key, value]) => ({ key, value }))
}

/** Power off and on: memory is gone, the store is not. */
function restart(scenario: Scenario): void {
  scenario.state = recoverHeight(scenario.hooks, readWal(stored(scenario)))
  scenario.effects.length = 0
  scenario.step({ type: 'resume' })
}

function lockedOnA(self = 3): { scenario: Scenario; a: ReturnType<Scenario['block']> } {
  const scenario = new Scenario(self)
  scenario.want()
  const a = scenario.block('A', 0)
  scenario.propose(0, a)
  scenario.prevote([0, 1], 0, a)
  return { scenario, a }
}

describe('the write-ahead log', () => {
  it('keeps the votes: after a crash the same ones are sent again, and no others', () => {
    const { scenario, a } = lockedOnA()
    const before = scenario.effects.flatMap(e =>
      e.type === 'broadcast' && e.message.type === 'vote' ? [e.message] : [],
    )
    restart(scenario)
    const after = scenario.effects.flatMap(e =>
      e.type === 'broadcast' && e.message.type === 'vote' ? [e.message] : [],
    )
    assert.deepEqual(after, before)
    scenario.effects.length = 0
    scenario.propose(0, scenario.block('B', 0, scenario.nowMs + 7))
    scenario.prevote([0, 1, 2], 0, null)
    assert.deepEqual(scenario.said(), [])
    scenario.propose(0, a)
    scenario.precommit([0, 1], 0, a)
    assert.equal(scenario.state.decision, null, 'only the first proposal of a round is kept')
  })

  it('keeps the lock: another value is refused after a crash too', () => {
    const { scenario } = lockedOnA()
    restart(scenario)
    scenario.precommit([0, 1], 1, null)
    scenario.said()
    scenario.propose(1, scenario.block('B', 1))
    assert.deepEqual(scenario.said(), ['prevote 1 nil'])
  })

  it('keeps the valid value with its justification: it is proposed again after a crash', () => {
    const { scenario, a } = lockedOnA(2)
    restart(scenario)
    scenario.precommit([0, 1], 2, null)
    const proposal = scenario.effects.find(e => e.type === 'broadcast' && e.message.type === 'proposal')
    assert.ok(proposal?.type === 'broadcast' && proposal.message.type === 'proposal')
    assert.equal(proposal.message.justification.length, 3)
    assert.deepEqual(proposal.message.block, a)
    assert.ok(scenario.said().includes('propose 2 A valid 0'))
  })

  it('keeps the proposal: the same block is sent again, and no other is made for the round', () => {
    const scenario = new Scenario(0)
    scenario.want()
    const own = scenario.state.rounds.get(0)!.proposal!
    scenario.nowMs += 100
    restart(scenario)
    const told = scenario.effects.flatMap(e =>
      e.type === 'tell' && e.message.type === 'proposal' ? [e.message] : [],
    )
    assert.equal(told.length, 3)
    for (const message of told) {
      assert.equal(toHex(message.proposal.value.blockId), toHex(own.blockId))
      assert.equal(toHex(message.proposal.signature), toHex(own.message.proposal.signature))
    }
    scenario.prevote([1, 2], 0, own.block)
    assert.deepEqual(scenario.said().slice(-1), ['precommit 0 own'])
  })

  it('keeps blocks only as long as a lock, a valid value or a proposal needs them', () => {
    const { scenario } = lockedOnA()
    const blocks = (): number => stored(scenario).filter(({ key }) => key.startsWith('log/wal/block/')).length
    assert.equal(blocks(), 1)
    scenario.precommit([0, 1], 1, null)
    const b = scenario.block('B', 1)
    scenario.propose(1, b)
    scenario.prevote([0, 1, 2], 1, b)
    assert.equal(scenario.state.lockedRound, 1)
    assert.equal(blocks(), 1)
  })

  it('refuses a lock whose block is lost', () => {
    const { scenario } = lockedOnA()
    const entries = stored(scenario).filter(({ key }) => !key.startsWith('log/wal/block/'))
    assert.throws(() => recoverHeight(scenario.hooks, readWal(entries)), { code: 'storage_corrupt' })
  })
})

describe('what is said again', () => {
  it("is this node's own words first, then everyone's, with the proposal for those who seem to lack it", () => {
    const { scenario } = lockedOnA()
    scenario.said()
    scenario.fire('resend')
    assert.deepEqual(scenario.said(), ['prevote 0 A', 'precommit 0 A'])
    scenario.fire('resend')
    const told = scenario.effects.flatMap(e => (e.type === 'tell' ? [e.to] : []))
    assert.equal(told.length, 1, 'two others have voted for it')
    assert.deepEqual(scenario.said(), ['prevote 0 A', 'prevote 0 A', 'prevote 0 A', 'precommit 0 A'])
  })

  it('includes the round before, for those who have not left it', () => {
    const { scenario } = lockedOnA()
    scenario.precommit([0, 1], 1, null)
    scenario.said()
    scenario.fire('resend')
    assert.deepEqual(scenario.said(), ['prevote 0 A', 'precommit 0 A'])
  })
})
