import type { PeerGate, PeerId } from '../base/index.ts'
import { Allowance } from './allowance.ts'
import type { Counters } from './counters.ts'
import type { Logger } from './logger.ts'

/**
 * No honest peer sends one message that every node refuses, whatever its state. Eight may yet come from a host with failing
 * memory; it is forgiven one in ten seconds.
 */
const REFUSALS = { perSecond: 0.1, burst: 8 }
/** How long a peer stays away. It comes back to the same count: it then costs one handshake and eight messages a minute. */
const AWAY_MS = 60_000

export interface MisconductPorts {
  readonly gate: PeerGate
  readonly counters: Counters
  readonly logger: Logger
}

/**
 * Counts what peers send that is wrong by itself: its format or its signature, never what depends on this node's state or
 * clock. A peer that repeats it is disconnected for a minute.
 */
export class Misconduct {
  readonly #ports: MisconductPorts
  readonly #refusals = new Map<PeerId, Allowance>()

  constructor(ports: MisconductPorts) {
    this.#ports = ports
  }

  note(peerId: PeerId, reason: string): void {
    const { gate, counters, logger } = this.#ports
    counters.add('peer_misconduct')
    const nowMs = performance.now()
    const refusals = this.#refusals.get(peerId) ?? new Allowance(REFUSALS, nowMs)
    this.#refusals.set(peerId, refusals)
    if (refusals.take(1, nowMs)) return
    this.#refusals.delete(peerId)
    logger.warn(
      { code: 'misconduct', peerId, reason, awayMs: AWAY_MS },
      'disconnected a peer that misbehaves',
    )
    gate.disconnect(peerId, AWAY_MS, reason)
  }
}
