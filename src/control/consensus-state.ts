import { equalBytes, type PeerId, toHex } from '../base/index.ts'
import type { SigningKey } from '../crypto/index.ts'
import type {
  Block,
  CertifiedBlock,
  PersistEffect,
  Proposal,
  ProposalMessage,
  ReportEvidence,
  Signed,
  TimerEffect,
  Timing,
  Vote,
  VoteMessage,
} from '../wire/index.ts'
import type { Validator } from './rotation.ts'
import { VoteSet } from './vote-set.ts'

/** What one height of consensus is told and given by the log around it. */
export interface HeightHooks {
  readonly networkId: Uint8Array
  readonly key: SigningKey
  readonly timing: Timing
  readonly height: number
  readonly validators: readonly Validator[]
  /** The earliest time that the block may have. */
  readonly leastTimeMs: number
  proposerOf(round: number): Validator
  /** The paper's getValue(). */
  makeBlock(round: number, nowMs: number): Block
  /** The paper's valid(v): the same on every node at every time. Throws what is wrong. */
  checkBlock(block: Block): void
}

export type StepName = 'propose' | 'prevote' | 'precommit'
export type VoteStep = 'prevote' | 'precommit'

export interface ReceivedProposal {
  readonly message: ProposalMessage
  readonly block: Block
  readonly blockId: Uint8Array
  readonly isValid: boolean
  /** Its block time fits the local clock; asked of fresh proposals only. */
  readonly isTimely: boolean
}

export interface Round {
  proposal: ReceivedProposal | null
  readonly prevotes: VoteSet
  readonly precommits: VoteSet
  /** Lines 34, 36 and 47 fire for the first time only. */
  didSchedulePrevote: boolean
  didSeePrevoteQuorum: boolean
  didSchedulePrecommit: boolean
}

export interface Value {
  readonly block: Block
  readonly blockId: Uint8Array
}

export type ConsensusTimer = 'propose' | 'prevote' | 'precommit' | 'resend'

/** One height of arXiv:1807.04938 Algorithm 1 at one validator; line 1 to 9. Changed in place. */
export interface ConsensusState {
  readonly hooks: HeightHooks
  /** -1 while nobody wants a block: before line 10. */
  round: number
  step: StepName
  lockedValue: Value | null
  lockedRound: number
  validValue: Value | null
  validRound: number
  decision: CertifiedBlock | null
  readonly rounds: Map<number, Round>
  /** The highest round in which each other validator was heard, for line 55. */
  readonly highest: Map<string, number>
  /** What this node has signed and said at this height, in order. */
  readonly ownVotes: VoteMessage[]
  readonly ownProposals: Signed<Proposal>[]
  /** Prevotes of validRound for validValue, to justify proposing it again. */
  justification: readonly Signed<Vote>[]
  /** When each timer is due; what fires earlier is stale. */
  readonly timers: Map<ConsensusTimer, number>
  resends: number
  /** Voters already reported at this height. */
  readonly accused: Set<string>
  /** Blocks that the write-ahead log holds, by id. */
  readonly savedBlocks: Set<string>
  isDirty: boolean
}

export type ConsensusMessage = ProposalMessage | VoteMessage

export type ConsensusEvent =
  /** This node wants a block: round 0 begins unless it has begun. */
  | { readonly type: 'wanted' }
  /** After recovery: repeats what was said before the crash. */
  | { readonly type: 'resume' }
  | { readonly type: 'message'; readonly message: ConsensusMessage }
  | { readonly type: 'timer'; readonly id: string }

export type ConsensusEffect =
  | PersistEffect
  | TimerEffect
  /** To every other validator. */
  | { readonly type: 'broadcast'; readonly message: ConsensusMessage }
  | { readonly type: 'tell'; readonly to: PeerId; readonly message: ConsensusMessage }
  | { readonly type: 'evidence'; readonly report: ReportEvidence }
  | { readonly type: 'suspect'; readonly why: unknown; readonly proposer: PeerId; readonly round: number }
  | { readonly type: 'decided'; readonly certified: CertifiedBlock }

export function newHeight(hooks: HeightHooks): ConsensusState {
  return {
    hooks,
    round: -1,
    step: 'propose',
    lockedValue: null,
    lockedRound: -1,
    validValue: null,
    validRound: -1,
    decision: null,
    rounds: new Map(),
    highest: new Map(),
    ownVotes: [],
    ownProposals: [],
    justification: [],
    timers: new Map(),
    resends: 0,
    accused: new Set(),
    savedBlocks: new Set(),
    isDirty: false,
  }
}

export function roundOf(state: ConsensusState, number: number): Round {
  let round = state.rounds.get(number)
  if (round === undefined) {
    round = {
      proposal: null,
      prevotes: new VoteSet(),
      precommits: new VoteSet(),
      didSchedulePrevote: false,
      didSeePrevoteQuorum: false,
      didSchedulePrecommit: false,
    }
    state.rounds.set(number, round)
  }
  return round
}

export function votesOf(round: Round, step: VoteStep): VoteSet {
  return step === 'prevote' ? round.prevotes : round.precommits
}

export function isOwn(state: ConsensusState, publicKey: Uint8Array): boolean {
  return equalBytes(publicKey, state.hooks.key.publicKey)
}

export function validatorBy(state: ConsensusState, publicKey: Uint8Array): Validator | undefined {
  return state.hooks.validators.find(validator => equalBytes(validator.publicKey, publicKey))
}

/** Notes that `signer` was heard in `round`. */
export function heardIn(state: ConsensusState, signer: Uint8Array, round: number): void {
  if (isOwn(state, signer)) return
  const name = toHex(signer)
  state.highest.set(name, Math.max(round, state.highest.get(name) ?? -1))
}
