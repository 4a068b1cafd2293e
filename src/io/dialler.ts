import { compareText, type PeerId, type Rng, randomUnit } from '../base/index.ts'

// A lost member is dialled again at once; a dead one at most every two seconds, which 15 peers hardly notice.
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 2000
// Both ends of a pair start at the same moment; the greater peer id lets the other dial, so that one connection results.
const COURTESY_MS = 150
// Membership changes reach the dialler by `review`; this catches what nobody announced.
const REVIEW_INTERVAL_MS = 2000

/** What the dialler needs of the host. */
export interface DiallerPorts {
  readonly self: PeerId
  readonly members: () => Iterable<PeerId>
  readonly isConnected: (peerId: PeerId) => boolean
  /** Resolves once connected. `attempt` counts from 0 since the last success. */
  readonly dial: (peerId: PeerId, attempt: number) => Promise<void>
  readonly rng: Rng
}

interface Pursuit {
  attempt: number
  isDialling: boolean
  timer: NodeJS.Timeout | undefined
}

/** Keeps a connection to every member: dials, and dials again with jittered exponential back-off up to 2 s. */
export class Dialler {
  readonly #ports: DiallerPorts
  readonly #pursuits = new Map<PeerId, Pursuit>()
  #reviewTimer: NodeJS.Timeout | undefined

  constructor(ports: DiallerPorts) {
    this.#ports = ports
  }

  start(): void {
    this.#reviewTimer = setInterval(() => this.review(), REVIEW_INTERVAL_MS)
    this.review()
  }

  stop(): void {
    clearInterval(this.#reviewTimer)
    this.#reviewTimer = undefined
    for (const peerId of [...this.#pursuits.keys()]) this.#giveUp(peerId)
  }

  /** Starts to pursue members that are not connected and forgets those that left. */
  review(): void {
    if (this.#reviewTimer === undefined) return
    const members = new Set(this.#ports.members())
    members.delete(this.#ports.self)
    for (const peerId of this.#pursuits.keys()) {
      if (!members.has(peerId)) this.#giveUp(peerId)
    }
    for (const peerId of members) {
      if (!this.#ports.isConnected(peerId) && !this.#pursuits.has(peerId)) this.#pursue(peerId)
    }
  }

  /** Something changed for this peer (connection lost, new address): dial now rather than at the end of the back-off. */
  hurry(peerId: PeerId): void {
    const pursuit = this.#pursuits.get(peerId)
    if (pursuit?.isDialling) return
    if (pursuit) this.#giveUp(peerId)
    this.review()
  }

  /** The peer is connected, whoever dialled. */
  reached(peerId: PeerId): void {
    this.#giveUp(peerId)
  }

  /** True while the first dial since the last success is still open, so that waiting a moment may pay. */
  isHopeful(peerId: PeerId): boolean {
    return this.#pursuits.get(peerId)?.attempt === 0
  }

  #pursue(peerId: PeerId): void {
    const pursuit: Pursuit = { attempt: 0, isDialling: false, timer: undefined }
    this.#pursuits.set(peerId, pursuit)
    const isCourteous = compareText(this.#ports.self, peerId) > 0
    this.#schedule(peerId, pursuit, isCourteous ? COURTESY_MS * (1 + this.#jitter()) : 0)
  }

  #schedule(peerId: PeerId, pursuit: Pursuit, delayMs: number): void {
    pursuit.timer = setTimeout(() => void this.#attempt(peerId, pursuit), delayMs)
  }

  async #attempt(peerId: PeerId, pursuit: Pursuit): Promise<void> {
    pursuit.isDialling = true
    try {
      if (!this.#ports.isConnected(peerId)) await this.#ports.dial(peerId, pursuit.attempt)
      if (this.#pursuits.get(peerId) === pursuit) this.#pursuits.delete(peerId)
    } catch {
      pursuit.attempt += 1
      const ceilingMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (pursuit.attempt - 1))
      const isCurrent = this.#pursuits.get(peerId) === pursuit
      if (isCurrent) this.#schedule(peerId, pursuit, ceilingMs * (0.5 + this.#jitter() / 2))
    } finally {
      pursuit.isDialling = false
    }
  }

  #giveUp(peerId: PeerId): void {
    clearTimeout(this.#pursuits.get(peerId)?.timer)
    this.#pursuits.delete(peerId)
  }

  #jitter(): number {
    return randomUnit(this.#ports.rng)
  }
}
