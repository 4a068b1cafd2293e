import { equalBytes } from '../base/index.ts'
import { signValue } from '../crypto/index.ts'
import type { Proposal, ProposalMessage, Signed, Step, Vote, VoteMessage } from '../wire/index.ts'
import { honestMinority, makeCertificate, quorumOf } from './certificates.ts'
import {
  type ConsensusEffect,
  type ConsensusEvent,
  type ConsensusState,
  type ConsensusTimer,
  isOwn,
  type Round,
  roundOf,
  type Value,
  type VoteStep,
  votesOf,
} from './consensus-state.ts'
import { blockIdOf } from './ids.ts'
import { receive } from './receive.ts'
import { resend } from './resend.ts'
import { NIL } from './vote-set.ts'
import { walWrites } from './wal.ts'

/**
 * Tendermint consensus, arXiv:1807.04938 Algorithm 1; each rule stands under its line number. One state is one height:
 * line 52 to 54 are the log's, which makes the next one. A step's `persist` comes first among its effects.
 */
export function stepConsensus(
  state: ConsensusState,
  event: ConsensusEvent,
  nowMs: number,
): Step<ConsensusState, ConsensusEffect> {
  const run = new Run(state, nowMs)
  if (state.decision === null) {
    run.take(event)
    run.advance()
  }
  return { state, effects: run.finish() }
}

/** Old rounds' votes can still complete a quorum; far older ones are superseded by what came after. */
const KEPT_ROUNDS = 16

class Run {
  readonly #state: ConsensusState
  readonly #nowMs: number
  readonly #effects: ConsensusEffect[] = []

  constructor(state: ConsensusState, nowMs: number) {
    this.#state = state
    this.#nowMs = nowMs
  }

  take(event: ConsensusEvent): void {
    switch (event.type) {
      case 'wanted':
        // line 10
        if (this.#state.round < 0) this.#startRound(0)
        return
      case 'resume':
        if (this.#state.round >= 0) this.#resume()
        return
      case 'message':
        this.#effects.push(...receive(this.#state, event.message, this.#nowMs))
        return
      case 'timer':
        this.#onTimer(event.id.slice(event.id.lastIndexOf('/') + 1) as ConsensusTimer)
    }
  }

  /** Applies the `upon` rules until none fires. */
  advance(): void {
    const rules = [
      () => this.#decide(),
      () => this.#skipRounds(),
      () => this.#joinRoundZero(),
      () => this.#prevoteFresh(),
      () => this.#prevoteAgain(),
      () => this.#awaitPrevotes(),
      () => this.#lockAndPrecommit(),
      () => this.#precommitNil(),
      () => this.#awaitPrecommits(),
    ]
    while (this.#state.decision === null && rules.some(rule => rule())) {
      // every rule that fires changes the state so that it cannot fire again
    }
  }

  finish(): ConsensusEffect[] {
    if (!this.#state.isDirty) return this.#effects
    this.#state.isDirty = false
    return [{ type: 'persist', writes: walWrites(this.#state) }, ...this.#effects]
  }

  get #current(): Round {
    return roundOf(this.#state, this.#state.round)
  }

  get #quorum(): number {
    return quorumOf(this.#state.hooks.validators.length)
  }

  /** Lines 11 to 21. */
  #startRound(number: number): void {
    const state = this.#state
    state.round = number
    state.step = 'propose'
    state.resends = 0
    for (const timer of ['propose', 'prevote', 'precommit'] as const) this.#cancel(timer)
    this.#schedule('resend', state.hooks.timing.voteMs)
    for (const old of state.rounds.keys()) {
      if (old < number - KEPT_ROUNDS && old !== state.validRound) state.rounds.delete(old)
    }
    // line 14
    if (isOwn(state, state.hooks.proposerOf(number).publicKey)) this.#propose()
    else this.#schedule('propose', this.#timeout(state.hooks.timing.proposeMs)) // line 21
  }

  /** Lines 15 to 19. What is signed once for a round is durable, and never signed differently. */
  #propose(): void {
    const state = this.#state
    const { hooks, round } = state
    // lines 15 to 18
    const block = state.validValue?.block ?? hooks.makeBlock(round, this.#nowMs)
    const value: Value = state.validValue ?? { block, blockId: blockIdOf(block.header) }
    const proposal: Proposal = {
      height: hooks.height,
      round,
      validRound: state.validRound,
      blockId: value.blockId,
    }
    const signed = signValue(hooks.key, 'proposal', hooks.networkId, proposal)
    const justification = state.justification
    const message: ProposalMessage = { type: 'proposal', proposal: signed, block, justification }
    state.ownProposals.push(signed)
    this.#current.proposal = { message, ...value, isValid: true, isTimely: true }
    state.isDirty = true
    // line 19
    this.#effects.push({ type: 'broadcast', message })
  }

  /** After a crash: the same words again, and the timer of the step that was under way. */
  #resume(): void {
    const state = this.#state
    this.#effects.push(...resend(state, 'own'))
    this.#schedule('resend', state.hooks.timing.voteMs)
    if (state.step !== 'propose' || this.#current.proposal !== null) return
    if (isOwn(state, state.hooks.proposerOf(state.round).publicKey)) this.#propose()
    else this.#schedule('propose', this.#timeout(state.hooks.timing.proposeMs))
  }

  /** Lines 22 to 27: a fresh proposal. */
  #prevoteFresh(): boolean {
    const state = this.#state
    if (state.round < 0 || state.step !== 'propose') return false
    const { proposal } = this.#current
    if (proposal === null || proposal.message.proposal.value.validRound !== -1) return false
    // line 23; that the block's time fits the clock is asked here only, where no lock can be at stake
    const isFree = state.lockedRound === -1 || this.#isLocked(proposal.blockId)
    const accepts = proposal.isValid && proposal.isTimely && isFree
    this.#cast('prevote', accepts ? proposal.blockId : NIL)
    return true
  }

  /** Lines 28 to 33: a proposal that had a quorum of prevotes in an earlier round. */
  #prevoteAgain(): boolean {
    const state = this.#state
    if (state.round < 0 || state.step !== 'propose') return false
    const { proposal } = this.#current
    if (proposal === null) return false
    const { validRound } = proposal.message.proposal.value
    if (validRound < 0 || validRound >= state.round) return false
    if (roundOf(state, validRound).prevotes.countFor(proposal.blockId) < this.#quorum) return false
    // line 29
    const isFree = state.lockedRound <= validRound || this.#isLocked(proposal.blockId)
    this.#cast('prevote', proposal.isValid && isFree ? proposal.blockId : NIL)
    return true
  }

  /** Lines 34 and 35. */
  #awaitPrevotes(): boolean {
    const state = this.#state
    if (state.round < 0 || state.step !== 'prevote') return false
    const round = this.#current
    if (round.didSchedulePrevote || round.prevotes.voters < this.#quorum) return false
    round.didSchedulePrevote = true
    this.#schedule('prevote', this.#timeout(state.hooks.timing.voteMs))
    return true
  }

  /** Lines 36 to 43. */
  #lockAndPrecommit(): boolean {
    const state = this.#state
    if (state.round < 0 || state.step === 'propose') return false
    const round = this.#current
    const { proposal } = round
    if (round.didSeePrevoteQuorum || proposal === null || !proposal.isValid) return false
    const prevotes = round.prevotes.votesFor(proposal.blockId)
    if (prevotes.length < this.#quorum) return false
    round.didSeePrevoteQuorum = true
    const value: Value = { block: proposal.block, blockId: proposal.blockId }
    // lines 42 and 43, before 37 to 41 only so that one write holds both
    state.validValue = value
    state.validRound = state.round
    state.justification = prevotes
    state.isDirty = true
    if (state.step === 'prevote') {
      // lines 38 to 41
      state.lockedValue = value
      state.lockedRound = state.round
      this.#cast('precommit', value.blockId)
    }
    return true
  }

  /** Lines 44 to 46. */
  #precommitNil(): boolean {
    if (this.#state.round < 0 || this.#state.step !== 'prevote') return false
    if (this.#current.prevotes.countFor(NIL) < this.#quorum) return false
    this.#cast('precommit', NIL)
    return true
  }

  /** Lines 47 and 48. */
  #awaitPrecommits(): boolean {
    const state = this.#state
    if (state.round < 0) return false
    const round = this.#current
    if (round.didSchedulePrecommit || round.precommits.voters < this.#quorum) return false
    round.didSchedulePrecommit = true
    this.#schedule('precommit', this.#timeout(state.hooks.timing.voteMs))
    return true
  }

  /** Lines 49 to 51, for any round. */
  #decide(): boolean {
    for (const { proposal, precommits } of this.#state.rounds.values()) {
      if (proposal === null || !proposal.isValid) continue
      const votes = precommits.votesFor(proposal.blockId)
      if (votes.length < this.#quorum) continue
      this.#state.decision = { block: proposal.block, certificate: makeCertificate(votes) }
      for (const timer of [...this.#state.timers.keys()]) this.#cancel(timer)
      this.#effects.push({ type: 'decided', certified: this.#state.decision })
      return true
    }
    return false
  }

  /**
   * Lines 55 and 56. The paper asks for f+1 messages of one round; f+1 validators at or beyond a round show as well
   * that an honest one got there, and one number for each validator suffices to tell.
   */
  #skipRounds(): boolean {
    const state = this.#state
    const rounds = [...state.highest.values()].sort((a, b) => b - a)
    const reached = rounds[honestMinority(state.hooks.validators.length) - 1]
    if (reached === undefined || reached <= state.round) return false
    this.#startRound(reached)
    return true
  }

  /** An idle validator takes its part as soon as the one whose turn it is proposes: line 10, when it is wanted. */
  #joinRoundZero(): boolean {
    const state = this.#state
    if (state.round >= 0 || !state.rounds.get(0)?.proposal) return false
    this.#startRound(0)
    return true
  }

  #onTimer(timer: ConsensusTimer): void {
    const state = this.#state
    const dueMs = state.timers.get(timer)
    if (dueMs === undefined || this.#nowMs < dueMs) return
    state.timers.delete(timer)
    switch (timer) {
      case 'propose':
        // lines 57 to 60; another round's timer was cancelled when this round began
        if (state.step === 'propose') this.#cast('prevote', NIL)
        return
      case 'prevote':
        // lines 61 to 64
        if (state.step === 'prevote') this.#cast('precommit', NIL)
        return
      case 'precommit':
        // lines 65 to 67
        this.#startRound(state.round + 1)
        return
      case 'resend':
        state.resends++
        this.#effects.push(...resend(state, state.resends % 2 === 0 ? 'all' : 'own'))
        this.#schedule('resend', state.hooks.timing.voteMs)
    }
  }

  #isLocked(blockId: Uint8Array): boolean {
    const locked = this.#state.lockedValue
    return locked !== null && equalBytes(locked.blockId, blockId)
  }

  /** Signs, counts and broadcasts one vote of the current round; the state's step follows it (lines 27, 33, 41, 46). */
  #cast(step: VoteStep, blockId: Uint8Array): void {
    const state = this.#state
    const { key, networkId, height } = state.hooks
    state.step = step
    // the rules do not ask for this; it holds whatever they are changed to
    if (state.ownVotes.some(own => own.step === step && own.vote.value.round === state.round)) return
    const value: Vote = { height, round: state.round, blockId }
    const vote: Signed<Vote> = signValue(key, step, networkId, value)
    const message: VoteMessage = { type: 'vote', step, vote }
    state.ownVotes.push(message)
    votesOf(this.#current, step).add(vote)
    state.isDirty = true
    this.#effects.push({ type: 'broadcast', message })
  }

  #timeout(baseMs: number): number {
    return baseMs + this.#state.round * this.#state.hooks.timing.roundDeltaMs
  }

  #schedule(timer: ConsensusTimer, delayMs: number): void {
    const atMs = this.#nowMs + delayMs
    this.#state.timers.set(timer, atMs)
    this.#effects.push({ type: 'timer', id: `control/${timer}`, atMs })
  }

  #cancel(timer: ConsensusTimer): void {
    if (!this.#state.timers.delete(timer)) return
    this.#effects.push({ type: 'timer', id: `control/${timer}`, atMs: null })
  }
}
