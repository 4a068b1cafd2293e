import {
  type ErrorCode,
  equalBytes,
  isOstrakaError,
  OstrakaError,
  type Outcome,
  type PeerId,
  randomBelow,
  toHex,
  toOstrakaError,
  type Write,
} from '../base/index.ts'
import {
  type CertifiedHeader,
  certifiedHeaderCodec,
  type ManifestAnswer,
  type PeerAnswer,
  type PeerRequest,
  type SnapshotAnswer,
  type SnapshotPart,
} from '../wire/index.ts'
import { checkAnchor, noticeForgotten } from './abstention.ts'
import { checkCertified, checkCertifiedHeader, vouchedFor } from './blocks.ts'
import { commit, want } from './commit.ts'
import { blockIdOf } from './ids.ts'
import { openState } from './ledger.ts'
import { nextToken, peerOf, type Run, warn } from './log-state.ts'
import { rootOfCut } from './merkle-trie.ts'
import { restore } from './restore.ts'
import { isPart, joinParts } from './snapshots.ts'
import { headerKey } from './store-keys.ts'

const BLOCKS_AT_ONCE = 64
/** Each carries up to 16 signatures, all of which are verified in one step: about 0.1 s. */
const HEADERS_AT_ONCE = 128
/** A slow link still moves a megabyte in this time. */
const ANSWER_MS = 10_000
/** A peer that had nothing, or was too slow, is left alone for this long. */
const AVOID_MS = 10_000
/** One that sent what no honest peer sends is left alone for longer each time. */
const LIAR_MS = 60_000
const MAX_LIAR_MS = 3_600_000
const LIES: ReadonlySet<ErrorCode> = new Set(['bad_block', 'bad_certificate', 'malformed', 'too_large'])
/**
 * What a peer may take for a snapshot: so much for each answer on average, and so much once. A part is 256 KiB, so 128 KiB
 * a second are fast enough. What has been verified is kept when another peer is asked.
 */
const MS_PER_ANSWER = 2000
const SNAPSHOT_SLACK_MS = 20_000
/** One block behind is most often one message behind: the last precommit is given this long to arrive. */
const GRACE_MS = 60

const TIMER = 'control/sync'

/** What is being fetched, and from whom. One request is under way at a time. */
export type SyncState =
  | { readonly stage: 'blocks' | 'manifest'; readonly token: string; readonly peer: PeerId }
  | (SnapshotSync & { readonly stage: 'snapshot' | 'headers'; readonly token: string })

/** The fetch of a state whose blocks are pruned: what its parts are, the headers that vouch for them, then the parts. */
interface SnapshotSync {
  readonly peer: PeerId
  readonly height: number
  readonly contents: readonly SnapshotPart[]
  readonly sinceMs: number
  /** Useful answers so far, and the time at which all must have come. */
  readonly answers: number
  readonly deadlineMs: number
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
  const isLie = LIES.has(error.code)
  if (isLie) record.lies++
  record.avoidUntilMs = nowMs + (isLie ? Math.min(LIAR_MS * 2 ** (record.lies - 1), MAX_LIAR_MS) : AVOID_MS)
  // what it said of its height is forgotten: it may have been the lie
  record.height = 0
  log.sync = null
  log.behindSinceMs = null
  const text = isLie ? 'a peer lied to a node that catches up' : 'a peer did not help to catch up'
  warn(run, text, { peer, code: error.code, why: error.message, lies: record.lies })
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
  } else if (sync.stage === 'manifest' && answer.type === 'manifest') {
    takeManifest(run, sync.peer, answer)
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
    log.sync = { stage: 'manifest', token: ask(run, peer, { type: 'manifest' }), peer }
    return
  }
  keepUp(run)
  want(run)
}

function takeManifest(run: Run, peer: PeerId, { height, parts }: ManifestAnswer): void {
  const { log, nowMs } = run
  const own = log.ledger.chain.height
  if (height <= own) throw new OstrakaError('not_found', 'its snapshot is no newer than this node')
  const answers = Math.ceil((height + 1 - own) / HEADERS_AT_ONCE) + parts.length
  const deadlineMs = nowMs + SNAPSHOT_SLACK_MS + answers * MS_PER_ANSWER
  const begun = { peer, height, contents: parts, sinceMs: nowMs, answers: 0, deadlineMs }
  askHeaders(run, { ...begun, last: null, tip: null })
}

/** Counts a useful answer. Errors: `deadline_exceeded` when its peer is too slow, on average or in all. */
function progress(run: Run, sync: SnapshotSync): SnapshotSync {
  const elapsedMs = run.nowMs - sync.sinceMs
  const isSlow = elapsedMs > SNAPSHOT_SLACK_MS + sync.answers * MS_PER_ANSWER
  if (isSlow || run.nowMs > sync.deadlineMs) {
    throw new OstrakaError('deadline_exceeded', 'serves its snapshot too slowly', { elapsedMs })
  }
  return { ...sync, answers: sync.answers + 1 }
}

/** Verifies a part by its root before it is kept. */
function takePart(run: Run, sync: SnapshotSync, answer: SnapshotAnswer): void {
  const { fetchedParts } = run.log
  const part = sync.contents[missingPart(run, sync)]!
  if (answer.height !== sync.height || sync.contents[answer.part] !== part) {
    throw new OstrakaError('malformed', 'sent another part')
  }
  if (!isPart(answer.bytes, part)) {
    throw new OstrakaError('bad_block', 'its snapshot is not the certified state', { part: answer.part })
  }
  fetchedParts.set(toHex(part.root), answer.bytes)
  run.log.syncedMs = run.nowMs
  proceed(run, progress(run, sync))
}

/** The first part that is not here yet; -1 when all are. */
function missingPart({ log }: Run, { contents }: SnapshotSync): number {
  return contents.findIndex(({ root }) => !log.fetchedParts.has(toHex(root)))
}

/** The parts are those of the certified state, or the list of them is a lie; what an older list brought stays if it is in this one. */
function checkContents({ log }: Run, { contents, height, last }: SnapshotSync): void {
  const root = rootOfCut(contents)
  if (root === undefined || !equalBytes(root, last!.header.stateRoot)) {
    throw new OstrakaError('bad_block', 'its snapshot is not the certified state', { height })
  }
  const wanted = new Set(contents.map(part => toHex(part.root)))
  for (const name of log.fetchedParts.keys()) if (!wanted.has(name)) log.fetchedParts.delete(name)
}

function askHeaders(run: Run, sync: SnapshotSync): void {
  const from = (sync.last?.header.height ?? run.log.ledger.chain.height) + 1
  const limit = Math.min(HEADERS_AT_ONCE, sync.height + 2 - from)
  run.log.sync = { ...sync, stage: 'headers', token: ask(run, sync.peer, { type: 'headers', from, limit }) }
}

/** Follows the chain of headers up to the one after the snapshot, whose state root is the snapshot's. */
function takeHeaders(run: Run, sync: SnapshotSync, headers: readonly CertifiedHeader[]): void {
  const { ledger } = run.log
  if (headers.length === 0) throw new OstrakaError('not_found', 'has no headers, though it says so')
  let { last, tip } = sync
  const writes: Write[] = []
  for (const received of headers) {
    const { header } = received
    const height = (last?.header.height ?? ledger.chain.height) + 1
    if (height > sync.height + 1) break
    const previous = last === null ? ledger.chain.blockId : blockIdOf(last.header)
    if (header.height !== height || !equalBytes(header.previous, previous)) {
      throw new OstrakaError('bad_block', 'its headers are not a chain', { height })
    }
    const certified = vouchedFor(ledger.networkId, ledger.validators, received)
    checkAnchor(run.log, header)
    noticeForgotten(run, certified.certificate)
    writes.push({ key: headerKey(height), value: certifiedHeaderCodec.encode(certified) })
    if (height === sync.height) tip = certified
    last = certified
  }
  run.effects.push({ type: 'persist', writes })
  run.log.syncedMs = run.nowMs
  const next = progress(run, { ...sync, last, tip })
  if (last === null || last.header.height <= sync.height) {
    askHeaders(run, next)
    return
  }
  checkContents(run, next)
  proceed(run, next)
}

/** Asks for the next part, or adopts the whole. */
function proceed(run: Run, sync: SnapshotSync): void {
  const { log } = run
  const { peer, height, contents, last, tip } = sync
  const part = missingPart(run, sync)
  if (part >= 0) {
    log.sync = { ...sync, stage: 'snapshot', token: ask(run, peer, { type: 'snapshot', height, part }) }
    return
  }
  const parts = contents.map(({ root }) => log.fetchedParts.get(toHex(root))!)
  const records = joinParts(parts)
  const { genesis, networkId } = log.ledger
  const state = openState(genesis, networkId, records)
  // the set that votes may have changed under the snapshot: the state, whose root the last header carries, names it, and
  // a quorum of it has decided that header (skipping verification, as Tendermint's light clients do it)
  checkCertifiedHeader(networkId, state.validators, last!)
  checkCertifiedHeader(networkId, state.previousValidators, tip!)
  log.sync = null
  log.behindSinceMs = null
  restore(run, state, tip!, contents, parts)
  keepUp(run)
}
