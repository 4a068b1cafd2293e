import { equalBytes } from '../base/index.ts'
import type { VoteMessage } from '../wire/index.ts'
import { type ConsensusEffect, type ConsensusState, isOwn, type Round } from './consensus-state.ts'

/**
 * What to say again while a height lasts. `own`: this node's proposal and votes. `all`: other validators' words too;
 * the paper's gossip property (section 2.1) asks that what one correct process received reaches all of them, and a
 * liar may have told it to one alone. The last round's votes are for those who have not left it yet.
 */
export function resend(state: ConsensusState, scope: 'own' | 'all'): ConsensusEffect[] {
  const effects: ConsensusEffect[] = []
  for (const number of [state.round - 1, state.round]) {
    const round = state.rounds.get(number)
    if (round === undefined) continue
    if (number === state.round) effects.push(...proposalTo(state, round, scope))
    for (const message of votesIn(round)) {
      if (scope === 'own' && !isOwn(state, message.vote.signer)) continue
      effects.push({ type: 'broadcast', message })
    }
  }
  return effects
}

export function votesIn(round: Round): VoteMessage[] {
  return [
    ...round.prevotes.all().map(vote => ({ type: 'vote', step: 'prevote', vote }) as const),
    ...round.precommits.all().map(vote => ({ type: 'vote', step: 'precommit', vote }) as const),
  ]
}

/** A block is large: only those whose vote does not show that they have it get it again. */
function proposalTo(state: ConsensusState, round: Round, scope: 'own' | 'all'): ConsensusEffect[] {
  const { proposal } = round
  if (proposal === null) return []
  const { message, blockId } = proposal
  if (scope === 'own' && !isOwn(state, message.proposal.signer)) return []
  const haveIt = [...round.prevotes.votesFor(blockId), ...round.precommits.votesFor(blockId)]
  return state.hooks.validators
    .filter(({ publicKey }) => !isOwn(state, publicKey))
    .filter(({ publicKey }) => !haveIt.some(vote => equalBytes(vote.signer, publicKey)))
    .map(({ peerId }) => ({ type: 'tell', to: peerId, message }))
}
