import { OstrakaError, type PeerId, toOstrakaError } from '../../base/index.ts'
import { COSTS, type Machine, type PeerAnswer, type Token } from '../../wire/index.ts'
import { Admission } from './admission.ts'
import { stockAnswer, stockUp } from './ahead.ts'
import { CommitmentPools } from './commitments.ts'
import {
  count,
  type Desk,
  finish,
  type GatewayEffect,
  type GatewayEvent,
  type GatewayState,
  MAX_SAMPLED_SIZE,
  settle,
} from './desk.ts'
import { advanceEvaluation, onEvaluated } from './evaluating.ts'
import { HedgeBudget } from './hedging.ts'
import { type Arrival, RequestLimits } from './limits.ts'
import { MaterialCache } from './material.ts'
import { excludeFor, fail, isPeerFault } from './refusals.ts'
import { type CheckedRequest, checkRequest } from './request.ts'
import { type Call, emptyWork, type Run } from './run.ts'
import { advanceSigning, blameCommitments, onNonces, onShares } from './signing.ts'
import { Standings } from './standing.ts'
import type { GatewayWorld } from './world.ts'

/** A client hears of its operation within this time, whatever the holders do. */
const OPERATION_DEADLINE_MS = 4_000

/** A slow holder that could not be replaced for want of budget is looked at again after this. */
const HEDGE_AGAIN_MS = 100

/** A gateway serves one signed request once. */
const MAX_USES = 1

type Answered = Extract<GatewayEvent, { readonly type: 'answered' }>
type Operate = Extract<GatewayEvent, { readonly type: 'operate' }>

export function createGateway(world: GatewayWorld): GatewayState {
  return {
    world,
    limits: new RequestLimits(MAX_USES),
    admission: new Admission(),
    hedges: new HedgeBudget(),
    materials: new MaterialCache(),
    standings: new Standings(world.peerId),
    commitments: new CommitmentPools(),
    runs: new Map(),
    calls: new Map(),
    counters: new Map(),
    accusedMs: new Map(),
    nextNumber: 1,
  }
}

/**
 * Gathers partials for clients' operations and combines them: the smallest set of holders that suffices, one more when
 * a holder is slower than its usual, and an end at the threshold. No result leaves it unverified. Holders on this very
 * node are asked by `request` effects to itself. Errors, in the outcomes: those of `checkRequest` and
 * `RequestLimits.admit`, from here or as enough holders name them; `insufficient_shares` with
 * `{ needed, answered, refusals }` in slots; `overloaded { limit, retryAfterMs }`; `deadline_exceeded` when abandoned.
 */
export const stepGateway: Machine<GatewayState, GatewayEvent, GatewayEffect> = (state, event, nowMs) => {
  const desk: Desk = { gateway: state, nowMs, effects: [] }
  switch (event.type) {
    case 'operate':
      operate(desk, event)
      break
    case 'warm':
      warm(desk, event.key)
      break
    case 'peer':
      onPeer(desk, event.peerId, event.isConnected)
      break
    case 'timer':
      onTimer(desk, event.id)
      break
    case 'abandoned':
      onAbandoned(desk, event.token)
      break
    case 'answered':
      onAnswered(desk, event)
      break
  }
  return { state, effects: desk.effects }
}

/** Monotonic counts since the start, by name; `operation_bad_partials/<peer id>` names culprits. */
export function gatewayCounters(state: GatewayState): Readonly<Record<string, number>> {
  return Object.fromEntries(state.counters)
}

function operate(desk: Desk, { token, request }: Operate): void {
  const { gateway, nowMs } = desk
  const { world } = gateway
  let checked: CheckedRequest
  try {
    gateway.admission.admit(gateway.runs.size)
    checked = checkRequest(world, world.networkId, request, nowMs)
    gateway.limits.admit(checked, arrivalOf(desk, checked), nowMs)
  } catch (thrown) {
    const error = toOstrakaError(thrown)
    count(desk, `operation_refusals/${error.code}`)
    desk.effects.push({ type: 'operated', token, outcome: { ok: false, error } })
    return
  }
  const run: Run = {
    id: `operation/${gateway.nextNumber++}`,
    token,
    signed: request,
    startedMs: nowMs,
    deadlineMs: nowMs + OPERATION_DEADLINE_MS,
    checked,
    material: gateway.materials.of(checked.key.kind, checked.version),
    work: emptyWork(request.value.operation),
    excluded: new Map(),
    lags: new Map(),
    forgetful: new Set(),
    asked: new Map(),
    answered: new Set(),
    calls: new Set(),
    timerAtMs: null,
    isDone: false,
  }
  gateway.runs.set(run.id, run)
  gateway.hedges.earn(run.material.record.threshold)
  const { operation, inputs } = request.value
  if (operation === 'sign') gateway.commitments.demand(run.material.name, inputs.length, nowMs)
  advance(desk, run)
  if (operation === 'sign') stockUp(desk, run.material)
}

/** What an operation costs the gateway: its check, and checking and joining a threshold of parts. */
function arrivalOf({ gateway }: Desk, { request, version }: CheckedRequest): Arrival {
  const units = COSTS.check + request.inputs.length * version.threshold * COSTS[request.operation]
  // half of the room taken: others' operations would soon be refused for want of it
  const isBusy = gateway.runs.size * 2 > gateway.admission.limit
  return { from: gateway.world.peerId, units, isBusy }
}

function warm(desk: Desk, name: string): void {
  const { world, materials } = desk.gateway
  const key = world.keyByName(name)
  const version = key && world.version(key.keyId, key.activeVersion)
  if (key === undefined || version?.state !== 'active') return
  const material = materials.of(key.kind, version)
  if (material.isSigning) stockUp(desk, material)
}

/** What is in flight to a peer that has gone is lost: it is replaced now, and its late answers are not ours any more. */
function onPeer(desk: Desk, peerId: PeerId, isConnected: boolean): void {
  const { gateway } = desk
  gateway.standings.connection(peerId, isConnected)
  if (isConnected || peerId === gateway.world.peerId) return
  const error = new OstrakaError('unreachable', 'the connection is lost', { peerId })
  for (const call of [...gateway.calls.values()]) {
    if (call.to === peerId) conclude(desk, call, error)
  }
}

function onTimer(desk: Desk, id: string): void {
  const run = desk.gateway.runs.get(id)
  if (run === undefined) return
  run.timerAtMs = null
  for (const call of run.calls) {
    if (call.isLate || call.hedgeAtMs > desk.nowMs) continue
    if (!call.isSlow) {
      call.isSlow = true
      count(desk, 'operation_late_holders')
      desk.gateway.standings.slow(call.to, desk.nowMs - call.sentMs, desk.nowMs)
    }
    // another signer means another set of signers, all of whom sign anew
    const partials = run.work.type === 'sign' ? run.material.record.threshold : call.slots.length
    if (desk.gateway.hedges.spend(partials, desk.nowMs)) call.isLate = true
    else {
      call.hedgeAtMs = desk.nowMs + HEDGE_AGAIN_MS
      count(desk, 'operation_hedges_spared')
    }
  }
  advance(desk, run)
}

/** Nobody waits for the result any more: its place is for others. Answers under way only fill the stocks. */
function onAbandoned(desk: Desk, token: Token): void {
  const run = [...desk.gateway.runs.values()].find(each => each.token === token)
  if (run === undefined) return
  finish(desk, run, { ok: false, error: new OstrakaError('deadline_exceeded', 'the client went away') })
}

function onAnswered(desk: Desk, { token, answer }: Answered): void {
  const call = desk.gateway.calls.get(token)
  if (call === undefined) return
  conclude(desk, call, answer.ok ? answer.value : answer.error)
}

/** One call's end: books, stocks, and the run that waits for it. */
function conclude(desk: Desk, call: Call, result: OstrakaError | PeerAnswer): void {
  const { standings } = desk.gateway
  settle(desk, call)
  const { run } = call
  const isCurrent = run !== undefined && !run.isDone && run.material === call.material
  const answer = isAnswerTo(call, result) ? result : undefined
  if (answer === undefined) {
    const error =
      result instanceof OstrakaError ? result : new OstrakaError('malformed', 'not an answer to this request')
    const isTheirs = isCurrent ? refused(desk, run, call, error) : error.code !== 'malformed'
    if (isTheirs && isPeerFault(error)) standings.failed(call.to, desk.nowMs)
  } else {
    const elapsedMs = desk.nowMs - call.sentMs
    if (call.size <= MAX_SAMPLED_SIZE) standings.answered(call.to, elapsedMs, desk.nowMs)
    stockAnswer(desk, call, answer.nonces)
    if (isCurrent) accept(desk, run, call, answer)
  }
  if (isCurrent) advance(desk, run)
}

type HolderAnswer = Extract<PeerAnswer, { readonly type: 'partial' | 'nonces' }>

function isAnswerTo(call: Call, result: OstrakaError | PeerAnswer): result is HolderAnswer {
  return !(result instanceof OstrakaError) && result.type === call.purpose
}

function accept(desk: Desk, run: Run, call: Call, answer: HolderAnswer): void {
  run.answered.add(call.to)
  const { work } = run
  if (answer.type === 'nonces') {
    if (onNonces(desk, run, call, answer)) return
    refused(desk, run, call, new OstrakaError('malformed', 'the holder sent no nonces'))
  } else if (work.type === 'sign') onShares(desk, run, call, answer)
  else onEvaluated(desk, run, work, call, answer)
}

/** A holder will not, or cannot: takes it out of the run, unless (false) it is not to blame. */
function refused(desk: Desk, run: Run, call: Call, error: OstrakaError): boolean {
  const { commitments } = desk.gateway
  const { attempt, to } = call
  if (attempt !== undefined) {
    const wasDead = attempt.isDead
    attempt.isDead = true
    // It may have restarted and lost its nonces; but one that says so twice in a run is not worth the others' attempts.
    const isForgetful = error.code === 'not_found' || error.code === 'conflict'
    if (isForgetful && !run.forgetful.has(to)) {
      run.forgetful.add(to)
      for (const slot of run.material.holders.get(to)!) commitments.clear(run.material.name, slot)
      return false
    }
    const isPackage = error.code === 'malformed' && attempt.packages !== undefined
    if (isPackage && (wasDead || blameCommitments(desk, run, attempt))) return false
  }
  excludeFor(desk, run, call, error)
  return true
}

/** Moves a run on: to its result, to more holders, or to its end; and sets its alarm. */
function advance(desk: Desk, run: Run): void {
  if (run.lags.size > 0) refresh(desk, run)
  if (run.isDone) return
  if (desk.nowMs >= run.deadlineMs) {
    fail(desk, run)
    return
  }
  if (run.work.type === 'sign') advanceSigning(desk, run, run.work)
  else advanceEvaluation(desk, run, run.work)
  if (!run.isDone) setAlarm(desk, run)
}

/** Holders refuse a version that has just been replaced: then this gateway may have learnt of the next one by now. */
function refresh(desk: Desk, run: Run): void {
  const { world, materials } = desk.gateway
  const { key, request, version } = run.checked
  const wanted = request.version === 0 ? world.keyByName(key.name)?.activeVersion : request.version
  const current = wanted && world.version(key.keyId, wanted)
  if (current && current.version === version.version && current.generation === version.generation) return
  try {
    run.checked = checkRequest(world, world.networkId, run.signed, desk.nowMs)
  } catch (thrown) {
    finish(desk, run, { ok: false, error: toOstrakaError(thrown) })
    return
  }
  run.material = materials.of(run.checked.key.kind, run.checked.version)
  run.work = emptyWork(request.operation)
  run.excluded.clear()
  run.lags.clear()
}

/** Wakes the run when a holder is slow, when one that lagged may be asked again, and at the deadline. */
function setAlarm(desk: Desk, run: Run): void {
  let atMs = run.deadlineMs
  for (const call of run.calls) if (!call.isLate) atMs = Math.min(atMs, call.hedgeAtMs)
  for (const { againAtMs } of run.excluded.values()) {
    if (againAtMs !== null && againAtMs > desk.nowMs) atMs = Math.min(atMs, againAtMs)
  }
  if (run.timerAtMs !== null && run.timerAtMs <= atMs) return
  run.timerAtMs = atMs
  desk.effects.push({ type: 'timer', id: run.id, atMs })
}
