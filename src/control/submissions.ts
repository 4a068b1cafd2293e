import { OstrakaError, type PeerId, toHex } from '../base/index.ts'
import { type SignedTransaction, transactionCodec } from '../wire/index.ts'
import { type TransactionResult, tryTransaction } from './apply.ts'
import { honestMinority, quorumOf } from './certificates.ts'
import { transactionIdOf } from './ids.ts'
import { coordinatorOf, proposerOf } from './ledger.ts'
import {
  answeringCount,
  heardWindowMs,
  isCatchingUp,
  isMember,
  type LogState,
  type Run,
  reducerOf,
  type Submission,
  send,
  sendToValidators,
} from './log-state.ts'
import type { SubmitEvent } from './log-types.ts'
import { isPatient } from './mempool.ts'

/** Fits one frame with room for its envelope; one transaction of the largest size fits too. */
const MAX_MESSAGE_BYTES = 900 * 1024
const MAX_MESSAGE_COUNT = 256
/** Other nodes' transactions that a coordinator is reminded of, in case their senders cannot reach it. */
const MAX_REMINDERS = 64
/** A node that cannot get blocks made must not hoard its callers' wishes. */
const MAX_SUBMISSIONS = 8192

const TIMER = 'control/submissions'

function fail(run: Run, token: string, error: OstrakaError): void {
  run.effects.push({ type: 'not-included', token, outcome: { ok: false, error } })
}

/** Takes a transaction of this node's own, or refuses it at once. */
export function submit(run: Run, event: SubmitEvent): void {
  const { log, nowMs } = run
  const { token, transaction, deadlineMs } = event
  const id = toHex(transactionIdOf(transaction))
  const known = log.mempool.inclusionOf(id)
  if (known !== undefined) {
    run.effects.push({ type: 'included', token, ...known })
    return
  }
  if (deadlineMs !== null && isQuorumLost(run)) {
    fail(run, token, noQuorum(run))
    return
  }
  if (deadlineMs !== null && isCatchingUp(log, nowMs)) {
    fail(run, token, new OstrakaError('not_ready', 'this node is still catching up with the log'))
    return
  }
  if (log.submissions.size >= MAX_SUBMISSIONS) {
    fail(run, token, new OstrakaError('overloaded', 'too many submissions wait'))
    return
  }
  const added = log.mempool.add(log.ledger, transaction, nowMs, false)
  // what never gives up comes in once there is room: each block makes some, see `resolveVoid`
  if (!added.ok && (deadlineMs !== null || added.error.code !== 'overloaded')) {
    fail(run, token, added.error)
    return
  }
  const untilMs = deadlineMs === null ? null : nowMs + deadlineMs
  log.submissions.set(token, { token, id, transaction, atMs: nowMs, untilMs })
  if (isPatient(transaction)) sendAhead(run, nextRounds(run), [transaction])
  else sendToValidators(run, { type: 'transactions', transactions: [transaction] })
  scheduleSubmissions(run)
}

/** Takes in transactions that another member forwards. */
export function receiveTransactions(
  run: Run,
  from: PeerId,
  transactions: readonly SignedTransaction[],
): void {
  const { log, nowMs } = run
  if (!isMember(log, from)) return
  for (const transaction of transactions) log.mempool.add(log.ledger, transaction, nowMs, true)
}

/** Whether this node has been up long enough to know that too few validators answer. */
function isQuorumLost({ log, nowMs }: Run): boolean {
  const isSettled = nowMs - log.startedMs > heardWindowMs(log)
  return isSettled && answeringCount(log, nowMs) < quorumOf(log.ledger.validators.length)
}

function noQuorum({ log, nowMs }: Run): OstrakaError {
  const details = {
    needed: quorumOf(log.ledger.validators.length),
    answered: answeringCount(log, nowMs),
  }
  return new OstrakaError('no_quorum', 'too few validators answer to make a block', details)
}

/** Answers those whose transaction is in this block. */
export function resolveIncluded(run: Run, height: number, results: readonly TransactionResult[]): void {
  const { submissions } = run.log
  if (submissions.size === 0) return
  const byId = new Map(results.map(result => [toHex(result.transactionId), result]))
  for (const { token, id } of [...submissions.values()]) {
    const result = byId.get(id)
    if (result === undefined) continue
    submissions.delete(token)
    run.effects.push({ type: 'included', token, height, result })
  }
}

/**
 * Answers those whose transaction the newest state has made void. After a snapshot it may be void because a block that this
 * node has skipped holds it: the answer says so.
 */
export function resolveVoid(run: Run, { isAfterSnapshot }: { readonly isAfterSnapshot: boolean }): void {
  const { log, nowMs } = run
  for (const { token, id, transaction } of [...log.submissions.values()]) {
    if (log.mempool.has(id)) continue
    const result = tryTransaction(log.ledger, transaction, reducerOf(log), nowMs)
    if (result.ok) {
      // it left with another submission that ran out of time
      log.mempool.add(log.ledger, transaction, nowMs, false)
      continue
    }
    log.submissions.delete(token)
    const details = isAfterSnapshot ? { ...result.details, mayBeIncluded: true } : result.details
    fail(run, token, new OstrakaError(result.code, result.message, details))
  }
}

/** Gives up what is out of time, or what no quorum is there for. */
export function expireSubmissions(run: Run): void {
  const { log, nowMs } = run
  const isLost = log.submissions.size > 0 && isQuorumLost(run)
  for (const submission of [...log.submissions.values()]) {
    const { token, id, untilMs, atMs } = submission
    if (untilMs === null) continue
    const isHopeless = isLost && nowMs - atMs > heardWindowMs(log)
    if (nowMs < untilMs && !isHopeless) continue
    log.submissions.delete(token)
    if (![...log.submissions.values()].some(other => other.id === id)) log.mempool.drop(id)
    const late = new OstrakaError('deadline_exceeded', 'no block took the transaction in time')
    fail(run, token, isLost || answersTooFew(run) ? noQuorum(run) : late)
  }
}

function answersTooFew({ log, nowMs }: Run): boolean {
  return answeringCount(log, nowMs) < quorumOf(log.ledger.validators.length)
}

/**
 * Patient transactions go to whoever proposes next and, in case that one is silent, to the one after it: nobody else needs
 * them before they are in the block. Whoever takes no part in the rounds does not see them fail, and tells f+1.
 */
function nextRounds({ log }: Run): number[] {
  const count = log.ledger.validators.length
  const reach = log.consensus === null ? Math.max(2, honestMinority(count)) : 2
  const first = Math.max(0, log.consensus?.round ?? 0)
  return Array.from({ length: Math.min(count, reach) }, (_, index) => first + index)
}

function sendAhead(run: Run, rounds: readonly number[], transactions: readonly SignedTransaction[]): void {
  for (const batch of batches(transactions)) {
    for (const round of rounds) {
      send(run, proposerOf(run.log.ledger, round).peerId, { type: 'transactions', transactions: batch })
    }
  }
}

function waitingPatiently({ submissions }: LogState): SignedTransaction[] {
  const patient = [...submissions.values()].filter(({ transaction }) => isPatient(transaction))
  return [...new Map(patient.map(({ id, transaction }) => [id, transaction])).values()]
}

/** A height begins, and they were not in the block below: whoever should have put them there does not have them. */
export function sendPatientAgain(run: Run): void {
  if (isCatchingUp(run.log, run.nowMs)) return
  sendAhead(run, nextRounds(run), waitingPatiently(run.log))
}

/** `round` begins, since the one before it has failed; its own proposer was told then, and now its successor is. */
export function sendPatientOn(run: Run, round: number): void {
  sendAhead(run, [round + 1], waitingPatiently(run.log))
}

/** Repeats what still waits: messages get lost. */
export function resubmit(run: Run): void {
  const { log } = run
  expireSubmissions(run)
  const pressing = [...log.submissions.values()].filter(({ transaction }) => !isPatient(transaction))
  const own = new Map(pressing.map((entry: Submission) => [entry.id, entry.transaction]))
  for (const transactions of batches([...own.values()])) {
    sendToValidators(run, { type: 'transactions', transactions })
  }
  const others = log.mempool.take(MAX_MESSAGE_BYTES, MAX_REMINDERS).filter(each => !isPatient(each))
  for (const transactions of batches(others)) {
    send(run, coordinatorOf(log.ledger).peerId, { type: 'transactions', transactions })
  }
  scheduleSubmissions(run)
}

function* batches(transactions: readonly SignedTransaction[]): Generator<SignedTransaction[]> {
  let batch: SignedTransaction[] = []
  let sizeBytes = 0
  for (const transaction of transactions) {
    const { length } = transactionCodec.encode(transaction)
    if (batch.length === MAX_MESSAGE_COUNT || (batch.length > 0 && sizeBytes + length > MAX_MESSAGE_BYTES)) {
      yield batch
      batch = []
      sizeBytes = 0
    }
    batch.push(transaction)
    sizeBytes += length
  }
  if (batch.length > 0) yield batch
}

/** The next repetition, or the next deadline if that comes first. */
export function scheduleSubmissions(run: Run): void {
  const { log, nowMs } = run
  const isIdle = [...log.submissions.values()].every(({ transaction }) => isPatient(transaction))
  if (isIdle && !log.mempool.isPressed) return
  let atMs = nowMs + 2 * log.options.genesis.timing.voteMs
  for (const { untilMs } of log.submissions.values()) {
    if (untilMs !== null) atMs = Math.min(atMs, Math.max(untilMs, nowMs))
  }
  run.effects.push({ type: 'timer', id: TIMER, atMs })
}
