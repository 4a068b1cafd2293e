import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ConsensusEffect } from '../../src/control/consensus-state.ts'
import { START_MS } from './fixture.ts'
import { Scenario } from './scenario.ts'

const GOLDEN = new URL('../golden/control-lock-change.txt', import.meta.url)

/** A scenario that writes down what it hears, says and holds. */
class Recorder extends Scenario {
  readonly lines: string[] = []

  override step(event: Parameters<Scenario['step']>[0]): readonly ConsensusEffect[] {
    const said =
      event.type === 'message' ? this.word(event.message) : 'id' in event ? `timer ${event.id}` : event.type
    this.lines.push(`${String(this.nowMs - START_MS).padStart(5)} ms  <- ${said}${this.#from(event)}`)
    const effects = super.step(event)
    for (const effect of effects) {
      if (effect.type === 'persist')
        this.lines.push(`          !! write ahead: ${effect.writes.map(w => w.key.slice(0, 13)).join(', ')}`)
      if (effect.type === 'broadcast') this.lines.push(`          -> ${this.word(effect.message)}`)
      if (effect.type === 'timer' && effect.atMs !== null && !effect.id.endsWith('resend')) {
        this.lines.push(`          .. ${effect.id} at ${effect.atMs - START_MS} ms`)
      }
      if (effect.type === 'decided')
        this.lines.push(`          ## decided ${this.nameOf(effect.certified.certificate.blockId)}`)
    }
    const { round, step, lockedValue, lockedRound, validValue, validRound } = this.state
    const lock = `locked ${this.nameOf(lockedValue?.blockId)}@${lockedRound}`
    this.lines.push(
      `          == round ${round} ${step}, ${lock}, valid ${this.nameOf(validValue?.blockId)}@${validRound}`,
    )
    return effects
  }

  #from(event: Parameters<Scenario['step']>[0]): string {
    if (event.type !== 'message') return ''
    const signer = event.message.type === 'vote' ? event.message.vote.signer : event.message.proposal.signer
    return ` from ${this.keys.findIndex(key => Buffer.compare(key.publicKey, signer) === 0)}`
  }

  say(text: string): void {
    this.lines.push('', `-- ${text}`)
  }
}

function lockChange(): string {
  const run = new Recorder(3)
  run.say('round 0: validator 3 locks A, which 2 never saw')
  run.want()
  const a = run.block('A', 0)
  run.propose(0, a)
  run.prevote([0, 1], 0, a)
  run.precommit([0, 2], 0, null)
  run.fire('precommit')
  run.say('round 1: B is new and unjustified: 3 prevotes nil, for it is locked; the three others prevote B')
  run.nowMs += 50
  const b = run.block('B', 1)
  run.propose(1, b)
  run.prevote([0, 1, 2], 1, b)
  run.say(
    'the quorum for B moves the lock (lines 36 to 41), and B is precommitted; too few others saw the quorum',
  )
  run.precommit([0, 1], 1, null)
  run.fire('precommit')
  run.say('round 2: its proposer brings B again, with the prevotes of round 1: B is decided')
  run.nowMs += 50
  run.propose(
    2,
    b,
    1,
    [0, 1, 2].map(voter => run.voteOf('prevote', voter, 1, b).vote),
  )
  run.prevote([0, 2], 2, b)
  run.precommit([0, 2], 2, b)
  return `${run.lines.join('\n').trim()}\n`
}

describe('the consensus transcript', () => {
  it('of a lock that changes is as reviewed', () => {
    const text = lockChange()
    if (process.env.UPDATE_GOLDEN === '1' || !existsSync(GOLDEN)) writeFileSync(GOLDEN, text)
    assert.equal(text, readFileSync(GOLDEN, 'utf8'))
  })
})
