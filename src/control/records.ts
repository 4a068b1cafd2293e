import { type PeerId, toHex } from '../base/index.ts'
import type { Act, Approval, Member, Quota } from '../wire/index.ts'

/**
 * What control/ itself keeps in the ledger. Paths:
 *   chain                         ChainRecord
 *   validators                    ValidatorsRecord
 *   member/<peerId>               MemberRecord
 *   creator/<public key hex>      CreatorRecord
 *   usage/<public key hex>        UsageRecord
 *   invite/<nonce hex>            InviteRecord, until the invite expires
 *   sealing-key/<public key hex>  SealingKeyRecord, for good: one for each sealing key that was ever registered
 *   proposal/<id hex>             ProposalRecord
 *   deadline/<time>/<subject>     DeadlineRecord
 *   retry/<height>/<subject>      RetryRecord, a deadline whose handler failed
 *   wake/<subject>                WakeRecord, where a subject's one deadline stands
 *   stages                        StagesRecord, while a stage is open
 *   proposers                     ProposersRecord
 */
export const CHAIN_PATH = 'chain'
export const VALIDATORS_PATH = 'validators'
export const STAGES_PATH = 'stages'
export const PROPOSERS_PATH = 'proposers'
export const MEMBER_PREFIX = 'member/'
export const INVITE_PREFIX = 'invite/'
export const DEADLINE_PREFIX = 'deadline/'
export const RETRY_PREFIX = 'retry/'
export const PROPOSAL_PREFIX = 'proposal/'

export function memberPath(peerId: PeerId): string {
  return `${MEMBER_PREFIX}${peerId}`
}

export function creatorPath(principal: Uint8Array): string {
  return `creator/${toHex(principal)}`
}

export function usagePath(principal: Uint8Array): string {
  return `usage/${toHex(principal)}`
}

export function invitePath(nonce: Uint8Array): string {
  return `${INVITE_PREFIX}${toHex(nonce)}`
}

export function sealingKeyPath(sealingKey: Uint8Array): string {
  return `sealing-key/${toHex(sealingKey)}`
}

export function proposalPath(id: Uint8Array): string {
  return `${PROPOSAL_PREFIX}${toHex(id)}`
}

/** Padded, so that paths sort by time. */
export function deadlinePath(timeMs: number, subject: string): string {
  return `${DEADLINE_PREFIX}${String(timeMs).padStart(16, '0')}/${subject}`
}

/** Padded, so that paths sort by height. */
export function retryPath(height: number, subject: string): string {
  return `${RETRY_PREFIX}${String(height).padStart(16, '0')}/${subject}`
}

export function wakePath(subject: string): string {
  return `wake/${subject}`
}

/** Where the log stands. */
export interface ChainRecord {
  readonly height: number
  /** The network id at height 0. */
  readonly blockId: Uint8Array
  readonly timeMs: number
  readonly epoch: number
  /** r_epoch, which ranks the validators. */
  readonly seed: Uint8Array
  /** The rank that leads: 0 at the start of an epoch, then who succeeded it or whose turn it is. */
  readonly leader: number
  /** Block time since which it leads. */
  readonly leadsSinceMs: number
}

/** The stages of ceremonies that are open. While there are any, leaders take turns. */
export interface StagesRecord {
  readonly open: number
  /** The longest turn that the shortest of them allows. */
  readonly turnMs: number
  /** Block time since which some stage was open. */
  readonly sinceMs: number
  /** The next rank leads from the next block on, though the turn is not over. */
  readonly isLeadPassed: boolean
}

/** Who proposed, latest first, and the height of each one's latest block. */
export interface ProposersRecord {
  readonly latest: readonly { readonly proposer: Uint8Array; readonly height: number }[]
}

/** Whose a sealing key is, or was. */
export interface SealingKeyRecord {
  readonly peerId: PeerId
}

export interface VotingMember {
  readonly peerId: PeerId
  readonly weight: number
}

export interface ValidatorsRecord {
  /** Who votes on the next block. */
  readonly current: readonly VotingMember[]
  /** Who voted on this one: the next block carries their certificate. */
  readonly previous: readonly VotingMember[]
}

export interface MemberRecord extends Member {
  /** `joining`: admitted, but not known to be there; it neither votes nor holds shares. `removed` is for good. */
  readonly state: 'joining' | 'active' | 'suspended' | 'removed'
  /** The agreed trust score, above zero; 1 until trust is measured. */
  readonly weight: number
  readonly joinedHeight: number
  /** Where a node that was invited says it listens. */
  readonly addresses?: readonly string[]
}

/** A used invite. */
export interface InviteRecord {
  readonly peerId: PeerId
  readonly height: number
}

/** An act that was put before the operators. */
export interface ProposalRecord {
  readonly id: Uint8Array
  readonly proposer: Uint8Array
  readonly act: Act
  readonly reason: string
  readonly expiresMs: number
  /**
   * `open`: too few have approved. `approved`: its proposer may use it. `done`: used, or enacted with the last approval.
   * Only the first two go on.
   */
  readonly state: 'open' | 'approved' | 'done' | 'withdrawn' | 'expired'
  /** Distinct operators', over the Consent, in the order they came. */
  readonly approvals: readonly Approval[]
  /** Where and when (block time) it was proposed. */
  readonly height: number
  readonly timeMs: number
  /** Block time at which it was done, withdrawn or expired; 0 until then. */
  readonly closedMs: number
}

export interface CreatorRecord {
  readonly isAllowed: boolean
  readonly revision: number
  /** Its own; absent, the network's. */
  readonly quota?: Quota
}

/** What counts against a principal's quota; its running ceremonies are counted themselves. */
export interface UsageRecord {
  readonly versions: number
  readonly queued: number
  /** Of the control log, as of block time `atMs`; they drain within an hour. */
  readonly bytes: number
  readonly atMs: number
}

export interface DeadlineRecord {
  readonly timeMs: number
  readonly subject: string
}

/** A deadline that is tried again in the first block at or above `height`. */
export interface RetryRecord {
  readonly subject: string
  readonly height: number
  /** How often its handler has thrown. */
  readonly failures: number
}

/** A subject waits in one place: a later deadline takes the place of an earlier one, and leaves nothing of it. */
export interface WakeRecord {
  /** Of its DeadlineRecord or RetryRecord. */
  readonly path: string
}
