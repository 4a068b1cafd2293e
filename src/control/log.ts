import {
  equalBytes,
  type GossipVerdict,
  type PeerId,
  publicKeyOf,
  type Rng,
  toOstrakaError,
  type Write,
} from '../base/index.ts'
import { type CertifiedBlock, certifiedBlockCodec, type PeerMessage, type Step } from '../wire/index.ts'
import { checkAnchor } from './abstention.ts'
import { checkCertified, checkCertifiedHeader, isForged, isWhole } from './blocks.ts'
import { advanceSnapshot, commit, drive, want } from './commit.ts'
import type { ConsensusMessage } from './consensus-state.ts'
import { noteDamage } from './damage.ts'
import { receiveHeight } from './heights.ts'
import { isMember, isVoting, type LogState, peerOf, type Run, warn } from './log-state.ts'
import type { LogEffect, LogEvent } from './log-types.ts'
import { failLoad, finishLoad, serve } from './serve.ts'
import { helpBehind, sayStatus } from './status.ts'
import { receiveTransactions, resubmit, submit } from './submissions.ts'
import { keepUp, noteHeight, receiveAnswer } from './sync.ts'
import { witnessLate } from './witness.ts'

/** Messages of the next height that are kept from one peer until this node gets there. */
const MAX_EARLY = 8

/**
 * The control log's machine: consensus, mempool, block production, catching up and snapshots behind one face.
 * Events that are not its own are ignored, so that a driver may pass everything.
 */
export function stepLog(log: LogState, event: LogEvent, nowMs: number, rng: Rng): Step<LogState, LogEffect> {
  const run: Run = { log, nowMs, rng, effects: [] }
  switch (event.type) {
    case 'start':
      start(run)
      break
    case 'timer':
      onTimer(run, event.id)
      break
    case 'message':
      onMessage(run, event.from, event.message)
      break
    case 'requested':
      serve(run, event.from, event.token, event.request)
      break
    case 'answered':
      if (receiveHeight(run, event.token, event.from, event.answer.ok ? event.answer.value : null)) {
        if (event.answer.ok) hear(run, event.from)
      } else if (receiveAnswer(run, event.token, event.from, event.answer)) hear(run, event.from)
      break
    case 'loaded':
      finishLoad(run, event.token, event.entries)
      break
    case 'failed':
      failLoad(run, event.token, event.error)
      break
    case 'damaged':
      noteDamage(run, event.error)
      break
    case 'submit':
      submit(run, event)
      want(run)
      break
    case 'gossiped':
      onGossip(run, event.from, event.bytes)
      break
    case 'record':
      break
  }
  return { state: log, effects: persistFirst(run.effects) }
}

/** One write batch before everything else: what a step made durable is so before anyone hears of it. */
function persistFirst(effects: readonly LogEffect[]): LogEffect[] {
  const writes = new Map<string, Write>()
  const others: LogEffect[] = []
  for (const effect of effects) {
    if (effect.type !== 'persist') others.push(effect)
    else for (const write of effect.writes) writes.set(write.key, write)
  }
  if (writes.size === 0) return others
  return [{ type: 'persist', writes: [...writes.values()] }, ...others]
}

function start(run: Run): void {
  const { log, nowMs } = run
  log.startedMs = nowMs
  const litter = log.litter.splice(0)
  if (litter.length > 0) {
    run.effects.push({ type: 'persist', writes: litter.map(key => ({ key, value: null })) })
  }
  drive(run, { type: 'resume' })
  want(run)
  sayStatus(run)
}

function onTimer(run: Run, id: string): void {
  switch (id) {
    case 'control/propose':
    case 'control/prevote':
    case 'control/precommit':
    case 'control/resend':
      drive(run, { type: 'timer', id })
      break
    case 'control/wanted':
      want(run)
      break
    case 'control/status':
      sayStatus(run)
      break
    case 'control/sync':
      keepUp(run)
      break
    case 'control/submissions':
      resubmit(run)
      break
    case 'control/snapshot':
      advanceSnapshot(run)
      break
  }
}

function hear(run: Run, from: PeerId): void {
  peerOf(run.log, from).heardMs = run.nowMs
}

function onMessage(run: Run, from: PeerId, message: PeerMessage): void {
  const { log } = run
  if (message.type === 'record' || from === log.self) return
  // a newcomer learns who belongs by catching up; whom it was told to ask is the transport's to know
  if (!isMember(log, from) && isMember(log, log.self)) return
  hear(run, from)
  switch (message.type) {
    case 'proposal':
      onConsensus(run, from, message, message.proposal.value.height)
      break
    case 'vote':
      onConsensus(run, from, message, message.vote.value.height)
      break
    case 'transactions':
      receiveTransactions(run, from, message.transactions)
      want(run)
      break
    case 'block':
      onBlock(run, from, message.certified)
      break
    case 'status':
      noteHeight(run, from, message.height)
      if (message.height < log.ledger.chain.height) helpBehind(run, from, message.height + 1)
  }
}

function onConsensus(run: Run, from: PeerId, message: ConsensusMessage, height: number): void {
  const { log } = run
  if (!isVoting(log, from)) return
  const current = log.ledger.chain.height + 1
  if (height < current) {
    witnessLate(run, message)
    // others' votes are shown, its own show where it stands
    const { signer } = message.type === 'vote' ? message.vote : message.proposal
    if (equalBytes(signer, publicKeyOf(from))) helpBehind(run, from, height)
    return
  }
  if (height === current) {
    drive(run, { type: 'message', message })
    return
  }
  if (height === current + 1) keepEarly(log, from, message)
  // whoever votes on a height has applied the one below it
  noteHeight(run, from, height - 1)
}

function keepEarly(log: LogState, from: PeerId, message: ConsensusMessage): void {
  const known = log.early.filter(entry => entry.from === from)
  if (known.length >= MAX_EARLY) return
  // blocks are large: one from each is enough
  if (message.type === 'proposal' && known.some(entry => entry.message.type === 'proposal')) return
  log.early.push({ from, message })
}

function onBlock(run: Run, from: PeerId, certified: CertifiedBlock): void {
  const { log } = run
  const { height } = certified.block.header
  const next = log.ledger.chain.height + 1
  if (height < next) return
  if (height > next) {
    noteHeight(run, from, height)
    return
  }
  try {
    checkCertified(log.ledger, certified)
    checkAnchor(log, certified.block.header)
  } catch (error) {
    const { code, message } = toOstrakaError(error)
    warn(run, 'a peer sent a block that the network has not decided', {
      peer: from,
      height,
      code,
      why: message,
    })
    return
  }
  commit(run, certified)
  noteHeight(run, from, height)
}

function onGossip(run: Run, from: PeerId, bytes: Uint8Array): void {
  let certified: CertifiedBlock
  try {
    certified = certifiedBlockCodec.decode(bytes)
  } catch {
    return
  }
  onBlock(run, from, certified)
}

/**
 * Whether a gossiped block is worth forwarding. It is rejected only for what does not depend on how far this log is. The driver hands what it accepts to `stepLog` as `gossiped`. */
export function judgeBlock(log: LogState, bytes: Uint8Array): GossipVerdict {
  let certified: CertifiedBlock
  try {
    certified = certifiedBlockCodec.decode(bytes)
  } catch {
    return 'reject'
  }
  const { block, certificate } = certified
  // a block further ahead is forwarded on its header's certificate: its body must be that header's
  if (!isWhole(certified)) return 'reject'
  const { chain, networkId, validators } = log.ledger
  if (block.header.height <= chain.height) return 'ignore'
  try {
    if (block.header.height === chain.height + 1) checkCertified(log.ledger, certified)
    else checkCertifiedHeader(networkId, validators, { header: block.header, certificate })
    return 'accept'
  } catch {
    // the voters may have changed, which is no one's fault
    return isForged(networkId, validators, certified) ? 'reject' : 'ignore'
  }
}
