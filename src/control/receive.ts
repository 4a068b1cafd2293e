import { compareBytes, equalBytes, toHex } from '../base/index.ts'
import { verifySigned } from '../crypto/index.ts'
import type {
  Block,
  ConflictingProposals,
  ConflictingVotes,
  Header,
  Proposal,
  ProposalHalf,
  ProposalMessage,
  Signed,
  Vote,
  VoteHalf,
  VoteMessage,
} from '../wire/index.ts'
import { DEFAULT_PRECISION_MS } from '../wire/index.ts'
import { hasOwnBody } from './blocks.ts'
import {
  type ConsensusEffect,
  type ConsensusMessage,
  type ConsensusState,
  type HeightHooks,
  heardIn,
  isOwn,
  type ReceivedProposal,
  roundOf,
  type VoteStep,
  validatorBy,
  votesOf,
} from './consensus-state.ts'
import { blockIdOf } from './ids.ts'

/**
 * Messages of rounds further ahead are not kept, since a liar could send any number of them; that their sender got
 * there is, and they come again once this node has followed.
 */
const ROUND_WINDOW = 8
/** Rounds this far back can no longer decide anything that later ones have not. */
const PAST_WINDOW = 16

/**
 * The wait for a proposal doubles with each round up to this one, so that links slower than the genesis expects delay
 * blocks and do not stop them.
 */
const MAX_DOUBLINGS = 10

/** Verifies and files one message of this height. What is not in order is dropped. */
export function receive(state: ConsensusState, message: ConsensusMessage, nowMs: number): ConsensusEffect[] {
  if (message.type === 'vote') return receiveVote(state, message)
  return receiveProposal(state, message, nowMs)
}

function isKept(state: ConsensusState, round: number): boolean {
  return round <= state.round + ROUND_WINDOW && round >= state.round - PAST_WINDOW
}

function receiveVote(state: ConsensusState, { step, vote }: VoteMessage): ConsensusEffect[] {
  const { round, height } = vote.value
  if (height !== state.hooks.height) return []
  return isKept(state, round) ? fileVote(state, step, vote) : noteDistant(state, step, vote)
}

function noteDistant(state: ConsensusState, step: VoteStep, vote: Signed<Vote>): ConsensusEffect[] {
  const { round } = vote.value
  if (round < state.round || round <= (state.highest.get(toHex(vote.signer)) ?? -1)) return []
  if (isAuthentic(state, step, vote)) heardIn(state, vote.signer, round)
  return []
}

function isAuthentic(state: ConsensusState, step: VoteStep, vote: Signed<Vote>): boolean {
  return validatorBy(state, vote.signer) !== undefined && verifySigned(step, state.hooks.networkId, vote)
}

function fileVote(state: ConsensusState, step: VoteStep, vote: Signed<Vote>): ConsensusEffect[] {
  const known = state.rounds.get(vote.value.round)
  if (known !== undefined && votesOf(known, step).has(vote)) return []
  // this node's own words come from itself alone: a restarted one that meets an older self's vote keeps to its log
  if (isOwn(state, vote.signer) || !isAuthentic(state, step, vote)) return []
  heardIn(state, vote.signer, vote.value.round)
  const earlier = votesOf(roundOf(state, vote.value.round), step).add(vote)
  return earlier === undefined ? [] : accuse(state, step, earlier, vote)
}

/** Two votes of one voter for one height, round and step: proof that anyone can check. */
function accuse(
  state: ConsensusState,
  step: VoteStep,
  one: Signed<Vote>,
  other: Signed<Vote>,
): ConsensusEffect[] {
  const voter = toHex(one.signer)
  if (state.accused.has(voter)) return []
  state.accused.add(voter)
  // ordered, so that all accusers make the same accusation
  const [first, second] = [one, other]
    .sort((a, b) => compareBytes(a.value.blockId, b.value.blockId))
    .map(({ value, signature }): VoteHalf => ({ blockId: value.blockId, signature })) as [VoteHalf, VoteHalf]
  const { height, round } = one.value
  const evidence: ConflictingVotes = {
    type: 'conflicting-votes',
    step,
    voter: one.signer,
    height,
    round,
    first,
    second,
  }
  return [{ type: 'evidence', report: { type: 'report-evidence', evidence } }]
}

function receiveProposal(state: ConsensusState, message: ProposalMessage, nowMs: number): ConsensusEffect[] {
  const { value, signer } = message.proposal
  const { hooks } = state
  if (value.height !== hooks.height || isOwn(state, signer) || !isKept(state, value.round)) return []
  const known = state.rounds.get(value.round)?.proposal ?? null
  if (known !== null) return receiveAgain(state, known, message)
  const proposer = hooks.proposerOf(value.round)
  if (!equalBytes(signer, proposer.publicKey)) return []
  if (!equalBytes(blockIdOf(message.block.header), value.blockId) || !hasOwnBody(message.block)) return []
  if (!verifySigned('proposal', hooks.networkId, message.proposal)) return []
  heardIn(state, signer, value.round)
  const effects = fileJustification(state, message)
  const problem = findProblem(state, message)
  const timely = isTimely(message.block.header, value.round, hooks, nowMs)
  const why = problem ?? (timely || value.validRound >= 0 ? null : clockProblem(message.block.header, nowMs))
  if (why !== null) effects.push({ type: 'suspect', why, proposer: proposer.peerId, round: value.round })
  roundOf(state, value.round).proposal = {
    message: { ...message, justification: verifiedJustification(state, message) },
    block: message.block,
    blockId: value.blockId,
    isValid: problem === null,
    isTimely: timely,
  }
  return effects
}

/** The same proposal once more may bring prevotes that its first copy, which a relay may have stripped, came without. */
function receiveAgain(
  state: ConsensusState,
  known: ReceivedProposal,
  message: ProposalMessage,
): ConsensusEffect[] {
  const one = known.message.proposal.value
  const { value } = message.proposal
  const isSame = equalBytes(one.blockId, value.blockId) && one.validRound === value.validRound
  return isSame ? fileJustification(state, message) : compareProposal(state, message.proposal)
}

/** The proposer does not sign the justification: a relay may have put anything there. Each vote is verified. */
function fileJustification(state: ConsensusState, message: ProposalMessage): ConsensusEffect[] {
  return justifying(state, message).flatMap(vote => fileVote(state, 'prevote', vote))
}

function justifying({ hooks }: ConsensusState, { proposal, justification }: ProposalMessage): Signed<Vote>[] {
  const { validRound } = proposal.value
  return justification.filter(({ value }) => value.height === hooks.height && value.round === validRound)
}

/** Of a justification whose votes have been filed, those that were in order: only they are kept and sent on. */
function verifiedJustification(state: ConsensusState, message: ProposalMessage): Signed<Vote>[] {
  const prevotes = state.rounds.get(message.proposal.value.validRound)?.prevotes
  return justifying(state, message).filter(vote => prevotes?.has(vote) ?? false)
}

/** Holds a proposal against the one that was received of its round: no honest validator makes two. */
export function compareProposal(state: ConsensusState, other: Signed<Proposal>): ConsensusEffect[] {
  const one = state.rounds.get(other.value.round)?.proposal?.message.proposal
  if (one === undefined || isOwn(state, one.signer) || !equalBytes(one.signer, other.signer)) return []
  const { height, round, blockId, validRound } = one.value
  const isSame = equalBytes(blockId, other.value.blockId) && validRound === other.value.validRound
  if (isSame || other.value.height !== height || state.accused.has(toHex(one.signer))) return []
  if (!verifySigned('proposal', state.hooks.networkId, other)) return []
  state.accused.add(toHex(one.signer))
  const [first, second] = [one, other]
    .sort((a, b) => compareBytes(a.value.blockId, b.value.blockId) || a.value.validRound - b.value.validRound)
    .map(({ value, signature }): ProposalHalf => {
      return { validRound: value.validRound, blockId: value.blockId, signature }
    }) as [ProposalHalf, ProposalHalf]
  const evidence: ConflictingProposals = {
    ...{ type: 'conflicting-proposals', proposer: one.signer, height, round },
    ...{ first, second },
  }
  return [{ type: 'evidence', report: { type: 'report-evidence', evidence } }]
}

/** Why the block is not valid(v), or null; a fresh block must also say the round that it is proposed in. */
function findProblem(state: ConsensusState, message: ProposalMessage): unknown {
  const { round, validRound } = message.proposal.value
  const born = message.block.header.round
  if (validRound === -1 ? born !== round : born > validRound) return 'the block names another round'
  return problemOf(state, message.block)
}

function clockProblem({ timeMs }: Header, nowMs: number): string {
  return `its time is ${timeMs - nowMs} ms ahead of this node’s clock: one of the two clocks is wrong`
}

function problemOf(state: ConsensusState, block: Block): unknown {
  try {
    state.hooks.checkBlock(block)
    return null
  } catch (error) {
    return error
  }
}

/**
 * Proposer-based timestamps (as CometBFT's): a fresh block is prevoted only by validators whose clock its time fits, to
 * the agreed precision and the time that it may have been under way. A block from the future would drag block time, and
 * all deadlines, ahead; one from the past would let a leader hold the epoch in which it leads. The least time that may
 * follow is never too far ahead: the leader before may have had the faster clock, and so the log waits for no clock.
 */
function isTimely(header: Header, round: number, hooks: HeightHooks, nowMs: number): boolean {
  const { proposeMs, precisionMs = DEFAULT_PRECISION_MS } = hooks.timing
  const delayMs = proposeMs * 2 ** Math.min(round, MAX_DOUBLINGS)
  const isEarly = header.timeMs > nowMs + precisionMs && header.timeMs > hooks.leastTimeMs
  return !isEarly && header.timeMs >= nowMs - precisionMs - delayMs
}
