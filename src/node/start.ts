import { originOf } from '../audit/index.ts'
import {
  type Clock,
  isOstrakaError,
  OstrakaError,
  type PeerId,
  peerIdOf,
  type Store,
  toOstrakaError,
} from '../base/index.ts'
import {
  BLOCK_PREFIX,
  blockKey,
  HANDOVER_PREFIX,
  handoverKey,
  networkIdOf,
  viewLog,
} from '../control/index.ts'
import { cryptoReady } from '../crypto/index.ts'
import {
  auditLosses,
  type ExportResult,
  gatewayCounters,
  type OperationResult,
  type RecordJudge,
  recordJudge,
} from '../keys/index.ts'
import {
  type CertifiedBlock,
  certifiedBlockCodec,
  type MeasuredLoad,
  type OperationRequest,
  type Signed,
  stateProofCodec,
} from '../wire/index.ts'
import { approvalsView } from './approvals.ts'
import { attestationView } from './attesting.ts'
import { openAuditLog, readAuditPage } from './audit-store.ts'
import { settleGeneration } from './auditing.ts'
import { startCounterOf } from './database.ts'
import { fallsBack, randomnessView } from './drawing.ts'
import { Driver } from './driver.ts'
import { trustView } from './observing.ts'
import type { KeyView, NodePort } from './port.ts'
import type { Logger, Ports } from './ports.ts'
import { proofOf } from './proving.ts'
import { readControlLog } from './reading.ts'
import { type Entries, memberOf, type NodeOptions, reading, recoverNode, standingMembers } from './state.ts'
import {
  auditCheckpoints,
  auditLossViews,
  complaintsOf,
  creatorViews,
  failingDeadlines,
  failureOf,
  importPlanOf,
  isInCeremony,
  isPublicKey,
  isQueuedCreation,
  keyCount,
  keyViewOf,
  keyViews,
  mayRead,
  membershipViews,
  missingShares,
  peerViews,
  shortcomingsOf,
  statusView,
} from './views.ts'

export interface StartOptions extends NodeOptions {
  readonly ports: Ports
  readonly logger: Logger
  readonly measureLoad: () => MeasuredLoad
}

export interface RunningNode {
  readonly port: NodePort
  /** Tells which DHT records this node's log pins. */
  readonly recordJudge: RecordJudge
  /** Whom the control log has admitted and not removed, and where those who said so listen. */
  members(): readonly NodeAddress[]
  isMember(peerId: PeerId): boolean
  /** Calls back when `members` has changed; the returned function ends it. */
  onMembers(listener: () => void): () => void
  stop(): Promise<void>
}

export interface NodeAddress {
  readonly peerId: PeerId
  readonly addresses: readonly string[]
}

/** A control transaction that no block holds after this long has failed for its client; it may yet be included. */
const SUBMIT_DEADLINE_MS = 10_000

/** Recovers the node from its store, replays the log and starts it over the ports. Errors: `storage_corrupt`. */
export async function startNode(options: StartOptions): Promise<RunningNode> {
  await cryptoReady
  const { ports, logger } = options
  const keyEntries = await scanRepairing(ports.store, 'keys/', logger)
  const { identity } = options
  const log = await readControlLog(options, ports.store, logger)
  const nowMs = ports.clock.nowMs()
  const peerId = peerIdOf(identity.publicKey)
  const { state: ledger, forgottenHeight } = viewLog(log, nowMs)
  const losses = auditLosses(reading(ledger), peerId)
  const owner = { networkId: networkIdOf(options.genesis), peerId, identity }
  const audit = await openAuditLog(ports.store, owner, losses.length)
  if (audit.damage !== undefined) logger.error({ ...audit.damage.details }, audit.damage.message)
  const { attestor } = ports
  const nodeOptions = attestor === undefined ? options : { ...options, attestationMethod: attestor.method }
  const startCounter = await startCounterOf(ports.store)
  const state = recoverNode({ ...nodeOptions, startCounter }, log, keyEntries, audit, nowMs)
  settleGeneration(state.auditing, { losses, forgottenHeight })
  const driver = new Driver(state, ports, logger)
  await driver.start(options.measureLoad)
  return {
    port: portOf(driver, ports),
    recordJudge: recordJudge(
      driver.state.networkId,
      () => reading(driver.state.ledger),
      () => driver.state.ledger.chain.height < viewLog(driver.state.log, ports.clock.nowMs()).replayedHeight,
    ),
    members: () => addressesOf(driver),
    isMember: peerId => (memberOf(driver.state, peerId)?.state ?? 'removed') !== 'removed',
    onMembers: listener => onMembers(driver, listener),
    stop: () => driver.stop(),
  }
}

function addressesOf(driver: Driver): NodeAddress[] {
  return standingMembers(driver.state).map(({ peerId, addresses = [] }) => ({ peerId, addresses }))
}

function onMembers(driver: Driver, listener: () => void): () => void {
  const seen = (): string => JSON.stringify(addressesOf(driver))
  let last = seen()
  return driver.onBlock(() => {
    const now = seen()
    if (now === last) return
    last = now
    listener()
  })
}

/**
 * Reads what a node keeps of its keys. An entry whose checksum is wrong is named and dropped, never served: the share
 * is recovered from the DHT.
 */
async function scanRepairing(store: Store, prefix: string, logger: Logger): Promise<Entries> {
  while (true) {
    try {
      return await store.scan(prefix)
    } catch (error) {
      if (!isOstrakaError(error, 'storage_corrupt') || typeof error.details.key !== 'string') throw error
      const { key } = error.details
      logger.error({ code: error.code, key }, 'a stored share is corrupt and will be recovered from peers')
      await store.write([{ key, value: null }], { sync: true })
    }
  }
}

function portOf(driver: Driver, ports: Ports): NodePort {
  const { clock, store } = ports
  return {
    networkId: driver.state.networkId,
    peerId: driver.state.peerId,
    status: () => statusView(driver.shown),
    complaints: () => complaintsWithDisk(driver, clock.nowMs()),
    shortcomings: () => shortcomingsOf(driver.shown, clock.nowMs()),
    peers: () => peerViews(driver.shown, clock.nowMs()),
    members: () => membershipViews(driver.shown),
    genesis: driver.state.options.genesis,
    trust: () => trustView(driver.shown),
    attestation: () => attestationView(driver.shown),
    randomness: epoch => randomnessView(driver.shown, epoch),
    keys: (after, limit) => keyViews(driver.shown, after, limit),
    keyCount: () => keyCount(driver.shown),
    key: name => keyViewOf(driver.shown, name),
    isPublicKey: name => isPublicKey(driver.shown, name),
    mayRead: (principal, keyName) => mayRead(driver.shown, principal, keyName),
    blocks: (from, limit) => readBlocks(driver, store, from, limit),
    prove: subject => proofOf(driver.provable, subject),
    async handovers(from, limit) {
      const { height } = driver.shown.ledger.chain
      const entries = await scanLog(driver, store, HANDOVER_PREFIX, { from: handoverKey(from), limit })
      return entries
        .filter(({ key }) => key <= handoverKey(height))
        .map(({ value }) => stateProofCodec.decode(value))
    },
    async audit(from, limit) {
      const { networkId, peerId } = driver.state
      const { log } = driver.state.auditing
      const { generation } = log.world
      const checkpoint = auditCheckpoints(driver.shown).find(
        each => each.peerId === peerId && each.generation === generation,
      )
      if (log.damage !== undefined) throw log.damage
      const page = await readAuditPage(store, log, checkpoint?.size ?? 0, from, limit)
      const origin = originOf(networkId, peerId, generation)
      return { ...page, peerId, generation, origin, checkpoint: checkpoint ?? null }
    },
    auditCheckpoints: () => auditCheckpoints(driver.shown),
    auditLosses: () => auditLossViews(driver.shown),
    onBlock: listener => driver.onBlock(listener),
    submit: transaction =>
      driver.ask(token => ({ type: 'submit', token, transaction, deadlineMs: SUBMIT_DEADLINE_MS })),
    ceremonyEnd: name => ceremonyEnd(driver, clock, name),
    importPlan: async name => {
      const plan = importPlanOf(driver.shown, name)
      if (plan === undefined)
        throw new OstrakaError('not_found', 'no import of this name waits for its dealing')
      return plan
    },
    putRecord: record => driver.ask(token => ({ type: 'offer', token, record })),
    operate: (request, signal) => operate(driver, clock, request, signal),
    creators: () => creatorViews(driver.shown),
    approvals: () => approvalsView(driver.shown),
    onNotice: listener => driver.onNotice(listener),
    exportShares: proposal => driver.ask<ExportResult>(token => ({ type: 'export', token, proposal })),
    counters: () => ({
      ...Object.fromEntries(
        [...driver.state.notices].map(([type, count]) => [`exceptional_acts/${type}`, count]),
      ),
      ...gatewayCounters(driver.state.gateway),
      missing_shares: missingShares(driver.shown),
      failing_deadlines: failingDeadlines(driver.shown),
      randomness_fallback: fallsBack(driver.shown),
    }),
  }
}

/** The blocks that this node has, of those that clients are shown. Errors: `not_found` with the lowest that it has. */
async function readBlocks(
  driver: Driver,
  store: Store,
  from: number,
  limit: number,
): Promise<CertifiedBlock[]> {
  const { height } = driver.shown.ledger.chain
  if (from > height) return []
  const wanted = Math.min(limit, height - from + 1)
  const entries = await scanLog(driver, store, BLOCK_PREFIX, { from: blockKey(from), limit: wanted })
  if (from > 0 && entries[0]?.key !== blockKey(from)) {
    const { lowest } = viewLog(driver.state.log, 0)
    throw new OstrakaError('not_found', 'blocks from this height on are pruned here', { from, lowest })
  }
  return entries.map(entry => certifiedBlockCodec.decode(entry.value))
}

/** What is found damaged is the log's to mend. Errors: those of the store. */
async function scanLog(
  driver: Driver,
  store: Store,
  prefix: string,
  options: { readonly from: string; readonly limit: number },
): Promise<Entries> {
  try {
    return await store.scan(prefix, options)
  } catch (error) {
    driver.dispatch({ type: 'damaged', error: toOstrakaError(error) })
    throw error
  }
}

function complaintsWithDisk({ shown, diskFault }: Driver, nowMs: number): readonly string[] {
  const reasons = complaintsOf(shown, nowMs)
  return diskFault === undefined ? reasons : [...reasons, `disk: ${diskFault.code}`]
}

/** A key that another node has just made active is known here a block later: that much is waited for, thrice at most. */
const LAG_MS = 400
const LAG_WAITS = 3

async function operate(
  driver: Driver,
  clock: Clock,
  request: Signed<OperationRequest>,
  signal: AbortSignal | undefined,
): Promise<OperationResult> {
  let first: unknown
  for (let waits = 0; ; waits++) {
    try {
      return await driver.ask<OperationResult>(token => ({ type: 'operate', token, request }), signal)
    } catch (error) {
      // a request that got as far as the holders has used its nonce: what they said of it stands
      if (isOstrakaError(error, 'replayed') && first !== undefined) throw first
      const isLag = isOstrakaError(error, 'unknown_version')
      if (!isLag || waits === LAG_WAITS || signal?.aborted) throw error
      first = error
      await nextBlock(driver, clock)
    }
  }
}

function nextBlock(driver: Driver, clock: Clock): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      cancel()
      end()
      resolve()
    }
    const cancel = clock.schedule(LAG_MS, done)
    const end = driver.onBlock(done)
  })
}

/** Above what the log itself gives a ceremony, an import's dealing included: it only passes while no blocks are made. */
const CEREMONY_GRACE_MS = 60_000

/** A creation that waits in the log for others to end is waited for as many times as long. */
const MAX_QUEUE_WAITS = 10

/**
 * Waits, block by block, until the key's open ceremony has ended. Errors: `ceremony_aborted`, `unknown_key`,
 * `deadline_exceeded` when no block ends it: it may yet do so.
 */
function ceremonyEnd(driver: Driver, clock: Clock, name: string): Promise<KeyView> {
  const { dealMs, acknowledgeMs } = driver.state.options.genesis.timing
  const waitMs = dealMs + acknowledgeMs + CEREMONY_GRACE_MS
  return new Promise((resolve, reject) => {
    const look = (): boolean => {
      const view = keyViewOf(driver.shown, name)
      if (view !== undefined && isInCeremony(driver.shown, name)) return false
      const failure = failureOf(driver.shown, name)
      if (failure !== undefined) reject(new OstrakaError('ceremony_aborted', failure, { name }))
      else if (view === undefined) reject(new OstrakaError('unknown_key', 'no key of this name', { name }))
      else resolve(view)
      return true
    }
    if (look()) return
    const end = driver.onBlock(() => {
      if (!look()) return
      cancel()
      end()
    })
    let waits = 0
    let wasQueued = isQueuedCreation(driver.shown, name)
    const expire = (): void => {
      const isQueued = isQueuedCreation(driver.shown, name)
      // one that has begun since the last look has its own time before it
      if ((isQueued || wasQueued) && ++waits < MAX_QUEUE_WAITS) {
        wasQueued = isQueued
        cancel = clock.schedule(waitMs, expire)
        return
      }
      end()
      const text = 'the key’s ceremony has not ended: too few validators make blocks'
      reject(new OstrakaError('deadline_exceeded', text, { name, waitMs }))
    }
    let cancel = clock.schedule(waitMs, expire)
  })
}
