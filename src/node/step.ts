import { type OstrakaError, type Outcome, type PeerId, type Rng, toOstrakaError } from '../base/index.ts'
import {
  type AppliedEffect,
  type LedgerState,
  type LogEffect,
  type LogEvent,
  stepLog,
} from '../control/index.ts'
import { signValue } from '../crypto/index.ts'
import {
  beginCeremonies,
  type CeremonyEvent,
  type ExportEffect,
  type ExportEvent,
  type GatewayEffect,
  type GatewayEvent,
  keyPaths,
  stepCeremonies,
  stepExports,
  stepGateway,
} from '../keys/index.ts'
import { noteAnswer, noteRoundTrip } from '../trust/index.ts'
import type {
  CommonEvent,
  MeasuredLoad,
  PeerAnswer,
  RequestEffect,
  SignedTransaction,
  Step,
  SubmitEffect,
  Token,
} from '../wire/index.ts'
import { outcomeOf, released, tellExported, tellOperated, tellOutcome } from './answering.ts'
import { attestationFailed, statementOf } from './attesting.ts'
import { type CheckpointStep, onWritten, Scribe } from './auditing.ts'
import { beat } from './beating.ts'
import { drawWhenDue } from './drawing.ts'
import type { DurableState, NodeEffect, NodeEvent } from './events.ts'
import { tellOperators } from './exceptional.ts'
import { observeRoundTrip } from './observing.ts'
import { lookAtOwnLog } from './own-log.ts'
import { attempt, refusalOf, requireReady, serveExport } from './serving.ts'
import { type NodeState, reading } from './state.ts'
import {
  continueWork,
  dropWork,
  isWork,
  type Job,
  jobOf,
  moreUnits,
  runWork,
  type WorkContext,
} from './working.ts'

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
  return { state, effects: turn.finish() }
}

/** What clients are shown once a block is on disk: its certificate proves the state `before` it. */
function durableAfter(before: LedgerState, { certified, state }: AppliedEffect): DurableState {
  const { block, certificate } = certified
  const tip = { header: block.header, certificate }
  return { ledger: state, provable: { tip, records: before.records } }
}

/** One step's work: the domains' effects that other domains must see are handled in the order they came. */
class Turn {
  readonly outward: NodeEffect[] = []
  readonly #state: NodeState
  readonly #scribe: Scribe
  readonly #nowMs: number
  readonly #rng: Rng

  constructor(state: NodeState, nowMs: number, rng: Rng) {
    this.#state = state
    this.#nowMs = nowMs
    this.#rng = rng
    this.#scribe = new Scribe(state.auditing, nowMs)
  }

  /** The audit entries come first: what is held waits for them. */
  finish(): readonly NodeEffect[] {
    const { timerEffect } = this.#scribe
    if (timerEffect !== undefined) this.outward.push(timerEffect)
    for (const { peerId, forMs } of this.#state.budgets.takeCutOffs()) {
      this.outward.push({ type: 'cut-off', peerId, forMs })
      const details = { peerId, forMs }
      this.outward.push({ type: 'note', level: 'warn', text: 'cut off a peer that asks too much', details })
    }
    const audit = this.#scribe.finish()
    return audit === undefined ? this.outward : [audit, ...this.outward]
  }

  take(event: NodeEvent): void {
    switch (event.type) {
      case 'start':
        this.#log({ type: 'start' })
        this.#perform(beginCeremonies(this.#state.ceremonies, this.#nowMs, this.#rng).effects)
        this.#draw()
        return
      case 'beat':
        this.#beat(event.load)
        return
      case 'peer':
        if (event.isConnected) this.#state.connected.add(event.peerId)
        else this.#lost(event.peerId)
        this.#gateway(event)
        return
      case 'continue':
        continueWork(this.#work)
        return
      case 'exceeded':
        return
      case 'gossiped':
      case 'damaged':
        this.#log(event)
        return
      case 'abandoned':
        this.#gateway(event)
        return
      case 'operate':
        this.#operate(event)
        return
      case 'export':
        this.#beginExport(event)
        return
      case 'submit':
        this.#scribe.wish(event.token, event.transaction)
        this.#log(event)
        return
      case 'audited':
        this.#checkpoint(onWritten(this.#state.auditing, event.size))
        return
      case 'unaudited':
        this.#state.auditing.log.unwritten = event.error
        return
      case 'measured':
        this.#state.attesting.measurements = [event.program]
        return
      case 'attested':
        this.#attested(event)
        return
      case 'offer':
        this.#offer(event.token, event.record)
        return
      case 'message':
        if (event.message.type === 'record') this.#ceremonies(event)
        else this.#log(event)
        if (event.message.type === 'transactions') this.#hear(event.message.transactions)
        return
      case 'requested':
        this.#requested(event)
        return
      default:
        this.#returned(event)
    }
  }

  /** What has a step's worth of work is done at once; the rest waits, in turns. */
  #queue(from: PeerId, job: Job): void {
    const { work } = this.#state
    work.add(from, job)
    runWork(this.#work, work.allowance(this.#nowMs))
  }

  get #work(): WorkContext {
    const [state, scribe, nowMs, rng] = [this.#state, this.#scribe, this.#nowMs, this.#rng]
    const { work, budgets, holder } = state
    return {
      ...{ work, budgets, holder, nowMs, rng },
      requireReady: () => requireReady(state, scribe, nowMs),
      served: (from, { request, version }, error) => scribe.partial(from, request, version, error),
      answerExport: (from, call) => {
        const { answer, notice } = serveExport(state, scribe, from, call, nowMs, rng)
        this.outward.push(notice)
        return answer
      },
      reply: (token, answer) => this.#performOne({ type: 'reply', token, answer }),
      emit: effect => this.outward.push(effect),
    }
  }

  #lost(peerId: PeerId): void {
    this.#state.connected.delete(peerId)
    dropWork(this.#work, peerId)
  }

  /** Timers and answers go to the domain whose name their id or token starts with. */
  #returned(event: Exclude<CommonEvent, { readonly type: 'message' | 'requested' }>): void {
    const domain = (event.type === 'timer' ? event.id : event.token).split('/', 1)[0]
    if (event.type === 'answered' && (domain === 'operation' || domain === 'ping')) this.#observe(event)
    if (domain === 'audit' && event.type === 'timer') this.#scribe.timer(event.id)
    else if (domain === 'randomness' && event.type === 'timer') this.#draw()
    else if (domain === 'control') this.#log(event)
    else if (domain === 'ceremony') this.#ceremonies(event)
    else if (domain === 'export' && (event.type === 'timer' || event.type === 'answered'))
      this.#exports(event)
    else if (domain === 'operation' && (event.type === 'timer' || event.type === 'answered'))
      this.#gateway(event)
    else if (domain === 'ping' && event.type === 'answered' && event.answer.ok) {
      noteRoundTrip(this.#state.roundTrips, event.from, this.#nowMs - Number(event.token.split('/')[1]))
      observeRoundTrip(this.#state, event.from, this.#rng)
    }
  }

  /** How promptly peers answer is what this node tells of them. */
  #observe({ from, answer }: Extract<CommonEvent, { readonly type: 'answered' }>): void {
    const { peerId, budgets } = this.#state
    // whom this node has cut off cannot answer it
    if (from === peerId || budgets.isCutOff(from, this.#nowMs)) return
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

  #hear(transactions: readonly SignedTransaction[]): void {
    this.#ceremonies({ type: 'heard', transactions })
  }

  #gateway(event: GatewayEvent): void {
    const { state, effects } = stepGateway(this.#state.gateway, event, this.#nowMs, this.#rng)
    this.#state.gateway = state
    this.#perform(effects)
  }

  #exports(event: ExportEvent): void {
    const { state, effects } = stepExports(this.#state.exports, event, this.#nowMs, this.#rng)
    this.#state.exports = state
    this.#perform(effects)
  }

  #perform(effects: ReadonlyArray<LogEffect | GatewayEffect | ExportEffect>): void {
    for (const effect of effects) this.#performOne(effect)
  }

  #performOne(effect: LogEffect | GatewayEffect | ExportEffect): void {
    const state = this.#state
    switch (effect.type) {
      case 'applied':
        this.outward.push({ type: 'durable', state: durableAfter(state.ledger, effect) })
        this.outward.push({ type: 'block', certified: effect.certified })
        state.ledger = effect.state
        this.#hear(effect.certified.block.transactions)
        this.#ceremonies({ type: 'applied', height: state.ledger.chain.height, isJump: false })
        this.outward.push(...tellOperators(state, this.#scribe, effect))
        this.#lookAtOwnLog()
        this.#draw()
        return
      case 'restored':
        state.ledger = effect.state
        this.outward.push({ type: 'durable', state: { ledger: effect.state, provable: null } })
        this.#ceremonies({ type: 'applied', height: state.ledger.chain.height, isJump: true })
        this.#lookAtOwnLog()
        this.#draw()
        return
      case 'included':
        this.#resolve(effect.token, outcomeOf(effect))
        return
      case 'not-included':
        this.#resolve(effect.token, effect.outcome)
        return
      case 'operated':
        this.outward.push(tellOperated(state, this.#scribe, effect))
        return
      case 'exported':
        this.outward.push(tellExported(state, this.#scribe, effect))
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
        else this.outward.push(released(effect))
        return
      case 'persist':
        this.#scribe.persisted(effect.writes, keyId => this.#keyName(keyId))
        this.outward.push(effect)
        return
      default:
        this.outward.push(effect)
    }
  }

  #resolve(token: Token, outcome: Outcome<unknown>): void {
    this.outward.push(...tellOutcome(this.#scribe, token, outcome))
  }

  #submit({ transaction }: SubmitEffect): void {
    this.#scribe.submitted(transaction)
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
    const error = refusalOf(this.#state, from, request) ?? this.#overBudget(event)
    if (error !== undefined) {
      this.#performOne({ type: 'reply', token, answer: { ok: false, error } })
    } else if (isWork(request)) {
      if (request.type === 'partial') this.#state.served++
      this.#queue(from, jobOf(from, token, request, this.#nowMs))
    } else if (request.type === 'ping') {
      this.#reply(token, () => ({ type: 'pong', height: this.#state.ledger.chain.height }))
    } else if (request.type === 'record') this.#ceremonies(event)
    else this.#log(event)
  }

  /** What this node asks itself is part of what others have paid for. */
  #overBudget({
    from,
    request,
  }: Extract<CommonEvent, { readonly type: 'requested' }>): OstrakaError | undefined {
    const { budgets, peerId } = this.#state
    if (from === peerId) return undefined
    const taken = attempt(() =>
      budgets.request(from, request.type, moreUnits(this.#state.holder, request), this.#nowMs),
    )
    return taken.ok ? undefined : taken.error
  }

  #beginExport(event: Extract<NodeEvent, { readonly type: 'export' }>): void {
    const ready = attempt(() => this.#scribe.requireWritable())
    if (ready.ok) this.#exports(event)
    else this.#resolve(event.token, ready)
  }

  #operate(event: Extract<NodeEvent, { readonly type: 'operate' }>): void {
    const ready = attempt(() => this.#scribe.requireWritable())
    if (ready.ok) {
      this.#state.operations.set(event.token, event.request)
      this.#gateway(event)
    } else this.#resolve(event.token, ready)
  }

  #keyName(keyId: Uint8Array): string | undefined {
    return reading(this.#state.ledger).get<{ readonly name: string }>(keyPaths.keyName(keyId))?.name
  }

  #lookAtOwnLog(): void {
    const { step, note } = lookAtOwnLog(this.#state, this.#nowMs)
    this.#checkpoint(step)
    if (note !== undefined) this.outward.push(note)
  }

  #draw(): void {
    const step = drawWhenDue(this.#state, this.#nowMs, this.#rng)
    if (step?.type === 'submit') this.#submit(step)
    else if (step !== undefined) this.outward.push(step)
  }

  /** Its checkpoint is on disk before it leaves: a node signs each size of its log once. */
  #checkpoint(step: CheckpointStep | undefined): void {
    if (step === undefined) return
    if (step.writes.length > 0) this.outward.push({ type: 'persist', writes: step.writes })
    this.#submit({ type: 'submit', transaction: step.transaction })
  }

  #reply(token: Token, make: () => PeerAnswer): void {
    this.#performOne({ type: 'reply', token, answer: attempt(make) })
  }

  #offer(token: Token, record: Uint8Array): void {
    try {
      this.#ceremonies({ type: 'offered', record })
      this.outward.push({ type: 'resolve', token, outcome: { ok: true, value: undefined } })
    } catch (error) {
      this.outward.push({ type: 'resolve', token, outcome: { ok: false, error: toOstrakaError(error) } })
    }
  }

  #attested({ nonce, outcome }: Extract<NodeEvent, { readonly type: 'attested' }>): void {
    try {
      if (!outcome.ok) throw outcome.error
      this.#submit({ type: 'submit', transaction: statementOf(this.#state, nonce, outcome.value) })
    } catch (error) {
      this.outward.push(attestationFailed(error))
    }
  }

  #beat(load: MeasuredLoad): void {
    const { transactions, effects } = beat(this.#state, load, this.#nowMs, this.#rng)
    for (const transaction of transactions) this.#submit({ type: 'submit', transaction })
    this.outward.push(...effects)
  }
}
