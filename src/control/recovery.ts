import { equalBytes, isOstrakaError, OstrakaError, toOstrakaError } from '../base/index.ts'
import { type CertifiedBlock, certifiedBlockCodec } from '../wire/index.ts'
import { mayVote, readAbstention } from './abstention.ts'
import { applyBlock } from './apply.ts'
import { checkHeader } from './blocks.ts'
import { hooksOf } from './commit.ts'
import { initialState, openState } from './ledger.ts'
import { isValidator, type LogState, ownPeerId, remember } from './log-state.ts'
import { DEFAULT_LIMITS, type LogOptions } from './log-types.ts'
import { Mempool } from './mempool.ts'
import { readSnapshots } from './snapshots.ts'
import { ABSTENTION_KEY, BLOCK_PREFIX, blockKey, SNAPSHOT_PREFIX } from './store-keys.ts'
import { readWal, recoverHeight, WAL_PREFIX, type WalEntries } from './wal.ts'

/** Everything under these prefixes of the node's store is what `recoverLog` wants to see, in any order. */
export const LOG_PREFIXES: readonly string[] = [BLOCK_PREFIX, SNAPSHOT_PREFIX, ABSTENTION_KEY, WAL_PREFIX]

type Entries = ReadonlyArray<{ readonly key: string; readonly value: Uint8Array }>

/**
 * The machine as the store left it: newest snapshot, blocks above it replayed, votes and locks as they were durable.
 * With no entries, as the genesis has it. Every replayed block is checked against its predecessor and the state's root.
 * Errors: `storage_corrupt`.
 */
export function recoverLog(options: LogOptions, entries: Entries): LogState {
  const log = freshLog(options)
  const { newest, litter } = readSnapshots(entries)
  log.litter.push(...litter)
  if (newest !== null) {
    const { meta, records } = newest
    const state = openState(options.genesis, log.ledger.networkId, records)
    if (!equalBytes(records.root(), meta.root) || state.chain.height !== meta.height) {
      throw new OstrakaError('storage_corrupt', 'the snapshot is not what it was', { height: meta.height })
    }
    log.ledger = state
    log.tip = meta.tip
    log.snapshot = meta
  }
  replay(log, entries)
  log.abstention = readAbstention(entries)
  recoverVotes(log, readWal(entries))
  return log
}

/** Votes above the log are kept for when it has caught up, where it is known that blocks were lost. */
function recoverVotes(log: LogState, wal: WalEntries): void {
  const votedHeight = wal.record?.height ?? 0
  if (!mayVote(log)) {
    log.wal = wal
    return
  }
  if (isValidator(log)) log.consensus = recoverHeight(hooksOf(log), wal)
  else if (votedHeight > log.ledger.chain.height + 1) {
    throw new OstrakaError('storage_corrupt', 'votes above the log: blocks are lost')
  }
}

function freshLog(options: LogOptions): LogState {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  return {
    options,
    limits,
    self: ownPeerId(options),
    ledger: initialState(options.genesis),
    tip: null,
    provable: null,
    consensus: null,
    last: null,
    sharedHeight: 0,
    abstention: null,
    asked: new Map(),
    told: new Map(),
    wal: null,
    early: [],
    mempool: new Mempool(limits, options.reducer),
    submissions: new Map(),
    peers: new Map(),
    sync: null,
    fetchedParts: new Map(),
    behindSinceMs: null,
    syncedMs: Number.NEGATIVE_INFINITY,
    loads: new Map(),
    cache: new Map(),
    cacheBytes: 0,
    lowest: 1,
    snapshot: null,
    job: null,
    isDamaged: false,
    litter: [],
    startedMs: 0,
    statusTurn: 0,
    announcedMs: Number.NEGATIVE_INFINITY,
    counter: 0,
  }
}

function replay(log: LogState, entries: Entries): void {
  const blocks = new Map(entries.filter(({ key }) => key.startsWith(BLOCK_PREFIX)).map(e => [e.key, e.value]))
  for (;;) {
    const height = log.ledger.chain.height + 1
    const key = blockKey(height)
    const bytes = blocks.get(key)
    if (bytes === undefined) break
    blocks.delete(key)
    const certified = decodeStored(bytes, height)
    const { block, certificate } = certified
    try {
      checkHeader(log.ledger, block)
    } catch (error) {
      const why = isOstrakaError(error) ? error.message : toOstrakaError(error).message
      throw new OstrakaError('storage_corrupt', 'a stored block does not follow its predecessor', {
        height,
        why,
      })
    }
    const { records } = log.ledger
    log.ledger = applyBlock(log.ledger, block, log.options.reducer).state
    log.tip = { header: block.header, certificate }
    log.provable = { tip: log.tip, records }
    remember(log, certified, 0)
  }
  // a hole: what is above it cannot be trusted to be all there is
  const above = [...blocks.keys()].filter(key => key > blockKey(log.ledger.chain.height))
  if (above.length > 0) {
    throw new OstrakaError('storage_corrupt', 'blocks are missing', { height: log.ledger.chain.height + 1 })
  }
  findLowest(log, blocks)
}

/** Of the blocks under the snapshot those that hang together with it are kept, to be served; the rest is litter. */
function findLowest(log: LogState, under: Map<string, Uint8Array>): void {
  let height = log.snapshot?.height ?? 0
  while (under.delete(blockKey(height))) height--
  log.lowest = height + 1
  log.litter.push(...under.keys())
}

function decodeStored(bytes: Uint8Array, height: number): CertifiedBlock {
  try {
    return certifiedBlockCodec.decode(bytes)
  } catch {
    throw new OstrakaError('storage_corrupt', 'a stored block does not decode', { height })
  }
}
