import { type Outcome, toHex, toOstrakaError } from '../base/index.ts'
import {
  type AttestationEvidence,
  type PeerAnswer,
  type PeerMessage,
  peerAnswerCodec,
  peerMessageCodec,
  peerRequestCodec,
  type Token,
} from '../wire/index.ts'
import type { NodeEvent, PortEffect } from './events.ts'
import type { Logger, Ports } from './ports.ts'

/** Performs effects at once, on the ports: whoever calls it has seen to what must be on disk before. */
export class Performer {
  readonly #ports: Ports
  readonly #logger: Logger
  readonly #dispatch: (event: NodeEvent) => void
  readonly #timers = new Map<Token, () => void>()
  readonly #encoded = new WeakMap<PeerMessage, Uint8Array>()
  #isStopped = false

  constructor(ports: Ports, logger: Logger, dispatch: (event: NodeEvent) => void) {
    this.#ports = ports
    this.#logger = logger
    this.#dispatch = dispatch
  }

  /** Sets no further timer, and says no more of what fails. */
  stop(): void {
    this.#isStopped = true
    for (const cancel of this.#timers.values()) cancel()
    this.#timers.clear()
  }

  /** Asks the attestor what program is installed. */
  measure(): void {
    this.#ports.attestor?.measure().then(
      program => this.#dispatch({ type: 'measured', program }),
      error => this.#failed('measure the installed program', error, undefined),
    )
  }

  perform(effect: PortEffect): void {
    const { transport, gossip } = this.#ports
    switch (effect.type) {
      case 'send':
        transport.send(effect.to, this.#encode(effect.message))
        return
      case 'publish':
        gossip.publish(effect.topic, effect.bytes)
        return
      case 'timer':
        this.#setTimer(effect.id, effect.atMs)
        return
      case 'request':
        this.#request(effect)
        return
      case 'load':
        this.#load(effect)
        return
      case 'dht-put':
        this.#putRecord(effect)
        return
      case 'dht-get':
        this.#getRecord(effect)
        return
      case 'attest':
        this.#attest(effect)
        return
      case 'note':
        this.#logger[effect.level](effect.details, effect.text)
    }
  }

  /** A message to many is encoded once. */
  #encode(message: PeerMessage): Uint8Array {
    let frame = this.#encoded.get(message)
    if (frame === undefined) {
      frame = peerMessageCodec.encode(message)
      this.#encoded.set(message, frame)
    }
    return frame
  }

  #setTimer(id: Token, atMs: number | null): void {
    this.#timers.get(id)?.()
    this.#timers.delete(id)
    if (atMs === null || this.#isStopped) return
    const { clock } = this.#ports
    const cancel = clock.schedule(Math.max(0, atMs - clock.nowMs()), () => {
      // timers of the platform count another clock, and may fire up to a millisecond before this one's time
      if (clock.nowMs() < atMs) {
        this.#setTimer(id, atMs)
        return
      }
      this.#timers.delete(id)
      this.#dispatch({ type: 'timer', id })
    })
    this.#timers.set(id, cancel)
  }

  #request({ token, to, request, deadlineMs }: Extract<PortEffect, { readonly type: 'request' }>): void {
    const answered = (answer: Outcome<PeerAnswer>): void =>
      this.#dispatch({ type: 'answered', token, from: to, answer })
    this.#ports.transport
      .request(to, peerRequestCodec.encode(request), deadlineMs)
      .then(frame => peerAnswerCodec.decode(frame))
      .then(
        value => answered({ ok: true, value }),
        error => answered({ ok: false, error: toOstrakaError(error) }),
      )
  }

  #load({ token, prefix, from, limit }: Extract<PortEffect, { readonly type: 'load' }>): void {
    this.#ports.store.scan(prefix, { from, limit }).then(
      entries => this.#dispatch({ type: 'loaded', token, entries }),
      error => this.#dispatch({ type: 'failed', token, error: toOstrakaError(error) }),
    )
  }

  #putRecord({ key, record }: Extract<PortEffect, { readonly type: 'dht-put' }>): void {
    this.#ports.records.put(toHex(key), record).catch(error => this.#failed('put into the DHT', error, null))
  }

  #getRecord({ token, hash }: Extract<PortEffect, { readonly type: 'dht-get' }>): void {
    const got = this.#ports.records
      .get(toHex(hash))
      .catch(error => this.#failed('get from the DHT', error, undefined))
    void got.then(record => this.#dispatch({ type: 'record', token, record: record ?? null }))
  }

  #attest({ nonce, challenge }: Extract<PortEffect, { readonly type: 'attest' }>): void {
    const attested = (outcome: Outcome<AttestationEvidence>): void =>
      this.#dispatch({ type: 'attested', nonce, outcome })
    this.#ports.attestor?.attest(challenge).then(
      value => attested({ ok: true, value }),
      error => attested({ ok: false, error: toOstrakaError(error) }),
    )
  }

  #failed<T>(what: string, error: unknown, instead: T): T {
    const { code, message } = toOstrakaError(error)
    if (!this.#isStopped) this.#logger.warn({ code }, `cannot ${what}: ${message}`)
    return instead
  }
}
