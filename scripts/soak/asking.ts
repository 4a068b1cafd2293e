import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../src/api/index.ts'
import { type ErrorCode, type Rng, randomBelow, toOstrakaError } from '../../src/base/index.ts'
import type { SoakNetwork } from './network.ts'

/**
 * What a client answers by asking another daemon: the network's states of the moment, never a refusal. Keys and
 * versions that this client knows are unknown to a daemon that has just been away.
 */
const TRANSIENT: ReadonlySet<ErrorCode> = new Set([
  'unreachable',
  'not_ready',
  'deadline_exceeded',
  'overloaded',
  'insufficient_shares',
  'no_quorum',
  'ceremony_aborted',
  'unknown_key',
  'unknown_version',
])
/** As long as a client goes on asking for an operation: the bound. It would not ask for longer under overload. */
const OPERATION_PATIENCE_MS = 10_000
/** Changes are few: going on for longer tells what is late from what is lost. */
const CHANGE_PATIENCE_MS = 30_000
const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 500

export type Retries = Map<ErrorCode, number>

/** One daemon asked in vain: what tells afterwards why an operation took so long. */
export interface Miss {
  readonly name: string
  readonly ms: number
  readonly code: ErrorCode
  /** What the daemon told beside the code, such as the holders' refusals. */
  readonly details: string
}

const LONGEST_DETAILS = 300

/** A client of the whole network: asks a random daemon, and another one when that fails for the moment. */
export class Asking {
  readonly #network: SoakNetwork
  readonly #rng: Rng
  readonly #retries: Retries
  readonly misses: Miss[] = []

  /** `retries` counts, by the code that was the reason. */
  constructor(network: SoakNetwork, rng: Rng, retries: Retries) {
    this.#network = network
    this.#rng = rng
    this.#retries = retries
  }

  /** An operation. Errors: what was not transient, or the last transient error when patience has ended. */
  ask<T>(call: (client: Client) => Promise<T>): Promise<T> {
    // requests lent by the daemon and signed by the client, half of each
    const way = randomBelow(this.#rng, 2) === 0 ? 'lent' : 'own'
    return this.#ask(way, OPERATION_PATIENCE_MS, call)
  }

  /** A change of the log. Errors: as of `ask`. */
  askPatiently<T>(call: (client: Client) => Promise<T>): Promise<T> {
    return this.#ask('patient', CHANGE_PATIENCE_MS, call)
  }

  async #ask<T>(
    way: 'lent' | 'own' | 'patient',
    patienceMs: number,
    call: (client: Client) => Promise<T>,
  ): Promise<T> {
    const endMs = performance.now() + patienceMs
    let last: string | undefined
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)) {
      const name = this.#another(last)
      const askedMs = performance.now()
      try {
        return await call(this.#network.gateway(name)[way])
      } catch (thrown) {
        const error = toOstrakaError(thrown)
        const details = JSON.stringify(error.details).slice(0, LONGEST_DETAILS)
        this.misses.push({ name, ms: performance.now() - askedMs, code: error.code, details })
        if (!TRANSIENT.has(error.code) || performance.now() >= endMs) throw error
        this.#retries.set(error.code, (this.#retries.get(error.code) ?? 0) + 1)
        // another daemon is asked at once, unless the daemons are well and the network is not
        if (error.code !== 'unreachable') await sleep(backoffMs)
      }
      last = name
    }
  }

  #another(last: string | undefined): string {
    const names = this.#network.names.filter(name => name !== last)
    return names[randomBelow(this.#rng, names.length)]!
  }
}
