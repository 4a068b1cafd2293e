import { equalBytes, randomBelow } from '../base/index.ts'
import type { Certificate, VoteMessage } from '../wire/index.ts'
import type { ConsensusEffect, ConsensusMessage, ConsensusState } from './consensus-state.ts'
import { isOwn } from './consensus-state.ts'
import { type Run, send, sendToValidators } from './log-state.ts'
import { compareProposal, receive } from './receive.ts'
import { votesIn } from './resend.ts'

/**
 * Two votes that contradict each other convict only once one node has seen both. A liar sends them to different nodes,
 * so the nodes compare: every certificate with the votes that came straight, and, on each status, the votes of the last
 * height with one other validator's.
 */
function witness(run: Run, state: ConsensusState, message: VoteMessage): void {
  for (const effect of receive(state, message, run.nowMs)) accuseBy(run, effect)
}

export function accuseBy(run: Run, effect: ConsensusEffect): void {
  if (effect.type === 'evidence') run.effects.push({ type: 'submit', transaction: effect.report })
}

/** A vote on, or a proposal of, the height that was decided last. */
export function witnessLate(run: Run, message: ConsensusMessage): void {
  const { last } = run.log
  if (last === null) return
  if (message.type === 'vote') {
    if (last.hooks.height === message.vote.value.height) witness(run, last, message)
  } else if (last.hooks.height === message.proposal.value.height) {
    for (const effect of compareProposal(last, message.proposal)) accuseBy(run, effect)
  }
}

/**
 * The round that decided a block proposed another one here: its proposer made two. Those who have the one that was
 * decided can prove it as soon as they see this one.
 */
export function shareOtherProposal(run: Run, { height, round, blockId }: Certificate): void {
  const { consensus } = run.log
  if (consensus?.hooks.height !== height) return
  const proposal = consensus.rounds.get(round)?.proposal
  if (!proposal || equalBytes(proposal.blockId, blockId)) return
  sendToValidators(run, proposal.message)
}

/** The precommits in a certificate, beside those that this node received. */
export function witnessCertificate(run: Run, certificate: Certificate): void {
  const { log } = run
  const state = [log.consensus, log.last].find(one => one?.hooks.height === certificate.height)
  if (!state) return
  const { height, round, blockId } = certificate
  for (const { signer, signature } of certificate.signatures) {
    const vote = { value: { height, round, blockId }, signer, signature }
    witness(run, state, { type: 'vote', step: 'precommit', vote })
  }
}

/** Shows one other validator the votes of the last height, once. */
export function shareVotes(run: Run): void {
  const { log, rng } = run
  const { last } = log
  if (last === null || last.decision === null || log.sharedHeight === last.hooks.height) return
  log.sharedHeight = last.hooks.height
  const others = log.ledger.validators.filter(({ peerId }) => peerId !== log.self)
  const round = last.rounds.get(last.decision.certificate.round)
  if (others.length === 0 || round === undefined) return
  const { peerId } = others[randomBelow(rng, others.length)]!
  for (const message of votesIn(round)) {
    // its own votes went to everyone anyway, and would look like those of a laggard
    if (!isOwn(last, message.vote.signer)) send(run, peerId, message)
  }
}
