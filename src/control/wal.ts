import { OstrakaError, toHex, type Write } from '../base/index.ts'
import {
  type Block,
  blockSchema,
  type Codec,
  codec,
  hash32,
  height,
  integer,
  list,
  MAX_BLOCK_BYTES,
  MAX_ROUND,
  MAX_VALIDATORS,
  nullable,
  type Proposal,
  proposalCodec,
  type Signed,
  signedSchema,
  struct,
  type Vote,
  type VoteMessage,
  voteCodec,
  voteMessageSchema,
} from '../wire/index.ts'
import {
  type ConsensusState,
  type HeightHooks,
  newHeight,
  roundOf,
  type Value,
  votesOf,
} from './consensus-state.ts'
import { blockIdOf } from './ids.ts'

/**
 * The write-ahead log of one height: what this node has signed, and its lock. One record, replaced by each step that
 * casts a vote or moves the lock, and durable before that step sends anything; blocks lie beside it, written once.
 */
export const WAL_PREFIX = 'log/wal/'
const VOTES_KEY = 'log/wal/votes'
const BLOCK_PREFIX = 'log/wal/block/'

interface WalRecord {
  readonly height: number
  readonly round: number
  readonly votes: readonly VoteMessage[]
  readonly proposals: readonly Signed<Proposal>[]
  readonly lockedRound: number
  readonly lockedId: Uint8Array | null
  readonly validRound: number
  readonly validId: Uint8Array | null
  readonly justification: readonly Signed<Vote>[]
}

/** Votes of rounds long left are never cast again, since `round` itself is durable. */
const KEPT_ROUNDS = 2

const lockRound = integer(-1, MAX_ROUND)
const blockCodec: Codec<Block> = codec('block', MAX_BLOCK_BYTES, blockSchema)
const walCodec: Codec<WalRecord> = codec(
  'wal',
  64 * 1024,
  struct<WalRecord>({
    height,
    round: integer(0, MAX_ROUND),
    votes: list(voteMessageSchema, 16),
    proposals: list(signedSchema<Proposal>(proposalCodec), 16),
    lockedRound: lockRound,
    lockedId: nullable(hash32),
    validRound: lockRound,
    validId: nullable(hash32),
    justification: list(signedSchema<Vote>(voteCodec), MAX_VALIDATORS),
  }),
)

function blockPath(blockId: string): string {
  return BLOCK_PREFIX + blockId
}

/** Values that must outlive a crash: the lock, the valid value, and what was proposed in this round. */
function wantedValues(state: ConsensusState): Map<string, Value> {
  const wanted = new Map<string, Value>()
  const keep = (value: Value | null): void => {
    if (value !== null) wanted.set(toHex(value.blockId), value)
  }
  keep(state.lockedValue)
  keep(state.validValue)
  if (state.ownProposals.some(proposal => proposal.value.round === state.round)) {
    keep(roundOf(state, state.round).proposal)
  }
  return wanted
}

/** The writes that make the state's votes and locks durable. */
export function walWrites(state: ConsensusState): Write[] {
  const isKept = (round: number): boolean => round >= state.round - KEPT_ROUNDS
  const record: WalRecord = {
    height: state.hooks.height,
    round: state.round,
    votes: state.ownVotes.filter(message => isKept(message.vote.value.round)),
    proposals: state.ownProposals.filter(proposal => isKept(proposal.value.round)),
    lockedRound: state.lockedRound,
    lockedId: state.lockedValue?.blockId ?? null,
    validRound: state.validRound,
    validId: state.validValue?.blockId ?? null,
    justification: state.justification,
  }
  const writes: Write[] = [{ key: VOTES_KEY, value: walCodec.encode(record) }]
  const wanted = wantedValues(state)
  for (const [name, value] of wanted) {
    if (state.savedBlocks.has(name)) continue
    writes.push({ key: blockPath(name), value: blockCodec.encode(value.block) })
    state.savedBlocks.add(name)
  }
  for (const name of state.savedBlocks) {
    if (wanted.has(name)) continue
    writes.push({ key: blockPath(name), value: null })
    state.savedBlocks.delete(name)
  }
  return writes
}

/** The writes that forget a decided height; they go with the block itself. */
export function walErasure(state: ConsensusState): Write[] {
  const keys = [VOTES_KEY, ...[...state.savedBlocks].map(blockPath)]
  return keys.map(key => ({ key, value: null }))
}

/** The writes that forget votes which were never taken up again. */
export function walEntriesErasure({ record, blocks }: WalEntries): Write[] {
  const keys = [...(record === null ? [] : [VOTES_KEY]), ...[...blocks.keys()].map(blockPath)]
  return keys.map(key => ({ key, value: null }))
}

export interface WalEntries {
  readonly record: WalRecord | null
  readonly blocks: ReadonlyMap<string, Value>
}

/** Reads what lies under `WAL_PREFIX`. Errors: `storage_corrupt`. */
export function readWal(
  entries: ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>,
): WalEntries {
  let record: WalRecord | null = null
  const blocks = new Map<string, Value>()
  try {
    for (const { key, value } of entries) {
      if (key === VOTES_KEY) record = walCodec.decode(value)
      if (!key.startsWith(BLOCK_PREFIX)) continue
      const block = blockCodec.decode(value)
      blocks.set(key.slice(BLOCK_PREFIX.length), { block, blockId: blockIdOf(block.header) })
    }
  } catch {
    throw new OstrakaError('storage_corrupt', 'the vote log does not decode')
  }
  return { record, blocks }
}

/** The height as the write-ahead log left it. Errors: `storage_corrupt`. */
export function recoverHeight(hooks: HeightHooks, { record, blocks }: WalEntries): ConsensusState {
  const state = newHeight(hooks)
  for (const name of blocks.keys()) state.savedBlocks.add(name)
  if (record === null || record.height < hooks.height) return state
  if (record.height > hooks.height)
    throw new OstrakaError('storage_corrupt', 'votes above the log: blocks are lost')
  const blockOf = (id: Uint8Array | null): Value | null => {
    if (id === null) return null
    const value = blocks.get(toHex(id))
    if (value === undefined) throw new OstrakaError('storage_corrupt', 'a locked block is lost')
    return value
  }
  state.round = record.round
  state.lockedRound = record.lockedRound
  state.lockedValue = blockOf(record.lockedId)
  state.validRound = record.validRound
  state.validValue = blockOf(record.validId)
  state.justification = record.justification
  for (const vote of record.justification) roundOf(state, record.validRound).prevotes.add(vote)
  for (const message of record.votes) {
    const { value } = message.vote
    state.ownVotes.push(message)
    votesOf(roundOf(state, value.round), message.step).add(message.vote)
    if (value.round === record.round && state.step !== 'precommit') state.step = message.step
  }
  restoreProposals(state, record, blockOf)
  return state
}

function restoreProposals(
  state: ConsensusState,
  record: WalRecord,
  blockOf: (id: Uint8Array) => Value | null,
): void {
  for (const proposal of record.proposals) {
    state.ownProposals.push(proposal)
    const { round, validRound, blockId } = proposal.value
    if (round !== record.round) continue
    const { block } = blockOf(blockId)!
    const justification = record.justification.filter(vote => vote.value.round === validRound)
    const message = { type: 'proposal', proposal, block, justification } as const
    roundOf(state, round).proposal = { message, block, blockId, isValid: true, isTimely: true }
  }
}
