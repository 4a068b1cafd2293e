import {
  compareBytes,
  equalBytes,
  isOstrakaError,
  OstrakaError,
  publicKeyOf,
  toOstrakaError,
  utf8,
} from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'
import type { Genesis, Header } from '../wire/index.ts'
import { ATTESTATION_POLICY_PATH } from './attestation.ts'
import { networkIdOf } from './ids.ts'
import { type MapEntry, MerkleMap } from './merkle-map.ts'
import {
  CHAIN_PATH,
  type ChainRecord,
  creatorPath,
  DEADLINE_PREFIX,
  type DeadlineRecord,
  deadlinePath,
  MEMBER_PREFIX,
  type MemberRecord,
  memberPath,
  type RetryRecord,
  type SealingKeyRecord,
  sealingKeyPath,
  VALIDATORS_PATH,
  type ValidatorsRecord,
  type VotingMember,
  type WakeRecord,
  wakePath,
} from './records.ts'
import { type Ranking, rank, type Validator } from './rotation.ts'
import { checkFounders } from './sealing-keys.ts'
import { turnEndsMs } from './turns.ts'

/** All members vote up to 16, else the 16 most trusted. More would make votes the log's main cost. */
export const MAX_VOTING = 16

/** The agreed state after a block: the records, and what everyone reads from them. Immutable. */
export interface LedgerState {
  readonly genesis: Genesis
  readonly networkId: Uint8Array
  readonly records: MerkleMap
  readonly chain: ChainRecord
  /** Who votes on the next block. */
  readonly validators: readonly Validator[]
  /** Who voted on the last one. */
  readonly previousValidators: readonly Validator[]
  /** The next block's epoch order: rank 0 first. */
  readonly ranking: Ranking
  /** The earliest registered deadline, in block time; null when nothing waits. */
  readonly wakeAtMs: number | null
  /** When the leader's turn ends, in block time; null while it keeps the lead. */
  readonly turnEndsMs: number | null
}

/** What every handler knows of the block that it runs in. */
export interface BlockContext {
  readonly genesis: Genesis
  readonly networkId: Uint8Array
  readonly height: number
  readonly timeMs: number
  readonly epoch: number
  readonly blockId: Uint8Array
}

/** The state as a handler may read it. */
export interface LedgerReader {
  /** The record's value, frozen. */
  get<T>(path: string): T | undefined
  /** Entries whose path starts with `prefix`, ascending by path. */
  list<T>(prefix: string): readonly MapEntry<T>[]
  /** At most `limit` entries under `prefix`, ascending, those after the path `after`: what a bounded sweep reads. */
  page<T>(prefix: string, after: string, limit: number): readonly MapEntry<T>[]
}

/** The state as a handler sees and changes it. A handler that throws leaves no trace. */
export interface Ledger extends LedgerReader, BlockContext {
  /** `value` is plain data that CBOR can carry; it is copied. Errors: `too_large`. */
  put(path: string, value: object): void
  delete(path: string): void
  /**
   * Has a block made once block time reaches `timeMs`, though nothing else happens; that block, or a soon later one, hands
   * `subject` to its handler (`deadlines.ts`). A subject has one deadline: registering another takes its place.
   */
  wakeAt(timeMs: number, subject: string): void
  /** Takes the subject's deadline back, if it has one. */
  cancelWake(subject: string): void
  /** Runs `change`, taking everything back when it throws; returns what it threw. */
  attempt(change: () => void): OstrakaError | undefined
  /** Makes a change to one subject of several: one that throws leaves no trace, is reported, and stops no other. */
  isolate(subject: string, change: () => void): boolean
}

/** Deadlines are in block time, not in heights: heights move with the load. */
export class LedgerDraft implements Ledger {
  readonly genesis: Genesis
  readonly networkId: Uint8Array
  readonly height: number
  readonly timeMs: number
  readonly epoch: number
  readonly blockId: Uint8Array
  /** What `isolate` has caught. */
  readonly faults: OstrakaError[] = []
  records: MerkleMap

  constructor(records: MerkleMap, context: BlockContext) {
    this.records = records
    this.genesis = context.genesis
    this.networkId = context.networkId
    this.height = context.height
    this.timeMs = context.timeMs
    this.epoch = context.epoch
    this.blockId = context.blockId
  }

  get<T>(path: string): T | undefined {
    return this.records.get<T>(path)
  }

  list<T>(prefix: string): readonly MapEntry<T>[] {
    return [...this.records.entries<T>(prefix)]
  }

  put(path: string, value: object): void {
    this.records = this.records.set(path, value)
  }

  delete(path: string): void {
    this.records = this.records.delete(path)
  }

  page<T>(prefix: string, after: string, limit: number): readonly MapEntry<T>[] {
    return this.records.page<T>(prefix, after, limit)
  }

  wakeAt(timeMs: number, subject: string): void {
    this.waitAt(deadlinePath(timeMs, subject), { timeMs, subject } satisfies DeadlineRecord)
  }

  /** Has `subject` wait under `path`, and nowhere else. */
  waitAt(path: string, record: DeadlineRecord | RetryRecord): void {
    this.cancelWake(record.subject)
    this.put(path, record)
    this.put(wakePath(record.subject), { path } satisfies WakeRecord)
  }

  cancelWake(subject: string): void {
    const waiting = this.get<WakeRecord>(wakePath(subject))
    if (waiting === undefined) return
    this.delete(waiting.path)
    this.delete(wakePath(subject))
  }

  isolate(subject: string, change: () => void): boolean {
    const error = this.attempt(change)
    if (error !== undefined)
      this.faults.push(new OstrakaError(error.code, error.message, { ...error.details, subject }))
    return error === undefined
  }

  attempt(change: () => void): OstrakaError | undefined {
    const before = this.records
    try {
      change()
      return undefined
    } catch (error) {
      this.records = before
      return isOstrakaError(error) ? error : toOstrakaError(error)
    }
  }
}

/** The epoch that block time `timeMs` falls in. */
export function epochOf(genesis: Genesis, timeMs: number): number {
  return Math.max(0, Math.floor((timeMs - genesis.createdMs) / genesis.timing.epochMs))
}

/** The block time at which `epoch` begins. */
export function epochStartMs(genesis: Genesis, epoch: number): number {
  return genesis.createdMs + epoch * genesis.timing.epochMs
}

/**
 * What ranks the validators of the epoch that `header` opens, unless a hook at the block's end puts better in its place:
 * the hash of the certificate it carries, on which all agree through the block id. Whoever gathers that certificate can
 * choose among its quorums, so this serves only until the network has a key for its own randomness.
 */
export function seedOf(header: Header): Uint8Array {
  return header.certificateHash
}

/** Makes `seed` the r_epoch of the epoch that the present block opens: for a hook at its end. */
export function setSeed(ledger: Ledger, seed: Uint8Array): void {
  ledger.put(CHAIN_PATH, { ...ledger.get<ChainRecord>(CHAIN_PATH)!, seed })
}

/** The state before the first block. Errors: as `checkFounders`. */
export function initialState(genesis: Genesis): LedgerState {
  checkFounders(genesis)
  const networkId = networkIdOf(genesis)
  let records = MerkleMap.empty
  for (const member of genesis.members) {
    const record: MemberRecord = { ...member, state: 'active', weight: 1, joinedHeight: 0 }
    records = records.set(memberPath(member.peerId), record)
    records = records.set(sealingKeyPath(member.sealingKey), {
      peerId: member.peerId,
    } satisfies SealingKeyRecord)
  }
  for (const principal of genesis.creators) {
    records = records.set(creatorPath(principal), { isAllowed: true, revision: 0 })
  }
  if (genesis.attestation !== undefined) {
    records = records.set(ATTESTATION_POLICY_PATH, { revision: 0, policy: genesis.attestation })
  }
  const chain: ChainRecord = {
    height: 0,
    blockId: networkId,
    timeMs: genesis.createdMs,
    epoch: 0,
    seed: networkId,
    leader: 0,
    leadsSinceMs: genesis.createdMs,
  }
  const current = chooseValidators(records)
  const validators: ValidatorsRecord = { current, previous: current }
  return openState(genesis, networkId, records.set(CHAIN_PATH, chain).set(VALIDATORS_PATH, validators))
}

/**
 * Reads a state from its records; `before`, a state of the same log, saves the work where nothing has changed.
 * Errors: `storage_corrupt` when they are no ledger.
 */
export function openState(
  genesis: Genesis,
  networkId: Uint8Array,
  records: MerkleMap,
  before?: LedgerState,
): LedgerState {
  const chain = records.get<ChainRecord>(CHAIN_PATH)
  const sets = records.get<ValidatorsRecord>(VALIDATORS_PATH)
  if (chain === undefined || sets === undefined)
    throw new OstrakaError('storage_corrupt', 'no ledger records')
  // an untouched record keeps its one frozen value through all versions of the map
  const isSameSet = before?.records.get(VALIDATORS_PATH) === sets
  const validators = isSameSet ? before.validators : sets.current.map(toValidator)
  const isSameRanking = isSameSet && equalBytes(before.chain.seed, chain.seed)
  const [earliest] = records.entries<DeadlineRecord>(DEADLINE_PREFIX)
  return {
    genesis,
    networkId,
    records,
    chain,
    validators,
    previousValidators: isSameSet ? before.previousValidators : sets.previous.map(toValidator),
    ranking: isSameRanking ? before.ranking : rank(validators, chain.seed),
    wakeAtMs: earliest?.value.timeMs ?? null,
    turnEndsMs: turnEndsMs(records),
  }
}

function toValidator(member: VotingMember): Validator {
  return { ...member, publicKey: publicKeyOf(member.peerId) }
}

/** All active members, or the 16 of most weight; ties go by hash, and the list is in that order. */
export function chooseValidators(records: MerkleMap): readonly VotingMember[] {
  return [...records.entries<MemberRecord>(MEMBER_PREFIX)]
    .filter(entry => entry.value.state === 'active')
    .map(({ value: { peerId, weight } }) => ({ peerId, weight, hash: sha256(utf8(peerId)) }))
    .sort((a, b) => b.weight - a.weight || compareBytes(a.hash, b.hash))
    .slice(0, MAX_VOTING)
    .map(({ peerId, weight }) => ({ peerId, weight }))
}

/** Who proposes the next block in `round`: the leader's rank and its successors in turn. */
export function proposerOf(state: LedgerState, round: number): Validator {
  const { ranking, chain } = state
  return ranking[(chain.leader + round) % ranking.length]!
}

/** The node that leads now: it proposes the next block unless it fails to. */
export function coordinatorOf(state: LedgerState): Validator {
  return proposerOf(state, 0)
}
