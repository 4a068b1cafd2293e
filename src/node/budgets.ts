import { type BucketSize, OstrakaError, type PeerId, TokenBucket } from '../base/index.ts'
import {
  frameUnits,
  MESSAGE_SHARES,
  messageUnits,
  type PeerMessage,
  type PeerRequest,
  REQUEST_RULES,
  type Share,
} from '../wire/index.ts'

/** What one peer may cost this node for its own sake, of a million units a second that one core has: a fifth in all. */
const SHARES: Readonly<Record<Share, BucketSize>> = {
  // a validator says three things a block; a proposal is as large as the block
  consensus: { perSecond: 50_000, burst: 500_000 },
  // some 3 MB of blocks a second
  sync: { perSecond: 40_000, burst: 400_000 },
  // the dealings of a thousand ceremonies at once, and one a few milliseconds later
  ceremonies: { perSecond: 20_000, burst: 400_000 },
  // a deal and an acknowledgement in each of a thousand ceremonies
  transactions: { perSecond: 40_000, burst: 400_000 },
  // pings, exports, and the checks of requests that clients have not signed after all
  operations: { perSecond: 30_000, burst: 300_000 },
  // nonces for the first signatures of a hundred keys; afterwards they come with the answers, and clients pay
  nonces: { perSecond: 20_000, burst: 600_000 },
}

/** What frames may cost that are refused before they are read: a peer in no share's excess never gets here. */
const FRAMES: BucketSize = { perSecond: 200_000, burst: 1_000_000 }

/** A refusal counts as excess with what was asked for, and at most so much: one mistake is not a flood. */
const MAX_REFUSAL_UNITS = 5_000
/** Twenty refusals of dear requests, or a thousand of cheap ones, in a few seconds: then the peer is cut off. */
const CUT_OFF_UNITS = 100_000
/** So much excess is forgotten in a second: who asks half as much again as it may is throttled and stays. */
const FORGIVEN_PER_SECOND = 20_000

/** A peer is put out for so long, and twice as long each time that it comes back and goes on. */
const FIRST_CUT_OFF_MS = 10_000
const LONGEST_CUT_OFF_MS = 600_000
/** A peer that has kept within its budgets for so long begins anew. */
const GOOD_CONDUCT_MS = 1_200_000

interface Account {
  readonly shares: Map<Share, TokenBucket>
  readonly frames: TokenBucket
  readonly inFlight: Map<PeerRequest['type'], number>
  excess: number
  excessAtMs: number
  /** Refused since the last beat. */
  refused: number
  /** Whether the transport has sent it away since the last beat. */
  isSentAway: boolean
  cutOffs: number
  cutOffUntilMs: number
}

/** A peer whose connection is to be closed, and how long none of its is to be taken. */
export interface CutOff {
  readonly peerId: PeerId
  readonly forMs: number
}

/**
 * What each peer has cost this node for its own sake, against what it may: a token bucket for each share of the work.
 * What a client signed is no peer's: its principal pays (`keys/operations/limits.ts`). Excess is refused before it is
 * worked on, counted against the peer that sent it, and, when it goes on, ends its connection. Changed in place.
 */
export class Budgets {
  readonly #accounts = new Map<PeerId, Account>()
  #cutOffs: CutOff[] = []

  /** Takes in a frame that has not been read. False: it is not worth reading. */
  frame(from: PeerId, sizeBytes: number, nowMs: number): boolean {
    const account = this.#account(from, nowMs)
    if (nowMs < account.cutOffUntilMs) return false
    const units = frameUnits(sizeBytes)
    if (account.frames.take(units, nowMs) === undefined) return true
    this.#exceed(from, account, units, nowMs)
    return false
  }

  /** Takes in a message. False: it is over the sender's budget, and dropped. */
  message(from: PeerId, message: PeerMessage, sizeBytes: number, nowMs: number): boolean {
    const units = frameUnits(sizeBytes) + messageUnits(message)
    return this.#take(from, MESSAGE_SHARES[message.type], units, nowMs) === undefined
  }

  /** A request has come; `finished` must follow. */
  begun(from: PeerId, type: PeerRequest['type'], nowMs: number): void {
    const { inFlight } = this.#account(from, nowMs)
    inFlight.set(type, (inFlight.get(type) ?? 0) + 1)
  }

  /** Takes in a request that has begun, with so much work beside. Errors: `overloaded { retryAfterMs | limit }`. */
  request(from: PeerId, type: PeerRequest['type'], moreUnits: number, nowMs: number): void {
    const { share, units, inFlight } = REQUEST_RULES[type]
    const account = this.#account(from, nowMs)
    if ((account.inFlight.get(type) ?? 0) > inFlight) {
      this.#exceed(from, account, units, nowMs)
      throw new OstrakaError('overloaded', 'too many requests of this kind in work', { limit: inFlight })
    }
    const retryAfterMs = this.#take(from, share, units + moreUnits, nowMs)
    if (retryAfterMs === undefined) return
    throw new OstrakaError('overloaded', 'over what this peer may ask', { share, retryAfterMs })
  }

  /** A request that had begun has been answered with so many bytes, or refused. */
  finished(from: PeerId, type: PeerRequest['type'], answerBytes: number, nowMs: number): void {
    const account = this.#account(from, nowMs)
    account.inFlight.set(type, Math.max(0, (account.inFlight.get(type) ?? 0) - 1))
    const { share } = REQUEST_RULES[type]
    if (answerBytes > 0) this.#bucket(account, share, nowMs).charge(frameUnits(answerBytes), nowMs)
  }

  /** The client's signature has held: its principal pays, and the peer gets back what `request` took. */
  refund(from: PeerId, type: PeerRequest['type'], moreUnits: number, nowMs: number): void {
    const { share, units } = REQUEST_RULES[type]
    this.#bucket(this.#account(from, nowMs), share, nowMs).refund(units + moreUnits)
  }

  /** Refuses what is against the rules whatever the budget: it counts as excess. */
  refused(from: PeerId, units: number, nowMs: number): void {
    this.#exceed(from, this.#account(from, nowMs), units, nowMs)
  }

  /** The transport has sent the peer away, for whatever reason. */
  sentAway(peerId: PeerId, nowMs: number): void {
    this.#account(peerId, nowMs).isSentAway = true
  }

  isCutOff(peerId: PeerId, nowMs: number): boolean {
    return nowMs < (this.#accounts.get(peerId)?.cutOffUntilMs ?? 0)
  }

  /**
   * Whether the peer was over its budgets since this was last asked: refused more than `tolerance` times, or cut off, or sent
   * away for messages that every node refuses.
   */
  takeExcess(peerId: PeerId, tolerance: number, nowMs: number): boolean {
    const account = this.#accounts.get(peerId)
    if (account === undefined) return false
    const isOver = account.refused > tolerance || account.isSentAway || nowMs < account.cutOffUntilMs
    account.refused = 0
    account.isSentAway = false
    return isOver
  }

  /** Peers that are to be cut off, each told once. */
  takeCutOffs(): readonly CutOff[] {
    if (this.#cutOffs.length === 0) return this.#cutOffs
    const due = this.#cutOffs
    this.#cutOffs = []
    return due
  }

  #take(from: PeerId, share: Share, units: number, nowMs: number): number | undefined {
    const account = this.#account(from, nowMs)
    const retryAfterMs = this.#bucket(account, share, nowMs).take(units, nowMs)
    if (retryAfterMs !== undefined) this.#exceed(from, account, units, nowMs)
    return retryAfterMs
  }

  #exceed(peerId: PeerId, account: Account, units: number, nowMs: number): void {
    const forgiven = (Math.max(0, nowMs - account.excessAtMs) * FORGIVEN_PER_SECOND) / 1000
    account.refused++
    account.excess = Math.max(0, account.excess - forgiven) + Math.min(MAX_REFUSAL_UNITS, units)
    account.excessAtMs = nowMs
    if (account.excess < CUT_OFF_UNITS || nowMs < account.cutOffUntilMs) return
    if (nowMs - account.cutOffUntilMs > GOOD_CONDUCT_MS) account.cutOffs = 0
    const forMs = Math.min(LONGEST_CUT_OFF_MS, FIRST_CUT_OFF_MS * 2 ** account.cutOffs)
    account.cutOffs++
    account.cutOffUntilMs = nowMs + forMs
    account.excess = 0
    this.#cutOffs.push({ peerId, forMs })
  }

  #account(peerId: PeerId, nowMs: number): Account {
    let account = this.#accounts.get(peerId)
    if (account === undefined) {
      account = {
        shares: new Map(),
        frames: new TokenBucket(FRAMES, nowMs),
        inFlight: new Map(),
        excess: 0,
        excessAtMs: nowMs,
        refused: 0,
        isSentAway: false,
        cutOffs: 0,
        cutOffUntilMs: 0,
      }
      this.#accounts.set(peerId, account)
    }
    return account
  }

  #bucket(account: Account, share: Share, nowMs: number): TokenBucket {
    let bucket = account.shares.get(share)
    if (bucket === undefined) {
      bucket = new TokenBucket(SHARES[share], nowMs)
      account.shares.set(share, bucket)
    }
    return bucket
  }
}
