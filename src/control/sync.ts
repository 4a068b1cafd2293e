import {
  equalBytes,
  isOstrakaError,
  OstrakaError,
  type Outcome,
  type PeerId,
  randomBelow,
  toOstrakaError,
  type Write,
} from '../base/index.ts'
import {
  type CertifiedHeader,
  certifiedHeaderCodec,
  type PeerAnswer,
  type PeerRequest,
  type SnapshotAnswer,
} from '../wire/index.ts'
import { checkAnchor, noticeForgotten } from './abstention.ts'
import { checkCertified, checkCertifiedHeader, checkVouchedFor } from './blocks.ts'
import { commit, want } from './commit.ts'
import { blockIdOf } from './ids.ts'
import { openState } from './ledger.ts'
import { nextToken, peerOf, type Run, warn } from './log-state.ts'
import { restore } from './restore.ts'
import { joinParts, MAX_SNAPSHOT_PARTS } from './snapshots.ts'
import { headerKey } from './store-keys.ts'

const BLOCKS_AT_ONCE = 64
const HEADERS_AT_ONCE = 512
/** A slow link still moves a megabyte in this time. */
const ANSWER_MS = 10_000
/** A peer that lied, or had nothing, is left alone for this long. */
const AVOID_MS = 10_000
/** One block behind is most often one message behind: the last precommit is given this long to arrive. */
const GRACE_MS = 60

const TIMER = 'control/sync'

/** What is being fetched, and from whom. One request is under way at a time. */
export type SyncState =
  | { readonly stage: 'blocks'; readonly token: string; readonly peer: PeerId }
  | (SnapshotSync & { readonly stage: 'snapshot' | 'headers'; readonly token: string })

/** The fetch of a state whose blocks are pruned: its first part, the headers that vouch for it, the other parts. */
interface SnapshotSync {
  readonly peer: PeerId
  readonly height: number
  readonly count: number
  readonly parts: readonly Uint8Array[]
  /** The chain of certified headers from this node's own height up, so far. */
  readonly last: CertifiedHeader | null
  /** The header at the snapshot's height, once the chain has passed it. */
  readonly tip: CertifiedHeader | null
}

/** Notes that `peer` has applied `height`, and fetches what this node lacks. */
export function noteHeight(run: Run, peer: PeerId, height: number): void {
  const record = peerOf(run.log, peer)
  record.height = Math.max(record.height, height)
  keepUp(run)
}

/** Asks a peer that is ahead, unless one is being asked. */
export function keepUp(run: Run): void {
  const { log, nowMs, rng } = run
  const own = log.ledger.chain.height
  const ahead = [...log.peers].filter(([, peer]) => peer.height > own && peer.avoidUntilMs <= nowMs)
  if (ahead.length === 0) {
    log.behindSinceMs = null
    return
  }
  if (log.sync !== null) return
  log.behindSinceMs ??= nowMs
  const graceEndsMs = log.behindSinceMs + GRACE_MS
  if (nowMs < graceEndsMs && ahead.every(([, peer]) => peer.height === own + 1)) {
    run.effects.push({ type: 'timer', id: TIMER, atMs: graceEndsMs })
    return
  }
  const [peer] = ahead[randomBelow(rng, ahead.length)]!
  const token = ask(run, peer, { type: 'blocks', from: own + 1, limit: BLOCKS_AT_ONCE })
  log.sync = { stage: 'blocks', token, peer }
}

function ask(run: Run, to: PeerId, request: PeerRequest): string {
  const token = nextToken(run.log, 'sync')
  run.effects.push({ type: 'request', token, to, request, deadlineMs: ANSWER_MS })
  return token
}

/** Leaves a peer alone for a while and looks for another. */
function avoid(run: Run, peer: PeerId, error: OstrakaError): void {
  const { log, nowMs } = run
  const record = peerOf(log, peer)
  record.avoidUntilMs = nowMs + AVOID_MS
  // what it said of its height is forgotten: it may have been the lie
  record.height = 0
  log.sync = null
  log.behindSinceMs = null
  warn(run, 'a peer did not help to catch up', { peer, code: error.code, why: error.message })
  keepUp(run)
}

/** An answer has come, or its deadline; true if it was for this file. */
export function receiveAnswer(run: Run, token: string, from: PeerId, answer: Outcome<PeerAnswer>): boolean {
  const { sync } = run.log
  if (sync === null || sync.token !== token || sync.peer !== from) return token.startsWith('control/sync/')
  try {
    if (!answer.ok) throw answer.error
    takeAnswer(run, sync, answer.value)
  } catch (error) {
    avoid(run, from, isOstrakaError(error) ? error : toOstrakaError(error))
  }
  return true
}

function takeAnswer(run: Run, sync: SyncState, answer: PeerAnswer): void {
  if (sync.stage === 'blocks' && answer.type === 'blocks') {
    takeBlocks(run, sync.peer, answer)
  } else if (sync.stage === 'headers' && answer.type === 'headers') {
    takeHeaders(run, sync, answer.headers)
  } else if (sync.stage === 'snapshot' && answer.type === 'snapshot') {
    takePart(run, sync, answer)
  } else {
    throw new OstrakaError('malformed', 'answers another question')
  }
}

function takeBlocks(run: Run, peer: PeerId, answer: Extract<PeerAnswer, { type: 'blocks' }>): void {
  const { log } = run
  const record = peerOf(log, peer)
  let applied = 0
  for (const certified of answer.blocks) {
    if (certified.block.header.height <= log.ledger.chain.height) continue
    checkCertified(log.ledger, certified)
    checkAnchor(log, certified.block.header)
    log.syncedMs = run.nowMs
    commit(run, certified)
    applied++
  }
  record.height = answer.height
  log.sync = null
  log.behindSinceMs = null
  const own = log.ledger.chain.height
  if (applied === 0 && answer.height > own) {
    if (answer.lowest <= own + 1) throw new OstrakaError('not_found', 'has no blocks, though it says so')
    const token = ask(run, peer, { type: 'snapshot', height: 0, part: 0 })
    log.sync = { stage: 'snapshot', token, peer, height: 0, count: 0, parts: [], last: null, tip: null }
    return
  }
  keepUp(run)
  want(run)
}

type Snapshotting = Extract<SyncState, { stage: 'snapshot' | 'headers' }>

function takePart(run: Run, sync: Snapshotting, answer: SnapshotAnswer): void {
  const { log } = run
  const own = log.ledger.chain.height
  const isFirst = sync.parts.length === 0
  if (answer.part !== sync.parts.length) throw new OstrakaError('malformed', 'sent another part')
  if (!isFirst && (answer.height !== sync.height || answer.parts !== sync.count)) {
    throw new OstrakaError('malformed', 'sent another snapshot')
  }
  if (answer.parts < 1 || answer.parts > MAX_SNAPSHOT_PARTS) {
    throw new OstrakaError('too_large', 'the snapshot has too many parts', { limit: MAX_SNAPSHOT_PARTS })
  }
  if (answer.height <= own) throw new OstrakaError('not_found', 'its snapshot is no newer than this node')
  const parts = [...sync.parts, answer.bytes]
  const next = { ...sync, height: answer.height, count: answer.parts, parts }
  if (isFirst) askHeaders(run, next)
  else proceed(run, next)
}

function askHeaders(run: Run, sync: Snapshotting): void {
  const from = (sync.last?.header.height ?? run.log.ledger.chain.height) + 1
  const limit = Math.min(HEADERS_AT_ONCE, sync.height + 2 - from)
  run.log.sync = { ...sync, stage: 'headers', token: ask(run, sync.peer, { type: 'headers', from, limit }) }
}

/** Follows the chain of headers up to the one after the snapshot, whose state root is the snapshot's. */
function takeHeaders(run: Run, sync: Snapshotting, headers: readonly CertifiedHeader[]): void {
  const { ledger } = run.log
  if (headers.length === 0) throw new OstrakaError('not_found', 'has no headers, though it says so')
  let { last, tip } = sync
  const writes: Write[] = []
  for (const certified of headers) {
    const { header } = certified
    const height = (last?.header.height ?? ledger.chain.height) + 1
    if (height > sync.height + 1) break
    const previous = last === null ? ledger.chain.blockId : blockIdOf(last.header)
    if (header.height !== height || !equalBytes(header.previous, previous)) {
      throw new OstrakaError('bad_block', 'its headers are not a chain', { height })
    }
    checkVouchedFor(ledger.networkId, ledger.validators, certified)
    checkAnchor(run.log, header)
    noticeForgotten(run, certified.certificate)
    writes.push({ key: headerKey(height), value: certifiedHeaderCodec.encode(certified) })
    if (height === sync.height) tip = certified
    last = certified
  }
  run.effects.push({ type: 'persist', writes })
  run.log.syncedMs = run.nowMs
  const next = { ...sync, last, tip }
  if (last !== null && last.header.height === sync.height + 1) proceed(run, next)
  else askHeaders(run, next)
}

/** Asks for the next part, or adopts the whole. */
function proceed(run: Run, sync: Snapshotting): void {
  const { log } = run
  const { peer, height, count, parts, last, tip } = sync
  if (parts.length < count) {
    const token = ask(run, peer, { type: 'snapshot', height, part: parts.length })
    log.sync = { ...sync, stage: 'snapshot', token }
    return
  }
  const records = joinParts(parts)
  if (!equalBytes(records.root(), last!.header.stateRoot)) {
    throw new OstrakaError('bad_block', 'its snapshot is not the certified state', { height })
  }
  const { genesis, networkId } = log.ledger
  const state = openState(genesis, networkId, records)
  // the set that votes may have changed under the snapshot: the state, whose root the last header carries, names it, and
  // a quorum of it has decided that header (skipping verification, as Tendermint's light clients do it)
  checkCertifiedHeader(networkId, state.validators, last!)
  checkCertifiedHeader(networkId, state.previousValidators, tip!)
  log.sync = null
  log.behindSinceMs = null
  restore(run, state, tip!, parts)
  keepUp(run)
}
