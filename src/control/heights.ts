import type { PeerId } from '../base/index.ts'
import type { PeerAnswer } from '../wire/index.ts'
import { mayVote, settleBound } from './abstention.ts'
import { beginHeight } from './commit.ts'
import { isValidator, nextToken, type Run } from './log-state.ts'
import { noteHeight } from './sync.ts'

const ANSWER_MS = 5000

/** Asks each other validator how far it is. */
export function askHeights(run: Run): void {
  const { log, effects } = run
  if (log.abstention === null || log.abstention.bound !== null) return
  settle(run)
  const from = log.ledger.chain.height + 1
  for (const { peerId } of log.ledger.validators) {
    if (peerId === log.self || log.asked.has(peerId)) continue
    const token = nextToken(log, 'height')
    log.asked.set(peerId, token)
    const request = { type: 'blocks', from, limit: 1 } as const
    effects.push({ type: 'request', token, to: peerId, request, deadlineMs: ANSWER_MS })
  }
}

/** A validator has told of its height, or has not; true if it was asked here. */
export function receiveHeight(run: Run, token: string, from: PeerId, answer: PeerAnswer | null): boolean {
  const { log } = run
  if (log.asked.get(from) !== token) return false
  log.asked.delete(from)
  if (answer?.type !== 'blocks') return true
  log.told.set(from, answer.height)
  noteHeight(run, from, answer.height)
  settle(run)
  return true
}

/** Where the risk is accepted, the running height begins at once. */
function settle(run: Run): void {
  const { log } = run
  settleBound(run)
  if (log.consensus === null && isValidator(log) && mayVote(log)) beginHeight(run)
}
