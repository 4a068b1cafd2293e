import { OstrakaError, type Outcome, type PeerId, type Rng, toOstrakaError } from '../base/index.ts'
import { answerNonces, answerPartial, type HolderState, noncesAsked, type Slices } from '../keys/index.ts'
import {
  COSTS,
  type ExportCall,
  frameUnits,
  type NoncesCall,
  type PartialCall,
  type PartialRequest,
  type PeerAnswer,
  type PeerRequest,
  type Token,
} from '../wire/index.ts'
import type { Budgets } from './budgets.ts'
import type { NodeEffect } from './events.ts'
import { attempt } from './serving.ts'
import { SLICE_UNITS, type WorkQueue } from './work.ts'

/** An operation's gateway waits no longer than this: what has waited as long is not begun any more. */
const LONGEST_WAIT_MS = 4_000

/** Whoever asks while so much waits is one of many. */
const BUSY_JOBS = 32

/** What a peer has asked for that takes longer than a moment. */
export interface Job {
  readonly from: PeerId
  readonly token: Token
  readonly request: WorkRequest
  readonly arrivedMs: number
  slices: Slices<PeerAnswer> | undefined
  /** The client's signature has held: its principal pays for the rest. */
  isPaid: boolean
}

export type WorkRequest = PartialCall | NoncesCall | ExportCall

/** What a slice of work may use of the step that it runs in. */
export interface WorkContext {
  readonly work: WorkQueue<Job>
  readonly budgets: Budgets
  readonly holder: HolderState
  readonly nowMs: number
  readonly rng: Rng
  /** No share is used otherwise. Errors: `not_ready`, and why the audit log cannot be written. */
  requireReady(): void
  /** Writes down that a request was served, or why not. */
  served(from: PeerId, call: PartialRequest, error: OstrakaError | undefined): void
  answerExport(from: PeerId, call: ExportCall): Outcome<PeerAnswer>
  reply(token: Token, answer: Outcome<PeerAnswer>): void
  emit(effect: NodeEffect): void
}

export function isWork(request: PeerRequest): request is WorkRequest {
  return request.type === 'partial' || request.type === 'nonces' || request.type === 'export'
}

export function jobOf(from: PeerId, token: Token, request: WorkRequest, nowMs: number): Job {
  return { from, token, request, arrivedMs: nowMs, slices: undefined, isPaid: false }
}

/** What a request costs its peer beside what every one of its kind does. */
export function moreUnits(holder: HolderState, request: PeerRequest): number {
  if (request.type === 'partial') return frameUnits(request.call.request.value.inputs.length * 64)
  if (request.type !== 'nonces') return 0
  const asked = attempt(() => noncesAsked(holder, request))
  return asked.ok ? asked.value * COSTS.nonce : 0
}

/** Runs as many slices as fit in `limit` units, and asks for another turn when jobs are left. */
export function runWork(context: WorkContext, limit: number): void {
  const { work } = context
  if (limit > 0) work.run(limit, job => runSlice(context, job))
  if (work.size === 0 || work.isDue) return
  work.isDue = true
  context.emit({ type: 'continue' })
}

/** The turn that `continue` asked for. */
export function continueWork(context: WorkContext): void {
  context.work.isDue = false
  runWork(context, SLICE_UNITS)
}

/** The peer is gone: nobody waits for its answers. */
export function dropWork(context: WorkContext, from: PeerId): void {
  const error = new OstrakaError('unreachable', 'the connection is lost', { peerId: from })
  for (const job of context.work.drop(from)) {
    job.slices?.return(undefined as never)
    finish(context, job, { ok: false, error })
  }
}

function runSlice(context: WorkContext, job: Job): { readonly units: number; readonly isDone: boolean } {
  const { nowMs } = context
  const { from, request } = job
  if (job.slices === undefined && nowMs - job.arrivedMs > LONGEST_WAIT_MS) {
    finish(context, job, { ok: false, error: new OstrakaError('overloaded', 'too much waits here') })
    return { units: COSTS.frame, isDone: true }
  }
  if (request.type === 'export') {
    context.reply(job.token, context.answerExport(from, request))
    return { units: COSTS.seal, isDone: true }
  }
  try {
    job.slices ??= slicesOf(context, from, request)
    const step = job.slices.next()
    if (request.type === 'partial' && !job.isPaid) refund(context, job)
    if (step.done !== true) return { units: step.value, isDone: false }
    finish(context, job, { ok: true, value: step.value })
    return { units: COSTS.frame, isDone: true }
  } catch (thrown) {
    const error = toOstrakaError(thrown)
    if (request.type === 'partial' && !job.isPaid && isPrincipals(error)) refund(context, job)
    finish(context, job, { ok: false, error })
    return { units: COSTS.check, isDone: true }
  }
}

function slicesOf(context: WorkContext, from: PeerId, request: PartialCall | NoncesCall): Slices<PeerAnswer> {
  const { work, holder, nowMs, rng } = context
  if (request.type === 'nonces') return answerNonces(holder, from, request, nowMs, rng)
  context.requireReady()
  return answerPartial(holder, from, request, nowMs, rng, work.size > BUSY_JOBS)
}

function refund({ budgets, holder, nowMs }: WorkContext, job: Job): void {
  job.isPaid = true
  const { from, request } = job
  if (from !== holder.world.peerId) budgets.refund(from, request.type, moreUnits(holder, request), nowMs)
}

/** Refusals of what a client signed and sent by way of several gateways, none of which can know. */
function isPrincipals({ code, details }: OstrakaError): boolean {
  return code === 'rate_limited' || (code === 'replayed' && details.isRepeat === false)
}

function finish(context: WorkContext, { from, token, request }: Job, answer: Outcome<PeerAnswer>): void {
  if (request.type === 'partial') context.served(from, request.call, answer.ok ? undefined : answer.error)
  context.reply(token, answer)
}
