import { OstrakaError, type PeerId } from '../base/index.ts'
import {
  type CertifiedBlock,
  type CertifiedHeader,
  certifiedBlockCodec,
  certifiedHeaderCodec,
  type PeerAnswer,
  type PeerRequest,
} from '../wire/index.ts'
import { noteDamage } from './damage.ts'
import { isMember, nextToken, type Run, type ServedLoad } from './log-state.ts'
import {
  BLOCK_PREFIX,
  blockKey,
  HEADER_PREFIX,
  headerKey,
  SNAPSHOT_PREFIX,
  snapshotPartKey,
} from './store-keys.ts'

/** An answer's payload: a frame less its envelope. A block of the largest size fits. */
const MAX_ANSWER_BYTES = 1000 * 1024
/** Read from the store at once; a laggard asks again. */
const MAX_LOADED_BLOCKS = 32
const MAX_LOADED_HEADERS = 128
/** Store reads under way for peers. */
const MAX_LOADS = 32

type Entries = ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>

function answer(run: Run, token: string, value: PeerAnswer): void {
  run.effects.push({ type: 'reply', token, answer: { ok: true, value } })
}

function refuse(run: Run, token: string, error: OstrakaError): void {
  run.effects.push({ type: 'reply', token, answer: { ok: false, error } })
}

type ServedRequest = Extract<PeerRequest, { type: 'blocks' | 'headers' | 'manifest' | 'snapshot' }>

function isServed(request: PeerRequest): request is ServedRequest {
  return ['blocks', 'headers', 'manifest', 'snapshot'].includes(request.type)
}

/** Answers a peer's request for blocks, headers or a snapshot; true if it was one of these. */
export function serve(run: Run, from: PeerId, token: string, request: PeerRequest): boolean {
  if (!isServed(request)) return false
  const { log } = run
  if (!isMember(log, from)) {
    refuse(run, token, new OstrakaError('stranger', 'not a member'))
  } else if (log.loads.size >= MAX_LOADS) {
    refuse(run, token, new OstrakaError('overloaded', 'too many peers are being served'))
  } else if (request.type === 'blocks') {
    serveBlocks(run, token, request.from, request.limit)
  } else if (request.type === 'headers') {
    const limit = Math.min(request.limit, MAX_LOADED_HEADERS)
    const served: ServedLoad = { replyToken: token, kind: 'headers', limit, part: 0 }
    load(run, served, HEADER_PREFIX, headerKey(request.from))
  } else if (request.type === 'manifest') {
    serveManifest(run, token)
  } else {
    servePart(run, token, request.height, request.part)
  }
  return true
}

function load(run: Run, served: ServedLoad, prefix: string, from: string): void {
  const token = nextToken(run.log, 'load')
  run.log.loads.set(token, served)
  run.effects.push({ type: 'load', token, prefix, from, limit: served.limit })
}

function serveBlocks(run: Run, token: string, from: number, wanted: number): void {
  const { log } = run
  const { height } = log.ledger.chain
  if (from > height || from < log.lowest) {
    answer(run, token, { type: 'blocks', blocks: [], lowest: log.lowest, height })
    return
  }
  if (!log.cache.has(from)) {
    const limit = Math.min(wanted, MAX_LOADED_BLOCKS)
    load(run, { replyToken: token, kind: 'blocks', limit, part: 0 }, BLOCK_PREFIX, blockKey(from))
    return
  }
  const blocks: CertifiedBlock[] = []
  let sizeBytes = 0
  for (let number = from; blocks.length < wanted; number++) {
    const cached = log.cache.get(number)
    if (cached === undefined) break
    sizeBytes += cached.sizeBytes
    if (blocks.length > 0 && sizeBytes > MAX_ANSWER_BYTES) break
    blocks.push(cached.certified)
  }
  answer(run, token, { type: 'blocks', blocks, lowest: log.lowest, height })
}

function serveManifest(run: Run, token: string): void {
  const { snapshot } = run.log
  if (snapshot === null) refuse(run, token, new OstrakaError('not_found', 'no snapshot'))
  else answer(run, token, { type: 'manifest', height: snapshot.height, parts: snapshot.parts })
}

function servePart(run: Run, token: string, height: number, part: number): void {
  const { snapshot } = run.log
  if (snapshot === null || height !== snapshot.height || part >= snapshot.parts.length) {
    refuse(run, token, new OstrakaError('not_found', 'no such snapshot'))
    return
  }
  const key = snapshotPartKey(snapshot.height, part)
  load(run, { replyToken: token, kind: 'snapshot', limit: 1, part }, SNAPSHOT_PREFIX, key)
}

/** Items decoded from store entries until the answer is full. */
function unpack<T>(entries: Entries, decode: (bytes: Uint8Array) => T): T[] {
  const items: T[] = []
  let sizeBytes = 0
  for (const { value } of entries) {
    sizeBytes += value.length
    if (items.length > 0 && sizeBytes > MAX_ANSWER_BYTES) break
    items.push(decode(value))
  }
  return items
}

/** The store has answered a load of this file's; true if it was one. */
export function finishLoad(run: Run, token: string, entries: Entries): boolean {
  const { log } = run
  const served = log.loads.get(token)
  if (served === undefined) return false
  log.loads.delete(token)
  const { replyToken } = served
  try {
    answer(run, replyToken, answerFrom(run, served, entries))
  } catch {
    const error = new OstrakaError('storage_corrupt', 'stored blocks do not decode')
    run.effects.push({ type: 'note', level: 'error', text: error.message, details: { kind: served.kind } })
    refuse(run, replyToken, error)
  }
  return true
}

function answerFrom({ log }: Run, served: ServedLoad, entries: Entries): PeerAnswer {
  const { kind, part } = served
  const { height } = log.ledger.chain
  if (kind === 'blocks') {
    const blocks = unpack<CertifiedBlock>(entries, bytes => certifiedBlockCodec.decode(bytes))
    return { type: 'blocks', blocks, lowest: log.lowest, height }
  }
  if (kind === 'headers') {
    const headers = unpack<CertifiedHeader>(entries, bytes => certifiedHeaderCodec.decode(bytes))
    // above it lie the headers of a snapshot that was never adopted: vouched for, but not known to be decided
    return { type: 'headers', headers: headers.filter(({ header }) => header.height <= height) }
  }
  const { snapshot } = log
  const entry = entries[0]
  if (snapshot === null || entry === undefined || entry.key !== snapshotPartKey(snapshot.height, part)) {
    throw new OstrakaError('not_found', 'the snapshot was replaced meanwhile')
  }
  return { type: 'snapshot', height: snapshot.height, part, bytes: entry.value }
}

/** The store could not answer: what is damaged is not served, and mended. */
export function failLoad(run: Run, token: string, error: OstrakaError): boolean {
  const served = run.log.loads.get(token)
  if (served === undefined) return false
  run.log.loads.delete(token)
  noteDamage(run, error)
  refuse(run, served.replyToken, error)
  return true
}
