import { OstrakaError, type Outcome, type PeerId, toOstrakaError, type Write } from '../base/index.ts'
import { judgeBlock } from '../control/index.ts'
import {
  type CertifiedBlock,
  type MeasuredLoad,
  type PeerAnswer,
  peerAnswerCodec,
  peerMessageCodec,
  peerRequestCodec,
  type Token,
} from '../wire/index.ts'
import { AuditLane } from './audit-lane.ts'
import type { NodeEffect, NodeEvent } from './events.ts'
import { judgeBeacon } from './observing.ts'
import { Performer } from './performing.ts'
import { judgePlan } from './planning.ts'
import type { Notice } from './port.ts'
import type { Logger, Ports } from './ports.ts'
import type { NodeState } from './state.ts'
import { stepNode } from './step.ts'

/** A disk that could not take a write is tried again this often; meanwhile nothing that depends on it leaves. */
const RETRY_WRITE_MS = 1_000

/**
 * Feeds events to the node's pure core, and has its effects performed in the order that its promises need. What a step
 * wants persisted is on disk, synced, before any other effect of that step or of a later one is performed. Operations on
 * shares persist nothing of their own and do not queue behind that: only what a share was used for is held, by the audit
 * lane, until its entry is on disk.
 */
export class Driver {
  readonly #ports: Ports
  readonly #logger: Logger
  readonly #performer: Performer
  readonly #asked = new Map<Token, (answer: Outcome<PeerAnswer>) => void>()
  readonly #waiting = new Map<Token, (outcome: Outcome<unknown>) => void>()
  readonly #noticeListeners = new Set<(notice: Notice) => void>()
  readonly #blockListeners = new Set<(block: CertifiedBlock) => void>()
  readonly #lane: AuditLane
  #state: NodeState
  #queue: NodeEffect[][] = []
  #isFlushing = false
  #isStopped = false
  #requests = 0
  /** Why the disk refuses writes; undefined while it takes them. */
  #diskFault: OstrakaError | undefined

  constructor(state: NodeState, ports: Ports, logger: Logger) {
    this.#state = state
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

  get diskFault(): OstrakaError | undefined {
    return this.#diskFault ?? this.#state.auditing.log.unwritten
  }

  async start(measureLoad: () => MeasuredLoad): Promise<void> {
    const { transport, gossip, clock } = this.#ports
    gossip.subscribe('beacons', (from, bytes) => judgeBeacon(this.#state, from, bytes, clock.nowMs()))
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
    })
    this.dispatch({ type: 'start' })
    this.#performer.measure()
    const beat = (): void => {
      if (this.#isStopped) return
      this.dispatch({ type: 'beat', load: measureLoad() })
      clock.schedule(this.#state.options.beaconIntervalMs, beat)
    }
    beat()
  }

  /** Takes no further events; what is queued for the disk is still written. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#performer.stop()
    const error = new OstrakaError('not_ready', 'the node is stopping')
    for (const resolve of this.#waiting.values()) resolve({ ok: false, error })
    this.#waiting.clear()
    await this.#lane.close()
  }

  /** Runs one step at once; its effects follow in order. */
  dispatch(event: NodeEvent): void {
    if (this.#isStopped) return
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
    if (this.#isStopped) throw new OstrakaError('not_ready', 'the node is stopping')
    if (signal?.aborted) throw new OstrakaError('deadline_exceeded', 'the client went away')
    const token: Token = `client/${++this.#requests}`
    const abandon = (): void => this.dispatch({ type: 'abandoned', token })
    const outcome = await new Promise<Outcome<unknown>>(resolve => {
      this.#waiting.set(token, resolve)
      this.dispatch(make(token))
      signal?.addEventListener('abort', abandon, { once: true })
    })
    signal?.removeEventListener('abort', abandon)
    if (!outcome.ok) throw outcome.error
    return outcome.value as T
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
      const steps = this.#queue
      this.#queue = []
      const writes: Write[] = []
      for (const effect of steps.flat()) if (effect.type === 'persist') writes.push(...effect.writes)
      if (writes.length > 0) await this.#write(writes)
      if (steps.flat().some(effect => effect.type === 'audit' && effect.isUrgent)) await this.#untilAudited()
      for (const effect of steps.flat()) this.#perform(effect)
    }
    this.#isFlushing = false
  }

  async #write(writes: readonly Write[]): Promise<void> {
    while (true) {
      try {
        await this.#ports.store.write(writes, { sync: true })
        this.#diskFault = undefined
        return
      } catch (error) {
        this.#diskFault = toOstrakaError(error)
        this.#logger.error({ code: this.#diskFault.code }, `cannot write to disk: ${this.#diskFault.message}`)
        if (this.#isStopped) return
        await new Promise<void>(resolve => this.#ports.clock.schedule(RETRY_WRITE_MS, resolve))
      }
    }
  }

  /** What a ceremony says leaves after its entry is on disk, like everything that a secret was used for. */
  async #untilAudited(): Promise<void> {
    const isOnDisk = (): Promise<boolean> =>
      new Promise(resolve => {
        this.#lane.hold(
          () => resolve(true),
          () => resolve(false),
        )
      })
    while (!(await isOnDisk()) && !this.#isStopped) {
      await new Promise<void>(resolve => this.#ports.clock.schedule(RETRY_WRITE_MS, resolve))
    }
  }

  #audited(size: number): void {
    this.dispatch({ type: 'audited', size })
  }

  #unaudited(error: OstrakaError): void {
    this.#logger.error({ code: error.code }, `cannot write the audit log: ${error.message}`)
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
        this.#asked.get(effect.token)?.(effect.answer)
        this.#asked.delete(effect.token)
        return
      case 'held':
        this.#hold(effect.effect)
        return
      case 'resolve':
        this.#waiting.get(effect.token)?.(effect.outcome)
        this.#waiting.delete(effect.token)
        return
      case 'notice':
        for (const listener of this.#noticeListeners) listener(effect.notice)
        return
      case 'block':
        for (const listener of this.#blockListeners) listener(effect.certified)
        return
      default:
        this.#performer.perform(effect)
    }
  }

  #onMessage(from: PeerId, frame: Uint8Array): void {
    try {
      this.dispatch({ type: 'message', from, message: peerMessageCodec.decode(frame) })
    } catch (error) {
      const { code, message, stack } = toOstrakaError(error)
      this.#logger.warn(
        { code, from, ...(code === 'internal' && { stack }) },
        `a message is refused: ${message}`,
      )
    }
  }

  async #onRequest(from: PeerId, frame: Uint8Array): Promise<Uint8Array> {
    const request = peerRequestCodec.decode(frame)
    const token: Token = `rpc/${++this.#requests}`
    const answer = await new Promise<Outcome<PeerAnswer>>(resolve => {
      this.#asked.set(token, resolve)
      this.dispatch({ type: 'requested', from, token, request })
    })
    if (!answer.ok) throw answer.error
    return peerAnswerCodec.encode(answer.value)
  }
}

const DATA_PLANE_REQUESTS: ReadonlySet<string> = new Set(['partial', 'nonces', 'export', 'ping'])

/** Events of the data plane: they touch nothing that the disk must know first. */
function isOperation(event: NodeEvent): boolean {
  switch (event.type) {
    case 'operate':
    case 'export':
    case 'abandoned':
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

function isOperationName(name: Token): boolean {
  return name.startsWith('operation/') || name.startsWith('export/')
}
