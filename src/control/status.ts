import type { PeerId } from '../base/index.ts'
import { askHeights } from './heights.ts'
import { isValidator, peerOf, type Run, send, statusMs } from './log-state.ts'
import { MEMBER_PREFIX, type MemberRecord } from './records.ts'
import { expireSubmissions } from './submissions.ts'
import { keepUp } from './sync.ts'
import { shareVotes } from './witness.ts'

const TIMER = 'control/status'
/** Where there are many, each is told every second time: within the window of `heardWindowMs`, and beacons come between. */
const TURNS = 2
/** So few others are told every time. */
const FEW = 8
/** While other news say so: some may not have got them, or not understood. */
const RARE_TURNS = 6

/** Says how far this node is, so that laggards notice, and that it is alive. */
export function sayStatus(run: Run): void {
  const { log, nowMs } = run
  const validators = log.ledger.validators.map(({ peerId }) => peerId)
  log.statusTurn++
  const isAnnounced = nowMs - log.announcedMs < 2 * statusMs(log)
  const turns = validators.length <= FEW + 1 ? 1 : TURNS
  tell(run, validators, isAnnounced ? RARE_TURNS : turns)
  if (isValidator(log)) {
    const voting = new Set(validators)
    const others = [...log.ledger.records.entries<MemberRecord>(MEMBER_PREFIX)]
      .filter(({ value: { peerId, state } }) => state !== 'removed' && !voting.has(peerId))
      .map(({ value }) => value.peerId)
    tell(run, others, isAnnounced ? RARE_TURNS : TURNS)
  }
  shareVotes(run)
  expireSubmissions(run)
  keepUp(run)
  askHeights(run)
  run.effects.push({ type: 'timer', id: TIMER, atMs: nowMs + statusMs(log) })
}

/** Tells those whose turn it is; each validator begins with others, so that nobody hears from all of them at once. */
function tell(run: Run, peers: readonly PeerId[], turns: number): void {
  const { log } = run
  const own = log.ledger.validators.findIndex(({ peerId }) => peerId === log.self)
  const message = { type: 'status', height: log.ledger.chain.height } as const
  for (const [index, peerId] of peers.entries()) {
    if ((log.statusTurn + Math.max(own, 0) + index) % turns === 0) send(run, peerId, message)
  }
}

/**
 * `peer` has shown that it is at work on `height`, which is decided here: it gets that block if it lacks only this one,
 * else the news that it is behind. Not too often, and not for a vote that is merely late.
 */
export function helpBehind(run: Run, peer: PeerId, height: number): void {
  const { log, nowMs } = run
  const pauseMs = log.options.genesis.timing.voteMs / 2
  const record = peerOf(log, peer)
  const own = log.ledger.chain.height
  const cached = log.cache.get(height)
  if (nowMs - record.helpedMs < pauseMs) return
  if (cached !== undefined && nowMs - cached.atMs < pauseMs) return
  record.helpedMs = nowMs
  if (cached !== undefined && height === own) send(run, peer, { type: 'block', certified: cached.certified })
  else send(run, peer, { type: 'status', height: own })
}
