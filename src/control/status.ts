import type { PeerId } from '../base/index.ts'
import { askHeights } from './heights.ts'
import { isValidator, peerOf, type Run, send, sendToValidators, statusMs } from './log-state.ts'
import { MEMBER_PREFIX, type MemberRecord } from './records.ts'
import { expireSubmissions } from './submissions.ts'
import { keepUp } from './sync.ts'
import { shareVotes } from './witness.ts'

const TIMER = 'control/status'
/** A validator tells the members that do not vote in so many turns: each within the window of `heardWindowMs`. */
const TURNS = 2

/** Says how far this node is, so that laggards notice, and that it is alive. */
export function sayStatus(run: Run): void {
  const { log, nowMs } = run
  const message = { type: 'status', height: log.ledger.chain.height } as const
  sendToValidators(run, message)
  if (isValidator(log)) {
    const voting = new Set(log.ledger.validators.map(({ peerId }) => peerId))
    const turn = Math.floor(nowMs / statusMs(log)) % TURNS
    const others = [...log.ledger.records.entries<MemberRecord>(MEMBER_PREFIX)]
      .filter(({ value: { peerId, state } }) => state !== 'removed' && !voting.has(peerId))
      .map(({ value }) => value.peerId)
    for (const [index, peerId] of others.entries()) if (index % TURNS === turn) send(run, peerId, message)
  }
  shareVotes(run)
  expireSubmissions(run)
  keepUp(run)
  askHeights(run)
  run.effects.push({ type: 'timer', id: TIMER, atMs: nowMs + statusMs(log) })
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
