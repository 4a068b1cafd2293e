import { type PeerId, type Rng, randomUnit } from '../base/index.ts'
import type { FaultCounts } from './fault-counts.ts'
import type { VirtualTime } from './time.ts'
import type { Trace } from './trace.ts'
import { SimTransport } from './transport.ts'

/** How the wires behave at the moment. Rates are probabilities per frame. */
export interface Conditions {
  readonly lossRate: number
  readonly duplicateRate: number
  readonly reorderRate: number
  readonly slowRate: number
  readonly minDelayMs: number
  readonly maxDelayMs: number
  /** The most by which a slow frame is later still. */
  readonly slowMs: number
}

export const CALM: Conditions = {
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  slowRate: 0,
  minDelayMs: 1,
  maxDelayMs: 8,
  slowMs: 0,
}

export type FrameKind = 'message' | 'request' | 'answer' | 'refusal' | 'gossip' | 'record'

export interface Frame {
  readonly from: PeerId
  readonly to: PeerId
  readonly kind: FrameKind
  readonly bytes: Uint8Array
}

export interface NetworkContext {
  readonly time: VirtualTime
  readonly rng: Rng
  readonly faults: FaultCounts
  readonly trace: Trace
}

/** A connection that says nothing for so long is given up, as the real host's liveness pings do. */
const LIVENESS_MS = 8000
/** A dial, its handshake included. */
const CONNECT_MS = 40
/** From a process's death to the reset that its peers see. */
const RESET_MS = 20

/** The wires between all nodes: loss, delay, duplication, reordering, one-way partitions, all drawn from one seed. */
export class SimNetwork {
  readonly context: NetworkContext
  conditions: Conditions = CALM
  /** Sees every frame as its sender offers it, lost ones included. */
  observe: (frame: Frame) => void = () => {}
  /** A Byzantine sender's hand on its own frames: what is sent instead, or nothing. */
  tamper: (frame: Frame) => Uint8Array | undefined = frame => frame.bytes
  /** Which pairs may connect at all. */
  isLinked: (a: PeerId, b: PeerId) => boolean = () => true

  readonly #endpoints = new Map<PeerId, SimTransport>()
  readonly #blocked = new Set<string>()
  readonly #connections = new Set<string>()
  /** Until when one takes no connection from another: `<by> <other>`. */
  readonly #cutOffs = new Map<string, number>()
  /** When the latest frame of each direction arrives: a stream keeps its order. */
  readonly #latest = new Map<string, number>()

  constructor(context: NetworkContext) {
    this.context = context
  }

  /** A process's end of the wires. */
  open(peerId: PeerId): SimTransport {
    return new SimTransport(this, peerId)
  }

  /** Frames from `from` to `to` vanish until `unblock`. */
  block(from: PeerId, to: PeerId): void {
    this.#blocked.add(`${from} ${to}`)
    this.context.time.schedule(LIVENESS_MS, () => {
      if (!this.#isReachable(from, to)) this.#disconnect(from, to)
    })
  }

  unblock(from: PeerId, to: PeerId): void {
    this.#blocked.delete(`${from} ${to}`)
    this.#dial(from, to)
  }

  /** `by` takes and makes no connection with `other` until so much time has passed. */
  cutOff(by: PeerId, other: PeerId, forMs: number): void {
    const { time } = this.context
    this.#cutOffs.set(`${by} ${other}`, time.nowMs + forMs)
    time.schedule(0, () => this.#disconnect(by, other))
    time.schedule(forMs + CONNECT_MS, () => this.#dial(by, other))
  }

  isConnected(a: PeerId, b: PeerId): boolean {
    return this.#connections.has(pair(a, b))
  }

  connectedTo(peerId: PeerId): PeerId[] {
    return [...this.#endpoints.keys()].filter(other => this.isConnected(peerId, other))
  }

  endpoint(peerId: PeerId): SimTransport | undefined {
    return this.#endpoints.get(peerId)
  }

  attach(transport: SimTransport): void {
    const { peerId } = transport
    this.#endpoints.set(peerId, transport)
    for (const other of this.#endpoints.keys()) this.#dial(peerId, other)
  }

  detach(transport: SimTransport): void {
    const { peerId } = transport
    if (this.#endpoints.get(peerId) !== transport) return
    this.#endpoints.delete(peerId)
    for (const other of this.#endpoints.keys()) {
      if (!this.#connections.delete(pair(peerId, other))) continue
      this.context.time.schedule(RESET_MS, () => {
        if (!this.isConnected(peerId, other)) this.#endpoints.get(other)?.connection(peerId, false)
      })
    }
  }

  /** Carries one frame under the conditions of the moment; `arrive` runs at the other end, if it does at all. */
  carry(frame: Frame, arrive: (bytes: Uint8Array, at: SimTransport) => void): void {
    const { faults, rng } = this.context
    const bytes = this.tamper(frame)
    if (bytes === undefined) return
    this.observe({ ...frame, bytes })
    const isBlocked = this.#blocked.has(`${frame.from} ${frame.to}`)
    if (isBlocked || randomUnit(rng) < this.conditions.lossRate) {
      faults.add(isBlocked ? 'partition' : 'loss')
      return
    }
    const copy = new Uint8Array(bytes)
    this.#deliver(frame, copy, arrive)
    // requests and answers are paired by a stream, which carries each once
    const mayRepeat = frame.kind === 'message' || frame.kind === 'gossip'
    if (mayRepeat && randomUnit(rng) < this.conditions.duplicateRate) {
      faults.add('duplicate')
      this.#deliver(frame, copy, arrive)
    }
  }

  #deliver(frame: Frame, bytes: Uint8Array, arrive: (bytes: Uint8Array, at: SimTransport) => void): void {
    const { time, trace } = this.context
    const { from, to, kind } = frame
    const endpoint = this.#endpoints.get(to)
    time.schedule(this.#delayMs(from, to), () => {
      // a frame under way to a process that has died since is lost, though another runs in its place
      if (endpoint === undefined || this.#endpoints.get(to) !== endpoint) return
      trace.add(time.nowMs, `${kind} ${from} ${to}`, bytes)
      arrive(new Uint8Array(bytes), endpoint)
    })
  }

  #delayMs(from: PeerId, to: PeerId): number {
    const { time, rng, faults } = this.context
    const { minDelayMs, maxDelayMs, slowRate, slowMs, reorderRate } = this.conditions
    let delayMs = minDelayMs + randomUnit(rng) * (maxDelayMs - minDelayMs)
    if (randomUnit(rng) < slowRate) {
      faults.add('delay')
      delayMs += randomUnit(rng) * slowMs
    }
    const direction = `${from} ${to}`
    const latestMs = this.#latest.get(direction) ?? 0
    const isFree = randomUnit(rng) < reorderRate
    if (isFree && time.nowMs + delayMs < latestMs) faults.add('reorder')
    const atMs = isFree ? time.nowMs + delayMs : Math.max(time.nowMs + delayMs, latestMs)
    this.#latest.set(direction, Math.max(atMs, latestMs))
    return atMs - time.nowMs
  }

  #isReachable(a: PeerId, b: PeerId): boolean {
    const { nowMs } = this.context.time
    return [`${a} ${b}`, `${b} ${a}`].every(
      direction => !this.#blocked.has(direction) && nowMs >= (this.#cutOffs.get(direction) ?? 0),
    )
  }

  #dial(a: PeerId, b: PeerId): void {
    if (a === b || !this.isLinked(a, b)) return
    const ends = [this.#endpoints.get(a), this.#endpoints.get(b)]
    this.context.time.schedule(CONNECT_MS * (0.5 + randomUnit(this.context.rng)), () => {
      const isSame = this.#endpoints.get(a) === ends[0] && this.#endpoints.get(b) === ends[1]
      if (!isSame || ends.includes(undefined)) return
      if (!this.#isReachable(a, b) || this.isConnected(a, b)) return
      this.#connections.add(pair(a, b))
      ends[0]!.connection(b, true)
      ends[1]!.connection(a, true)
    })
  }

  #disconnect(a: PeerId, b: PeerId): void {
    if (!this.#connections.delete(pair(a, b))) return
    this.#endpoints.get(a)?.connection(b, false)
    this.#endpoints.get(b)?.connection(a, false)
  }
}

function pair(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
