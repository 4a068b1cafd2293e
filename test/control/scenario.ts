import { toHex } from '../../src/base/index.ts'
import { checkBlock, makeBlock } from '../../src/control/blocks.ts'
import { stepConsensus } from '../../src/control/consensus.ts'
import {
  type ConsensusEffect,
  type ConsensusEvent,
  type ConsensusMessage,
  type ConsensusState,
  type HeightHooks,
  newHeight,
} from '../../src/control/consensus-state.ts'
import { blockIdOf } from '../../src/control/ids.ts'
import { initialState, proposerOf } from '../../src/control/ledger.ts'
import { type SigningKey, signValue } from '../../src/crypto/index.ts'
import type {
  Block,
  PersistEffect,
  ProposalMessage,
  Signed,
  Vote,
  VoteMessage,
} from '../../src/wire/index.ts'
import { makeGenesis, nodeKeys, START_MS } from './fixture.ts'

export const NIL: Uint8Array = new Uint8Array(0)

/** One validator of four (or more) under test; the test speaks for the others. They are numbered by the turn they propose in. */
export class Scenario {
  readonly hooks: HeightHooks
  /** By rank: `keys[r]` proposes in round r. */
  readonly keys: readonly SigningKey[]
  state: ConsensusState
  nowMs: number = START_MS + 1000
  readonly effects: ConsensusEffect[] = []
  readonly written: PersistEffect[] = []
  readonly #names = new Map<string, string>([['', 'nil']])
  readonly #makeBlock: (round: number, timeMs: number) => Block

  constructor(self: number, nodes = 4) {
    const keys = nodeKeys(nodes)
    const ledger = initialState(makeGenesis(keys))
    this.keys = ledger.ranking.map(
      ({ publicKey }) => keys.find(key => toHex(key.publicKey) === toHex(publicKey))!,
    )
    this.#makeBlock = (round, timeMs) => makeBlock(ledger, null, [], round, timeMs)
    this.hooks = {
      networkId: ledger.networkId,
      key: this.keys[self]!,
      timing: ledger.genesis.timing,
      height: 1,
      validators: ledger.validators,
      leastTimeMs: ledger.chain.timeMs + 1,
      proposerOf: round => proposerOf(ledger, round),
      makeBlock: (round, nowMs) => this.block('own', round, nowMs),
      checkBlock: block => checkBlock(ledger, block),
    }
    this.state = newHeight(this.hooks)
  }

  /** A valid block with a name for the transcript; its time is its identity. */
  block(name: string, round: number, timeMs: number = this.nowMs): Block {
    const block = this.#makeBlock(round, timeMs)
    this.#names.set(toHex(blockIdOf(block.header)), name)
    return block
  }

  /** Says that a made-up block is called so. */
  name(name: string, block: Block): Block {
    this.#names.set(toHex(blockIdOf(block.header)), name)
    return block
  }

  step(event: ConsensusEvent): readonly ConsensusEffect[] {
    const { state, effects } = stepConsensus(this.state, event, this.nowMs)
    this.state = state
    this.effects.push(...effects)
    this.written.push(...effects.filter(effect => effect.type === 'persist'))
    return effects
  }

  want(): void {
    this.step({ type: 'wanted' })
  }

  /** Lets time pass to this timer and fires it. */
  fire(id: 'propose' | 'prevote' | 'precommit' | 'resend'): void {
    this.nowMs = this.state.timers.get(id) ?? this.nowMs
    this.step({ type: 'timer', id: `control/${id}` })
  }

  proposal(
    round: number,
    block: Block,
    validRound = -1,
    justification: readonly Signed<Vote>[] = [],
  ): ProposalMessage {
    const value = { height: 1, round, validRound, blockId: blockIdOf(block.header) }
    const key = this.keys[round % this.keys.length]!
    const proposal = signValue(key, 'proposal', this.hooks.networkId, value)
    return { type: 'proposal', proposal, block, justification }
  }

  voteOf(step: 'prevote' | 'precommit', voter: number, round: number, block: Block | null): VoteMessage {
    const value: Vote = { height: 1, round, blockId: block === null ? NIL : blockIdOf(block.header) }
    return { type: 'vote', step, vote: signValue(this.keys[voter]!, step, this.hooks.networkId, value) }
  }

  hear(message: ConsensusMessage): readonly ConsensusEffect[] {
    return this.step({ type: 'message', message })
  }

  propose(round: number, block: Block, validRound = -1, justification: readonly Signed<Vote>[] = []): void {
    this.hear(this.proposal(round, block, validRound, justification))
  }

  prevote(voters: readonly number[], round: number, block: Block | null): void {
    for (const voter of voters) this.hear(this.voteOf('prevote', voter, round, block))
  }

  precommit(voters: readonly number[], round: number, block: Block | null): void {
    for (const voter of voters) this.hear(this.voteOf('precommit', voter, round, block))
  }

  /** What was broadcast since the last call, in words. */
  said(): string[] {
    const words = this.effects
      .filter(effect => effect.type === 'broadcast')
      .map(effect => this.word(effect.message))
    this.effects.length = 0
    return words
  }

  nameOf(blockId: Uint8Array | undefined): string {
    return blockId === undefined ? '-' : (this.#names.get(toHex(blockId)) ?? 'unknown')
  }

  word(message: ConsensusMessage): string {
    if (message.type === 'vote') {
      return `${message.step} ${message.vote.value.round} ${this.nameOf(message.vote.value.blockId)}`
    }
    const { round, validRound, blockId } = message.proposal.value
    return `propose ${round} ${this.nameOf(blockId)} valid ${validRound}`
  }
}
