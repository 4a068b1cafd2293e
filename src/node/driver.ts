import { OstrakaError, type Outcome, type PeerId, toOstrakaError, type Write } from '../base/index.ts'
import { judgeBlock, viewLog } from '../control/index.ts'
import {
  type CertifiedBlock,
  frameUnits,
  type MeasuredLoad,
  type PeerAnswer,
  type PeerRequest,
  peerAnswerCodec,
  peerMessageCodec,
  peerRequestCodec,
  type SignedTransaction,
  type Token,
} from '../wire/index.ts'
import { AuditLane } from './audit-lane.ts'
import { untilNextBeatMs } from './beating.ts'
import type { DurableState, NodeEffect, NodeEvent } from './events.ts'
import { judgeBeacon } from './observing.ts'
import { Performer } from './performing.ts'
import { judgePlan } from './planning.ts'
import type { Notice } from './port.ts'
import type { Logger, Ports } from './ports.ts'
import type { NodeState } from './state.ts'
import { stepNode } from './step.ts'

/** A disk that could not take a write is tried again this often; meanwhile nothing that depends on it leaves. */
const RETRY_WRITE_MS = 1_000

/** Transactions that are verified in one step: two milliseconds and a half. */
const SLICE_TRANSACTIONS = 16

/** Whoever asked for something, here or at a peer. */
interface Asker<T> {
  readonly settle: (outcome: Outcome<T>) => void
  /** What was asked for does not wait for the disk. */
  readonly isFree: boolean
}

/**
 * Feeds events to the node's pure core, and has its effects performed in the order that its promises need. What a step
 * wants persisted is on disk, synced, before any other effect of that step or of a later one is performed. Operations on
 * shares persist nothing of their own and do not queue behind that: only what a share was used for is held, by the audit
 * lane, until its entry is on disk.
 *
 * While the disk refuses writes the queue stands still, and must not grow: whoever asks for what would have to wait is
 * refused, and messages are lost, as wires lose them. Timers, answers and whatever else comes once still do.
 */
export class Driver {
  readonly #ports: Ports
  readonly #logger: Logger
  readonly #performer: Performer
  readonly #peers = new Map<Token, Asker<PeerAnswer>>()
  readonly #clients = new Map<Token, Asker<unknown>>()
  readonly #noticeListeners = new Set<(notice: Notice) => void>()
  readonly #blockListeners = new Set<(block: CertifiedBlock) => void>()
  readonly #lane: AuditLane
  #state: NodeState
  #durable: DurableState
  #queue: NodeEffect[][] = []
  /** Peers' transactions that wait to be taken in; their budgets bound them. */
  readonly #backlog: NodeEvent[] = []
  #isCatchingUp = false
  #isFlushing = false
  #isStopped = false
  #requests = 0
  #cancelBeat = (): void => {}
  /** Why the disk refuses what the queue waits for; undefined while it takes it. */
  #diskFault: OstrakaError | undefined

  constructor(state: NodeState, ports: Ports, logger: Logger) {
    this.#state = state
    const { state: ledger, provable } = viewLog(state.log, ports.clock.nowMs())
    this.#durable = { ledger, provable }
    this.#ports = ports
    this.#logger = logger
    this.#performer = new Performer(ports, logger, event => this.dispatch(event))
    this.#lane = new AuditLane({
      store: ports.store,
      clock: ports.clock,
      written: size => this.#audited(size),
      failed: error => this.#unaudited(error),
    })
  }

  get state(): NodeState {
    return this.#state
  }

  /**
   * The node as clients are shown it. The ledger is the one after the newest block on this node's disk, so that every
   * view, proof and read of the log tells of one height, and of nothing that a crash could take back.
   */
  get shown(): NodeState {
    return { ...this.#state, ledger: this.#durable.ledger }
  }

  /** What the newest block on disk proves; null until there is one. */
  get provable(): DurableState['provable'] {
    return this.#durable.provable
  }

  get diskFault(): OstrakaError | undefined {
    return this.#diskFault ?? this.#state.auditing.log.unwritten
  }

  async start(measureLoad: () => MeasuredLoad): Promise<void> {
    const { transport, gossip, clock } = this.#ports
    gossip.subscribe('beacons', (from, bytes) => {
      const { verdict, height } = judgeBeacon(this.#state, from, bytes, clock.nowMs())
      if (height !== undefined) this.dispatch({ type: 'message', from, message: { type: 'status', height } })
      return verdict
    })
    gossip.subscribe('plans', (_from, bytes) => judgePlan(this.#state, bytes))
    gossip.subscribe('blocks', (from, bytes) => {
      const verdict = judgeBlock(this.#state.log, bytes)
      if (verdict === 'accept') this.dispatch({ type: 'gossiped', from, bytes })
      return verdict
    })
    await transport.start({
      message: (from, frame) => this.#onMessage(from, frame),
      request: (from, frame) => this.#onRequest(from, frame),
      peer: (peerId, isConnected) => this.dispatch({ type: 'peer', peerId, isConnected }),
      sentAway: peerId => this.#state.budgets.sentAway(peerId, clock.nowMs()),
    })
    this.dispatch({ type: 'start' })
    this.#performer.measure()
    const beat = (): void => {
      if (this.#isStopped) return
      this.dispatch({ type: 'beat', load: measureLoad() })
      const delayMs = untilNextBeatMs(this.#state.options.beaconIntervalMs, clock.nowMs())
      this.#cancelBeat = clock.schedule(delayMs, beat)
    }
    beat()
  }

  /** Takes no further events, and says nothing that is not on disk: what the queue still holds is lost, as in a crash. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelBeat()
    this.#performer.stop()
    this.#refuse(new OstrakaError('not_ready', 'the node is stopping'), () => true)
    await this.#lane.close()
  }

  /** Runs one step at once; its effects follow in order. */
  dispatch(event: NodeEvent): void {
    if (this.#isStopped || (this.#diskFault !== undefined && isLosable(event))) return
    const { clock, rng } = this.#ports
    const step = stepNode(this.#state, event, clock.nowMs(), rng)
    this.#state = step.state
    const effects = [...step.effects]
    if (effects.length === 0) return
    for (const effect of effects) {
      if (effect.type === 'audit') this.#lane.push(effect.appended, effect.isUrgent)
    }
    const isFree = isOperation(event) && !effects.some(effect => effect.type === 'persist')
    if (isFree) for (const effect of effects) this.#perform(effect)
    else {
      this.#queue.push(effects)
      if (!this.#isFlushing) void this.#flush()
    }
  }

  /** Sends an event that ends in a `resolve`, and waits for it; tells the node when `signal` says that nobody does. */
  async ask<T>(make: (token: Token) => NodeEvent, signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) throw new OstrakaError('deadline_exceeded', 'the client went away')
    const token: Token = `client/${++this.#requests}`
    const abandon = (): void => this.dispatch({ type: 'abandoned', token })
    signal?.addEventListener('abort', abandon, { once: true })
    try {
      return (await this.#answered(this.#clients, token, make(token))) as T
    } finally {
      signal?.removeEventListener('abort', abandon)
    }
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    this.#noticeListeners.add(listener)
    return () => this.#noticeListeners.delete(listener)
  }

  onBlock(listener: (block: CertifiedBlock) => void): () => void {
    this.#blockListeners.add(listener)
    return () => this.#blockListeners.delete(listener)
  }

  async #flush(): Promise<void> {
    this.#isFlushing = true
    while (this.#queue.length > 0) {
      const effects = this.#queue.flat()
      this.#queue = []
      const writes: Write[] = []
      for (const effect of effects) if (effect.type === 'persist') writes.push(...effect.writes)
      if (writes.length > 0) await this.#write(writes)
      // what a ceremony says leaves after its entry is on disk, like everything that a secret was used for
      if (effects.some(effect => effect.type === 'audit' && effect.isUrgent)) await this.#untilAudited()
      // the node has stopped, and this never got to the disk
      if (this.#diskFault !== undefined) return
      for (const effect of effects) this.#perform(effect)
    }
    this.#isFlushing = false
  }

  #write(writes: readonly Write[]): Promise<void> {
    return this.#persevere(async () => {
      try {
        await this.#ports.store.write(writes, { sync: true })
        return undefined
      } catch (error) {
        return toOstrakaError(error)
      }
    })
  }

  #untilAudited(): Promise<void> {
    return this.#persevere(() => new Promise(resolve => this.#lane.hold(() => resolve(undefined), resolve)))
  }

  /** Tries until the disk takes it, or the node stops: then `#diskFault` still says why it did not. */
  async #persevere(attempt: () => Promise<OstrakaError | undefined>): Promise<void> {
    for (;;) {
      const fault = await attempt()
      if (fault === undefined && this.#diskFault !== undefined)
        this.#logger.info({}, 'the disk takes writes again')
      if (fault !== undefined && this.#diskFault?.code !== fault.code) {
        this.#logger.error({ code: fault.code }, `cannot write to disk: ${fault.message}`)
      }
      this.#diskFault = fault
      if (fault === undefined || this.#isStopped) return
      this.#refuse(fault, ({ isFree }) => !isFree)
      await new Promise<void>(resolve => this.#ports.clock.schedule(RETRY_WRITE_MS, resolve))
    }
  }

  /** What they asked for may have gone so far that it happens yet; they cannot be told. */
  #refuse(error: OstrakaError, isMeant: (asker: Asker<never>) => boolean): void {
    for (const askers of [this.#clients, this.#peers]) {
      for (const asker of askers.values()) if (isMeant(asker)) asker.settle({ ok: false, error })
    }
  }

  #audited(size: number): void {
    this.dispatch({ type: 'audited', size })
  }

  #unaudited(error: OstrakaError): void {
    if (this.#state.auditing.log.unwritten === undefined) {
      this.#logger.error({ code: error.code }, `cannot write the audit log: ${error.message}`)
    }
    this.dispatch({ type: 'unaudited', error })
  }

  /** Performs an effect once the audit log tells of it on disk; tells whoever waits when it cannot. */
  #hold(effect: Extract<NodeEffect, { readonly type: 'held' }>['effect']): void {
    this.#lane.hold(
      () => this.#perform(effect),
      error => {
        const outcome = { ok: false, error } as const
        if (effect.type === 'reply') this.#perform({ ...effect, answer: outcome })
        else this.#perform({ ...effect, outcome })
      },
    )
  }

  #perform(effect: NodeEffect): void {
    switch (effect.type) {
      // dispatch has given it to the lane, flush has written it
      case 'audit':
      case 'persist':
        return
      case 'reply':
        this.#peers.get(effect.token)?.settle(effect.answer)
        return
      case 'held':
        this.#hold(effect.effect)
        return
      case 'resolve':
        this.#clients.get(effect.token)?.settle(effect.outcome)
        return
      case 'notice':
        for (const listener of this.#noticeListeners) listener(effect.notice)
        return
      case 'durable':
        this.#durable = effect.state
        return
      case 'block':
        for (const listener of this.#blockListeners) listener(effect.certified)
        return
      case 'continue':
        this.#ports.clock.schedule(0, () => this.dispatch({ type: 'continue' }))
        return
      case 'cut-off':
        this.#ports.transport.cutOff(effect.peerId, effect.forMs)
        return
      default:
        this.#performer.perform(effect)
    }
  }

  #onMessage(from: PeerId, frame: Uint8Array): void {
    if (!this.#mayEnter(from, frame)) return
    try {
      const message = peerMessageCodec.decode(frame)
      const isTaken = this.#state.budgets.message(from, message, frame.length, this.#ports.clock.nowMs())
      if (!isTaken) this.dispatch({ type: 'exceeded' })
      else if (message.type !== 'transactions') this.dispatch({ type: 'message', from, message })
      else this.#takeTransactions(from, message.transactions)
    } catch (error) {
      this.#malformed(from, frame)
      const { code, message, stack } = toOstrakaError(error)
      this.#logger.warn(
        { code, from, ...(code === 'internal' && { stack }) },
        `a message is refused: ${message}`,
      )
    }
  }

  async #onRequest(from: PeerId, frame: Uint8Array): Promise<Uint8Array> {
    if (!this.#mayEnter(from, frame)) throw new OstrakaError('overloaded', 'over what this peer may send')
    const request = this.#decodeRequest(from, frame)
    const token: Token = `rpc/${++this.#requests}`
    const event: NodeEvent = { type: 'requested', from, token, request }
    const { budgets } = this.#state
    const { clock } = this.#ports
    let answer: Uint8Array | undefined
    budgets.begun(from, request.type, clock.nowMs())
    try {
      answer = peerAnswerCodec.encode(await this.#answered(this.#peers, token, event))
      return answer
    } finally {
      budgets.finished(from, request.type, answer?.length ?? 0, clock.nowMs())
    }
  }

  /** Each costs a verification: a message of a thousand is taken a few at a time, and others' messages between. */
  #takeTransactions(from: PeerId, transactions: readonly SignedTransaction[]): void {
    for (let at = 0; at < transactions.length; at += SLICE_TRANSACTIONS) {
      const some = transactions.slice(at, at + SLICE_TRANSACTIONS)
      this.#backlog.push({ type: 'message', from, message: { type: 'transactions', transactions: some } })
    }
    if (!this.#isCatchingUp) this.#takeNext()
  }

  #takeNext(): void {
    const next = this.#backlog.shift()
    if (next !== undefined) this.dispatch(next)
    this.#isCatchingUp = this.#backlog.length > 0 && !this.#isStopped
    if (this.#isCatchingUp) this.#ports.clock.schedule(0, () => this.#takeNext())
  }

  /** Whether a peer's frame is worth reading. */
  #mayEnter(from: PeerId, frame: Uint8Array): boolean {
    const isTaken = this.#state.budgets.frame(from, frame.length, this.#ports.clock.nowMs())
    if (!isTaken) this.dispatch({ type: 'exceeded' })
    return isTaken
  }

  #decodeRequest(from: PeerId, frame: Uint8Array): PeerRequest {
    try {
      return peerRequestCodec.decode(frame)
    } catch (error) {
      this.#malformed(from, frame)
      throw error
    }
  }

  #malformed(from: PeerId, frame: Uint8Array): void {
    this.#state.budgets.refused(from, frameUnits(frame.length), this.#ports.clock.nowMs())
    this.dispatch({ type: 'exceeded' })
  }

  /** Feeds in what someone waits for the end of. Errors: `not_ready`, and why the disk refuses what would wait for it. */
  async #answered<T>(askers: Map<Token, Asker<T>>, token: Token, event: NodeEvent): Promise<T> {
    if (this.#isStopped) throw new OstrakaError('not_ready', 'the node is stopping')
    const isFree = isOperation(event)
    if (this.#diskFault !== undefined && !isFree) throw this.#diskFault
    const { promise, resolve: settle } = Promise.withResolvers<Outcome<T>>()
    askers.set(token, { settle, isFree })
    try {
      this.dispatch(event)
      const outcome = await promise
      if (outcome.ok) return outcome.value
      throw outcome.error
    } finally {
      askers.delete(token)
    }
  }
}

const DATA_PLANE_REQUESTS: ReadonlySet<string> = new Set(['partial', 'nonces', 'export', 'ping'])

/** Events of the data plane: they touch nothing that the disk must know first. */
function isOperation(event: NodeEvent): boolean {
  switch (event.type) {
    case 'operate':
    case 'export':
    case 'abandoned':
    case 'continue':
    case 'exceeded':
      return true
    case 'requested':
      return DATA_PLANE_REQUESTS.has(event.request.type)
    case 'answered':
      return isOperationName(event.token)
    case 'timer':
      return isOperationName(event.id)
    default:
      return false
  }
}

/** What comes again, or may as well never have come; it can come any number of times. */
function isLosable({ type }: NodeEvent): boolean {
  return type === 'message' || type === 'gossiped' || type === 'beat' || type === 'damaged'
}

function isOperationName(name: Token): boolean {
  return name.startsWith('operation/') || name.startsWith('export/')
}
