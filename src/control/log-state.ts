import { type PeerId, peerIdOf, type Rng } from '../base/index.ts'
import {
  type CertifiedBlock,
  type CertifiedHeader,
  certifiedBlockCodec,
  type PeerMessage,
  type SignedTransaction,
} from '../wire/index.ts'
import type { Abstention } from './abstention.ts'
import type { Reducer } from './apply.ts'
import { quorumOf } from './certificates.ts'
import type { ConsensusMessage, ConsensusState } from './consensus-state.ts'
import { coordinatorOf, type LedgerState } from './ledger.ts'
import type { LogEffect, LogLimits, LogOptions, LogView } from './log-types.ts'
import type { Mempool } from './mempool.ts'
import type { SnapshotJob, SnapshotMeta } from './snapshots.ts'
import type { ProvableState } from './state-proofs.ts'
import type { SyncState } from './sync.ts'
import type { WalEntries } from './wal.ts'

/** A certified block kept for those who lag, with when it came and how large it is. */
export interface CachedBlock {
  readonly certified: CertifiedBlock
  readonly atMs: number
  readonly sizeBytes: number
}

/** What is known of another member. */
export interface PeerRecord {
  /** The highest height that it says, or shows, it has applied. */
  height: number
  heardMs: number
  /** When it was last sent a status or block because it lags. */
  helpedMs: number
  /** Not asked for blocks before this: it lied or had nothing. */
  avoidUntilMs: number
  /** How often it has sent what no honest peer sends. */
  lies: number
}

/** A transaction of this node's own that waits for its block. */
export interface Submission {
  readonly token: string
  readonly id: string
  readonly transaction: SignedTransaction
  readonly atMs: number
  /** By the local clock; null for what never gives up. */
  readonly untilMs: number | null
}

/** The control machine's state. The node reads it through `viewLog` alone. Changed in place by `stepLog`. */
export interface LogState {
  readonly options: LogOptions
  readonly limits: LogLimits
  readonly self: PeerId
  ledger: LedgerState
  tip: CertifiedHeader | null
  /** What the newest certificate proves; null until a block has been applied on a state that is here. */
  provable: ProvableState | null
  /** The running height, at a validator. */
  consensus: ConsensusState | null
  /** The height before it, for votes that come late or contradict others. */
  last: ConsensusState | null
  sharedHeight: number
  /** What this node may have forgotten of its votes; null when nothing. */
  abstention: Abstention | null
  /** While it must know how far the network is: who is being asked, and what was told. */
  readonly asked: Map<PeerId, string>
  readonly told: Map<PeerId, number>
  /** Votes of a height above, which this node's blocks no longer reach. */
  wal: WalEntries | null
  /** Messages of the next height, which faster validators have begun. */
  readonly early: { readonly from: PeerId; readonly message: ConsensusMessage }[]
  readonly mempool: Mempool
  readonly submissions: Map<string, Submission>
  readonly peers: Map<PeerId, PeerRecord>
  sync: SyncState | null
  /** Verified parts of a snapshot that is not whole yet, by root: kept when another peer is asked. */
  readonly fetchedParts: Map<string, Uint8Array>
  behindSinceMs: number | null
  /** When a certified block was last fetched. */
  syncedMs: number
  /** Answers that wait for the node's own store, by load token. */
  readonly loads: Map<string, ServedLoad>
  readonly cache: Map<number, CachedBlock>
  cacheBytes: number
  /** The lowest height whose whole block is stored. */
  lowest: number
  snapshot: SnapshotMeta | null
  job: SnapshotJob | null
  /** Blocks or the snapshot on disk are not what they were: the next block begins a new snapshot. */
  isDamaged: boolean
  /** Store keys that recovery found to be left over; deleted at the start. */
  readonly litter: string[]
  startedMs: number
  /** How often it has said how far it is: whom it tells goes by turns. */
  statusTurn: number
  /** When everybody was last told by other means: `noteAnnounced`. */
  announcedMs: number
  counter: number
}

export interface ServedLoad {
  readonly replyToken: string
  readonly kind: 'blocks' | 'headers' | 'snapshot'
  readonly limit: number
  readonly part: number
}

/** One step's arguments and what it has to say. */
export interface Run {
  readonly log: LogState
  readonly nowMs: number
  readonly rng: Rng
  readonly effects: LogEffect[]
}

export function reducerOf(log: LogState): Reducer {
  return log.options.reducer
}

export function nextToken(log: LogState, kind: string): string {
  log.counter++
  return `control/${kind}/${log.counter}`
}

export function send(run: Run, to: PeerId, message: PeerMessage): void {
  if (to !== run.log.self) run.effects.push({ type: 'send', to, message })
}

export function sendToValidators(run: Run, message: PeerMessage): void {
  for (const { peerId } of run.log.ledger.validators) send(run, peerId, message)
}

export function warn(run: Run, text: string, details: Readonly<Record<string, unknown>>): void {
  run.effects.push({ type: 'note', level: 'warn', text, details })
}

export function peerOf(log: LogState, peerId: PeerId): PeerRecord {
  let peer = log.peers.get(peerId)
  if (peer === undefined) {
    peer = { height: 0, heardMs: 0, helpedMs: 0, avoidUntilMs: 0, lies: 0 }
    log.peers.set(peerId, peer)
  }
  return peer
}

export function isVoting(log: LogState, peerId: PeerId): boolean {
  return log.ledger.validators.some(validator => validator.peerId === peerId)
}

export function isValidator(log: LogState): boolean {
  return isVoting(log, log.self)
}

export function isMember(log: LogState, peerId: PeerId): boolean {
  return log.ledger.records.bytesOf(`member/${peerId}`) !== undefined
}

export function remember(log: LogState, certified: CertifiedBlock, nowMs: number): Uint8Array {
  const bytes = certifiedBlockCodec.encode(certified)
  log.cache.set(certified.block.header.height, { certified, atMs: nowMs, sizeBytes: bytes.length })
  log.cacheBytes += bytes.length
  for (const [height, entry] of log.cache) {
    if (log.cache.size <= log.limits.cacheCount && log.cacheBytes <= log.limits.cacheBytes) break
    log.cache.delete(height)
    log.cacheBytes -= entry.sizeBytes
  }
  return bytes
}

/** A laggard whose helper falls silent for this long takes part as it is. */
const CATCHING_UP_MS = 500

/** The slowest that nodes say how far they are: twice in the longest time that is waited for a sign of life. */
const SLOWEST_STATUS_MS = 4500

/** How often nodes say how far they are: often enough to notice a silent one within an epoch, and no more. */
export function statusMs(log: LogState): number {
  return Math.min(SLOWEST_STATUS_MS, Math.max(250, log.options.genesis.timing.epochMs / 3))
}

/** Everybody has just been told how far this node is, by other means than the log's own. */
export function noteAnnounced(log: LogState, nowMs: number): void {
  log.announcedMs = nowMs
}

/** A validator that was not heard of for this long does not count as answering. */
export function heardWindowMs(log: LogState): number {
  return Math.min(3 * statusMs(log), 2 * SLOWEST_STATUS_MS) + 500
}

export function answeringCount(log: LogState, nowMs: number): number {
  const since = nowMs - heardWindowMs(log)
  return log.ledger.validators.filter(
    ({ peerId }) => peerId === log.self || (log.peers.get(peerId)?.heardMs ?? 0) > since,
  ).length
}

/** Verified blocks or snapshot parts came just now, and more are asked for: the state here is an old one. */
export function isCatchingUp(log: LogState, nowMs: number): boolean {
  return log.sync !== null && nowMs - log.syncedMs < CATCHING_UP_MS
}

/** What the node may read of the log at any time. */
export function viewLog(log: LogState, nowMs: number): LogView {
  const { ledger } = log
  return {
    height: ledger.chain.height,
    epoch: ledger.chain.epoch,
    state: ledger,
    tip: log.tip,
    lowest: log.lowest,
    provable: log.provable,
    coordinator: coordinatorOf(ledger),
    validators: ledger.validators,
    isValidator: isValidator(log),
    round: log.consensus?.round ?? -1,
    answering: answeringCount(log, nowMs),
    needed: quorumOf(ledger.validators.length),
    pending: log.mempool.size,
    isSyncing: log.sync !== null,
    recovery: recoveryOf(log),
    forgottenHeight: log.abstention?.isLost === true ? replayedHeightOf(log) : 0,
    replayedHeight: replayedHeightOf(log),
  }
}

function recoveryOf({ abstention, ledger, options }: LogState): LogView['recovery'] {
  if (abstention === null) return null
  if (abstention.bound === null) return 'catching-up'
  return ledger.chain.height < abstention.bound && options.acceptsVoteRisk !== true ? 'abstaining' : null
}

function replayedHeightOf({ abstention }: LogState): number {
  return abstention === null ? 0 : (abstention.bound ?? Number.POSITIVE_INFINITY)
}

export function ownPeerId(options: LogOptions): PeerId {
  return peerIdOf(options.key.publicKey)
}
