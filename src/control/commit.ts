import type { Write } from '../base/index.ts'
import { equalBytes } from '../base/index.ts'
import {
  type CertifiedBlock,
  certifiedBlockCodec,
  certifiedHeaderCodec,
  type Signed,
  stateProofCodec,
  type Vote,
} from '../wire/index.ts'
import { mayVote, noticeForgotten, settleBound } from './abstention.ts'
import { applyBlock } from './apply.ts'
import { checkBlock, makeBlock } from './blocks.ts'
import { stepConsensus } from './consensus.ts'
import { type ConsensusEvent, type ConsensusState, type HeightHooks, newHeight } from './consensus-state.ts'
import { coordinatorOf, epochStartMs, type LedgerState, proposerOf } from './ledger.ts'
import {
  isCatchingUp,
  isValidator,
  type LogState,
  type Run,
  reducerOf,
  remember,
  send,
  sendToValidators,
  warn,
} from './log-state.ts'
import { MEMBER_PREFIX, type MemberRecord, memberPath } from './records.ts'
import { blocksBetween, continueSnapshot, pruningWrites, startSnapshot } from './snapshots.ts'
import { isHandover, proveState } from './state-proofs.ts'
import { blockKey, handoverKey, headerKey } from './store-keys.ts'
import { resolveIncluded, resolveVoid, sendPatientAgain, sendPatientOn } from './submissions.ts'
import { recoverHeight, walEntriesErasure, walErasure } from './wal.ts'
import { accuseBy, shareOtherProposal, witnessCertificate } from './witness.ts'

/**
 * Those who do not lead give the leader this long to open an epoch or meet a deadline by its own clock, before they
 * count it as late: clocks differ.
 */
const GRACE_MS = 500
const SNAPSHOT_TIMER = 'control/snapshot'
const WANTED_TIMER = 'control/wanted'

/** What a height's consensus asks of the log at this moment. */
export function hooksOf(log: LogState): HeightHooks {
  const { ledger } = log
  return {
    networkId: ledger.networkId,
    key: log.options.key,
    timing: ledger.genesis.timing,
    height: ledger.chain.height + 1,
    validators: ledger.validators,
    leastTimeMs: ledger.chain.timeMs + 1,
    proposerOf: round => proposerOf(ledger, round),
    makeBlock: (round, nowMs) =>
      makeBlock(ledger, log.tip?.certificate ?? null, log.mempool.take(), round, nowMs),
    checkBlock: block =>
      checkBlock(ledger, block, {
        transaction: id => log.mempool.isVerified(id),
        precommit: vote => hasPrecommit(log, vote),
      }),
  }
}

/** Whether this precommit is among those that came straight, each verified then. */
function hasPrecommit({ last }: LogState, vote: Signed<Vote>): boolean {
  if (last === null || last.hooks.height !== vote.value.height) return false
  return last.rounds.get(vote.value.round)?.precommits.has(vote) ?? false
}

/** Applies a block that the network has decided on top of this node's state, and begins the next height. */
export function commit(run: Run, certified: CertifiedBlock): void {
  const { log, nowMs } = run
  const { block, certificate } = certified
  const { header } = block
  const before = { state: log.ledger, tip: log.tip }
  if (block.previousCertificate !== null) witnessCertificate(run, block.previousCertificate)
  witnessCertificate(run, certificate)
  shareOtherProposal(run, certificate)
  noticeForgotten(run, certificate)
  const { state, results, faults } = applyBlock(log.ledger, block, reducerOf(log))
  const bytes = remember(log, certified, nowMs)
  const tip = { header, certificate }
  const writes: Write[] = [
    { key: blockKey(header.height), value: bytes },
    { key: headerKey(header.height), value: certifiedHeaderCodec.encode(tip) },
    ...(log.consensus === null ? [] : walErasure(log.consensus)),
  ]
  const provable = { tip, records: before.state.records }
  if (isHandover(before.state)) {
    writes.push({ key: handoverKey(header.height), value: stateProofCodec.encode(proveState(provable, [])) })
  }
  run.effects.push({ type: 'persist', writes })
  log.ledger = state
  log.tip = tip
  log.provable = provable
  log.behindSinceMs = null
  run.effects.push({ type: 'applied', certified, results, state })
  for (const fault of faults) {
    const details = { height: header.height, code: fault.code, why: fault.message }
    run.effects.push({ type: 'note', level: 'error', text: 'a block hook failed', details })
  }
  tellRemoved(run, certified, before.state)
  log.mempool.settle(certified, results, state, nowMs)
  resolveIncluded(run, header.height, results)
  resolveVoid(run, { isAfterSnapshot: false })
  if (before.tip !== null)
    maySnapshot(run, before.state.chain.height, () => startSnapshot(before.state, before.tip!))
  beginHeight(run)
}

/** Whom this block removes is told once more, while it can be reached: it may have missed the votes. */
function tellRemoved(run: Run, certified: CertifiedBlock, before: LedgerState): void {
  const { log } = run
  for (const { value } of log.ledger.records.entries<MemberRecord>(MEMBER_PREFIX)) {
    if (value.state !== 'removed' || value.peerId === log.self) continue
    const earlier = before.records.get<MemberRecord>(memberPath(value.peerId))
    if (earlier !== undefined && earlier.state !== 'removed')
      send(run, value.peerId, { type: 'block', certified })
  }
}

/**
 * A snapshot begins at the state before the newest block, so that once it is whole there is a certified header, the
 * next one, that vouches for it.
 */
function maySnapshot(run: Run, height: number, start: () => LogState['job']): void {
  const { log, nowMs } = run
  const since = height - (log.snapshot?.height ?? 0)
  if (log.job !== null || !(log.isDamaged || since >= blocksBetween(log.snapshot, log.limits))) return
  log.job = start()
  run.effects.push({ type: 'timer', id: SNAPSHOT_TIMER, atMs: nowMs })
}

/** Writes one more part; with the last one older blocks go. */
export function advanceSnapshot(run: Run): void {
  const { log, nowMs } = run
  if (log.job === null) return
  const progress = continueSnapshot(log.job)
  log.job = progress.job
  if (progress.job !== null) {
    run.effects.push({ type: 'persist', writes: progress.writes })
    run.effects.push({ type: 'timer', id: SNAPSHOT_TIMER, atMs: nowMs })
    return
  }
  const { meta } = progress
  const kept = log.isDamaged ? 0 : log.limits.keptBlocks
  const pruned = Math.max(log.lowest - 1, meta.height - kept)
  const pruning = pruningWrites(log.lowest, pruned, log.snapshot, meta)
  run.effects.push({ type: 'persist', writes: [...progress.writes, ...pruning] })
  log.snapshot = meta
  log.isDamaged = false
  log.lowest = pruned + 1
  for (const [height, { sizeBytes }] of log.cache) {
    if (height > pruned) break
    log.cache.delete(height)
    log.cacheBytes -= sizeBytes
  }
}

/** Sets up consensus on the next height, at a validator; the messages that came early are heard now. */
export function beginHeight(run: Run): void {
  const { log } = run
  const early = log.early.splice(0)
  log.last = log.consensus
  settleBound(run)
  log.consensus = isValidator(log) && mayVote(log) ? openHeight(run) : null
  sendPatientAgain(run)
  if (log.consensus !== null && log.consensus.round >= 0) drive(run, { type: 'resume' })
  want(run)
  for (const { message } of early) {
    // a message heard now may decide the height, and its successor's set-up has emptied the list
    drive(run, { type: 'message', message })
  }
}

/** A height on which votes were kept while the blocks below it were missing goes on with them. */
function openHeight(run: Run): ConsensusState {
  const { log } = run
  const hooks = hooksOf(log)
  const { wal } = log
  log.wal = null
  if (wal?.record?.height === hooks.height) return recoverHeight(hooks, wal)
  if (wal !== null) run.effects.push({ type: 'persist', writes: walEntriesErasure(wal) })
  return newHeight(hooks)
}

/** Lets consensus take an event, and does what it asks. */
export function drive(run: Run, event: ConsensusEvent): void {
  const { log, nowMs } = run
  if (log.consensus === null) return
  const { round } = log.consensus
  let decided: CertifiedBlock | null = null
  for (const effect of stepConsensus(log.consensus, event, nowMs).effects) {
    switch (effect.type) {
      case 'broadcast':
        sendToValidators(run, effect.message)
        break
      case 'tell':
        send(run, effect.to, effect.message)
        break
      case 'evidence':
        accuseBy(run, effect)
        break
      case 'suspect':
        warn(run, 'a proposal is refused', {
          proposer: effect.proposer,
          height: log.ledger.chain.height + 1,
          round: effect.round,
          why: effect.why instanceof Error ? effect.why.message : String(effect.why),
        })
        break
      case 'decided':
        decided = effect.certified
        break
      default:
        run.effects.push(effect)
    }
  }
  if (decided !== null) decide(run, decided)
  else if (log.consensus.round > Math.max(round, 0)) sendPatientOn(run, log.consensus.round)
}

/** Commits what consensus decided here; the block's proposer also tells the members that do not vote. */
function decide(run: Run, certified: CertifiedBlock): void {
  const { log } = run
  const { proposer } = certified.block.header
  commit(run, certified)
  if (!equalBytes(proposer, log.options.key.publicKey)) return
  const members = [...log.ledger.records.entries(MEMBER_PREFIX)].length
  if (members <= log.ledger.validators.length) return
  run.effects.push({ type: 'publish', topic: 'blocks', bytes: certifiedBlockCodec.encode(certified) })
}

/** Begins the height if a block is wanted now; otherwise sets the timer for when one will be. */
export function want(run: Run): void {
  const { log, nowMs } = run
  if (log.consensus === null || log.consensus.round >= 0) return
  // the heights in between are decided: no use in starting them
  const atMs = isCatchingUp(log, nowMs) ? nowMs + GRACE_MS : wantedAtMs(log)
  if (atMs <= nowMs) drive(run, { type: 'wanted' })
  else run.effects.push({ type: 'timer', id: WANTED_TIMER, atMs })
}

/** At once while transactions wait that cannot; else when the next epoch begins, or a deadline passes, by block time. */
function wantedAtMs(log: LogState): number {
  const { chain, genesis, wakeAtMs, turnEndsMs } = log.ledger
  if (log.mempool.isPressed) return 0
  const dueMs = Math.min(
    epochStartMs(genesis, chain.epoch + 1),
    wakeAtMs ?? Number.POSITIVE_INFINITY,
    turnEndsMs ?? Number.POSITIVE_INFINITY,
  )
  const leads = coordinatorOf(log.ledger).peerId === log.self
  return leads ? dueMs : dueMs + Math.min(GRACE_MS, genesis.timing.epochMs / 10)
}
