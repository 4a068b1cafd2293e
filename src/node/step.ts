import { OstrakaError, type Outcome, type PeerId, type Rng, toOstrakaError } from '../base/index.ts'
import { type LogEffect, type LogEvent, stepLog } from '../control/index.ts'
import { signValue } from '../crypto/index.ts'
import {
  answerNonces,
  answerPartial,
  beginCeremonies,
  type CeremonyEvent,
  type GatewayEffect,
  type GatewayEvent,
  stepCeremonies,
  stepGateway,
} from '../keys/index.ts'
import { makeBeacon, noteAnswer, noteRoundTrip } from '../trust/index.ts'
import type {
  CertifiedBlock,
  CommonEvent,
  Effect,
  Load,
  OperationRequest,
  PeerAnswer,
  RequestEffect,
  Signed,
  SignedTransaction,
  Step,
  SubmitEffect,
  Token,
} from '../wire/index.ts'
import { observeBeat, observeRoundTrip } from './observing.ts'
import { planToPublish } from './planning.ts'
import { beaconBody, type NodeState } from './state.ts'

export type NodeEvent =
  | CommonEvent
  | { readonly type: 'start' }
  | { readonly type: 'peer'; readonly peerId: PeerId; readonly isConnected: boolean }
  /** A certified block that gossip brought and `judgeBlock` accepted. */
  | { readonly type: 'gossiped'; readonly from: PeerId; readonly bytes: Uint8Array }
  /** Time for a beacon and a round of pings. */
  | { readonly type: 'beat'; readonly load: Omit<Load, 'operations'> }
  /** From clients; each ends in one `resolve` with its token. */
  | { readonly type: 'operate'; readonly token: Token; readonly request: Signed<OperationRequest> }
  | {
      readonly type: 'submit'
      readonly token: Token
      readonly transaction: SignedTransaction
      readonly deadlineMs: number
    }
  | { readonly type: 'offer'; readonly token: Token; readonly record: Uint8Array }

/** Answers a client. */
export interface ResolveEffect {
  readonly type: 'resolve'
  readonly token: Token
  readonly outcome: Outcome<unknown>
}

/** A block has been applied; the ledger of the state is the one after it. */
export interface BlockEffect {
  readonly type: 'block'
  readonly certified: CertifiedBlock
}

export type NodeEffect = Exclude<Effect, SubmitEffect> | ResolveEffect | BlockEffect

/** A ping that takes longer says as much as none. */
const PING_DEADLINE_MS = 2_000

/** Requests to itself and their answers stay inside; this marks their tokens. */
const SELF = 'self/'

/** Feeds one event to the domains it concerns, and their effects to each other, until only outward effects are left. */
export function stepNode(
  state: NodeState,
  event: NodeEvent,
  nowMs: number,
  rng: Rng,
): Step<NodeState, NodeEffect> {
  const turn = new Turn(state, nowMs, rng)
  turn.take(event)
  return { state, effects: turn.outward }
}

/** One step's work: the domains' effects that other domains must see are handled in the order they came. */
class Turn {
  readonly outward: NodeEffect[] = []
  readonly #state: NodeState
  readonly #nowMs: number
  readonly #rng: Rng

  constructor(state: NodeState, nowMs: number, rng: Rng) {
    this.#state = state
    this.#nowMs = nowMs
    this.#rng = rng
  }

  take(event: NodeEvent): void {
    switch (event.type) {
      case 'start':
        this.#log({ type: 'start' })
        this.#perform(beginCeremonies(this.#state.ceremonies, this.#nowMs, this.#rng).effects)
        return
      case 'beat':
        this.#beat(event.load)
        return
      case 'peer':
        if (event.isConnected) this.#state.connected.add(event.peerId)
        else this.#state.connected.delete(event.peerId)
        this.#gateway(event)
        return
      case 'gossiped':
        this.#log(event)
        return
      case 'operate':
        this.#gateway(event)
        return
      case 'submit':
        this.#log(event)
        return
      case 'offer':
        this.#offer(event.token, event.record)
        return
      case 'message':
        if (event.message.type === 'record') this.#ceremonies(event)
        else this.#log(event)
        return
      case 'requested':
        this.#requested(event)
        return
      default:
        this.#returned(event)
    }
  }

  /** Timers and answers go to the domain whose name their id or token starts with. */
  #returned(event: Exclude<CommonEvent, { readonly type: 'message' | 'requested' }>): void {
    const domain = (event.type === 'timer' ? event.id : event.token).split('/', 1)[0]
    if (event.type === 'answered' && (domain === 'operation' || domain === 'ping')) this.#observe(event)
    if (domain === 'control') this.#log(event)
    else if (domain === 'ceremony') this.#ceremonies(event)
    else if (domain === 'operation' && (event.type === 'timer' || event.type === 'answered'))
      this.#gateway(event)
    else if (domain === 'ping' && event.type === 'answered' && event.answer.ok) {
      noteRoundTrip(this.#state.roundTrips, event.from, this.#nowMs - Number(event.token.split('/')[1]))
      observeRoundTrip(this.#state, event.from, this.#rng)
    }
  }

  /** How promptly peers answer is what this node tells of them. */
  #observe({ from, answer }: Extract<CommonEvent, { readonly type: 'answered' }>): void {
    if (from === this.#state.peerId) return
    noteAnswer(this.#state.observations, from, answer.ok ? undefined : answer.error)
  }

  #log(event: LogEvent): void {
    const { state, effects } = stepLog(this.#state.log, event, this.#nowMs, this.#rng)
    this.#state.log = state
    this.#perform(effects)
  }

  #ceremonies(event: CeremonyEvent): void {
    const { state, effects } = stepCeremonies(this.#state.ceremonies, event, this.#nowMs, this.#rng)
    this.#state.ceremonies = state
    this.#perform(effects)
  }

  #gateway(event: GatewayEvent): void {
    const { state, effects } = stepGateway(this.#state.gateway, event, this.#nowMs, this.#rng)
    this.#state.gateway = state
    this.#perform(effects)
  }

  #perform(effects: ReadonlyArray<LogEffect | GatewayEffect>): void {
    for (const effect of effects) this.#performOne(effect)
  }

  #performOne(effect: LogEffect | GatewayEffect): void {
    const state = this.#state
    switch (effect.type) {
      case 'applied':
        state.ledger = effect.state
        this.outward.push({ type: 'block', certified: effect.certified })
        this.#ceremonies({ type: 'applied', height: state.ledger.chain.height, isJump: false })
        return
      case 'restored':
        state.ledger = effect.state
        this.#ceremonies({ type: 'applied', height: state.ledger.chain.height, isJump: true })
        return
      case 'included':
        this.#included(effect)
        return
      case 'not-included':
        this.#resolve(effect.token, effect.outcome)
        return
      case 'operated':
        this.#resolve(effect.token, effect.outcome)
        return
      case 'submit':
        this.#submit(effect)
        return
      case 'request':
        if (effect.to === state.peerId) this.#askSelf(effect)
        else this.outward.push(effect)
        return
      case 'reply':
        if (effect.token.startsWith(SELF)) this.#answered(effect.token.slice(SELF.length), effect.answer)
        else this.outward.push(effect)
        return
      default:
        this.outward.push(effect)
    }
  }

  #included({ token, height, result }: Extract<LogEffect, { readonly type: 'included' }>): void {
    const { transactionId } = result
    this.#resolve(
      token,
      result.ok
        ? { ok: true, value: { transactionId, height } }
        : { ok: false, error: new OstrakaError(result.code, result.message, result.details) },
    )
  }

  /** Tells a client; this node's own transactions end in a note, since others may have said the same before. */
  #resolve(token: Token, outcome: Outcome<unknown>): void {
    if (!token.startsWith('own/')) this.outward.push({ type: 'resolve', token, outcome })
    else if (!outcome.ok) {
      const details = { code: outcome.error.code, reason: outcome.error.message, transaction: token }
      this.outward.push({ type: 'note', level: 'debug', text: 'an own transaction had no effect', details })
    }
  }

  #submit({ transaction }: SubmitEffect): void {
    const { identity } = this.#state.options
    const signed = signValue(identity, 'transaction', this.#state.networkId, transaction)
    const token = `own/${transaction.type}/${++this.#state.submissions}`
    this.#log({ type: 'submit', token, transaction: signed, deadlineMs: null })
  }

  #askSelf({ token, request }: RequestEffect): void {
    this.#requested({ type: 'requested', from: this.#state.peerId, token: `${SELF}${token}`, request })
  }

  #answered(token: Token, answer: Outcome<PeerAnswer>): void {
    this.#returned({ type: 'answered', token, from: this.#state.peerId, answer })
  }

  #requested(event: Extract<CommonEvent, { readonly type: 'requested' }>): void {
    const { token, request, from } = event
    switch (request.type) {
      case 'partial':
        this.#state.served++
        this.#reply(token, () => answerPartial(this.#state.holder, from, request, this.#nowMs, this.#rng))
        return
      case 'nonces':
        this.#reply(token, () => answerNonces(this.#state.holder, from, request, this.#nowMs, this.#rng))
        return
      case 'ping':
        this.#reply(token, () => ({ type: 'pong', height: this.#state.ledger.chain.height }))
        return
      case 'record':
        this.#ceremonies(event)
        return
      default:
        this.#log(event)
    }
  }

  #reply(token: Token, make: () => PeerAnswer): void {
    let answer: Outcome<PeerAnswer>
    try {
      answer = { ok: true, value: make() }
    } catch (error) {
      answer = { ok: false, error: toOstrakaError(error) }
    }
    this.#performOne({ type: 'reply', token, answer })
  }

  #offer(token: Token, record: Uint8Array): void {
    try {
      this.#ceremonies({ type: 'offered', record })
      this.outward.push({ type: 'resolve', token, outcome: { ok: true, value: undefined } })
    } catch (error) {
      this.outward.push({ type: 'resolve', token, outcome: { ok: false, error: toOstrakaError(error) } })
    }
  }

  #beat(load: Omit<Load, 'operations'>): void {
    const state = this.#state
    for (const transaction of observeBeat(state, this.#nowMs)) this.#submit({ type: 'submit', transaction })
    const body = beaconBody(state, load)
    const bytes = makeBeacon(state.beacons, state.options.identity, body, this.#nowMs, this.#rng)
    state.served = 0
    this.outward.push({ type: 'publish', topic: 'beacons', bytes })
    const plan = planToPublish(state)
    if (plan !== undefined) this.outward.push({ type: 'publish', topic: 'plans', bytes: plan })
    for (const to of state.connected) {
      const token = `ping/${this.#nowMs}/${to}`
      this.outward.push({
        type: 'request',
        token,
        to,
        request: { type: 'ping' },
        deadlineMs: PING_DEADLINE_MS,
      })
    }
  }
}
