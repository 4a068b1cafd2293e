import {
  type ErrorCode,
  equalBytes,
  OstrakaError,
  type Outcome,
  type PeerId,
  publicKeyOf,
} from '../../base/index.ts'
import { verifySigned } from '../../crypto/index.ts'
import type {
  CommonEvent,
  ExportedShares,
  Machine,
  PeerAnswer,
  RequestEffect,
  Signed,
  TimerEffect,
  Token,
} from '../../wire/index.ts'
import type { VersionRecord } from '../records.ts'
import type { ExportInUse } from './holder.ts'

/** A client hears of its export within this time, whatever the holders do. */
const GATHER_MS = 5_000

/** Once enough shares are there, the rest get this long: a client may find some of them wrong. */
const GRACE_MS = 500

/** A holder that may only be a block behind is asked again after this. */
const RETRY_MS = 200

/** Refusals of one that has not applied the newest block, or has not its share yet. */
const LAG: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['not_found', 'unknown_version', 'not_ready'])

export interface ExportWorld {
  readonly networkId: Uint8Array
  /** The export in use under a proposal and the version that it is of, as this node has them. Errors: why not. */
  inUse(
    proposal: Uint8Array,
    nowMs: number,
  ): { readonly export: ExportInUse; readonly version: VersionRecord }
}

/** Every holder's sealed shares of one generation; the gateway can open none of them. */
export interface ExportResult {
  readonly export: ExportInUse
  readonly version: VersionRecord
  readonly answers: readonly Signed<ExportedShares>[]
}

/** One client's export on its way. */
interface Run {
  readonly id: string
  readonly token: Token
  readonly proposal: Uint8Array
  readonly deadlineMs: number
  version: VersionRecord
  readonly answers: Map<PeerId, Signed<ExportedShares>>
  readonly refusals: Map<PeerId, ErrorCode>
  /** Who has been asked and has not answered. */
  readonly waiting: Set<PeerId>
  /** Who is to be asked, and when. */
  readonly toAsk: Map<PeerId, number>
  /** When to be content with what there is. */
  graceMs: number
}

/** Exports under way at this gateway. Changed in place. */
export interface ExportState {
  readonly world: ExportWorld
  readonly runs: Map<string, Run>
  nextNumber: number
}

export type ExportEvent =
  | { readonly type: 'export'; readonly token: Token; readonly proposal: Uint8Array }
  | Extract<CommonEvent, { readonly type: 'answered' | 'timer' }>

export interface ExportedEffect {
  readonly type: 'exported'
  readonly token: Token
  readonly proposal: Uint8Array
  readonly outcome: Outcome<ExportResult>
}

export type ExportEffect = RequestEffect | TimerEffect | ExportedEffect

export function createExports(world: ExportWorld): ExportState {
  return { world, runs: new Map(), nextNumber: 1 }
}

/**
 * Asks every holder for its sealed shares of an export in use, and hands over what came: the client alone can tell good
 * shares from bad. Errors, in the outcomes: those of `ExportWorld.inUse`; `insufficient_shares` { needed, answered,
 * refusals }.
 */
export const stepExports: Machine<ExportState, ExportEvent, ExportEffect> = (state, event, nowMs) => {
  const effects: ExportEffect[] = []
  if (event.type === 'export') begin(state, event, nowMs, effects)
  else {
    const name = event.type === 'timer' ? event.id : event.token
    const run = state.runs.get(name.split('/', 2).join('/'))
    if (run === undefined) return { state, effects }
    // an answer of a generation that is over says nothing any more
    if (event.type === 'answered' && name === tokenOf(run, event.from)) take(state, run, event, nowMs)
    advance(state, run, nowMs, effects)
  }
  return { state, effects }
}

function begin(
  state: ExportState,
  { token, proposal }: Extract<ExportEvent, { readonly type: 'export' }>,
  nowMs: number,
  effects: ExportEffect[],
): void {
  const found = lookUp(state, proposal, nowMs)
  if (!found.ok) {
    effects.push({ type: 'exported', token, proposal, outcome: found })
    return
  }
  const run: Run = {
    ...{ id: `export/${state.nextNumber++}`, token, proposal, deadlineMs: nowMs + GATHER_MS },
    ...{ version: found.value.version, answers: new Map(), refusals: new Map() },
    ...{ waiting: new Set(), toAsk: new Map(), graceMs: Number.POSITIVE_INFINITY },
  }
  state.runs.set(run.id, run)
  restart(run, run.version, nowMs)
  advance(state, run, nowMs, effects)
}

function lookUp(
  { world }: ExportState,
  proposal: Uint8Array,
  nowMs: number,
): Outcome<ReturnType<ExportWorld['inUse']>> {
  try {
    return { ok: true, value: world.inUse(proposal, nowMs) }
  } catch (error) {
    if (error instanceof OstrakaError) return { ok: false, error }
    throw error
  }
}

function take(
  { world }: ExportState,
  run: Run,
  { from, answer }: Extract<ExportEvent, { readonly type: 'answered' }>,
  nowMs: number,
): void {
  run.waiting.delete(from)
  run.refusals.delete(from)
  if (answer.ok) {
    const shares = sharesIn(answer.value)
    if (shares !== undefined && isOf(world, run, from, shares)) run.answers.set(from, shares)
    else run.refusals.set(from, 'malformed')
  } else {
    run.refusals.set(from, answer.error.code)
    if (LAG.has(answer.error.code)) run.toAsk.set(from, nowMs + RETRY_MS)
  }
}

function sharesIn(answer: PeerAnswer): Signed<ExportedShares> | undefined {
  return answer.type === 'export' ? answer.shares : undefined
}

/** Whether these are all shares of that holder, in its own signature. */
function isOf({ networkId }: ExportWorld, run: Run, from: PeerId, signed: Signed<ExportedShares>): boolean {
  const { proposal, version, generation, shares } = signed.value
  const slots = run.version.slots.filter(slot => slot.peerId === from).map(slot => slot.slot)
  return (
    equalBytes(signed.signer, publicKeyOf(from)) &&
    equalBytes(proposal, run.proposal) &&
    version === run.version.version &&
    generation === run.version.generation &&
    shares.length === slots.length &&
    slots.every(slot => shares.some(share => share.slot === slot)) &&
    verifySigned('export', networkId, signed)
  )
}

/** Ends a run, asks whom it is time to ask, and sets its alarm. */
function advance(state: ExportState, run: Run, nowMs: number, effects: ExportEffect[]): void {
  const found = lookUp(state, run.proposal, nowMs)
  if (!found.ok) {
    finish(state, run, found, effects)
    return
  }
  const { version } = found.value
  if (version.generation !== run.version.generation) restart(run, version, nowMs)
  const answered = slotsOf(run, run.answers.keys())
  const isComplete = run.waiting.size === 0 && run.toAsk.size === 0
  if (answered >= version.threshold) run.graceMs = Math.min(run.graceMs, nowMs + GRACE_MS)
  if (isComplete || nowMs >= Math.min(run.graceMs, run.deadlineMs)) {
    const { threshold: needed } = version
    const outcome: Outcome<ExportResult> =
      answered >= needed
        ? { ok: true, value: { ...found.value, answers: [...run.answers.values()] } }
        : { ok: false, error: missing(run, needed, answered) }
    finish(state, run, outcome, effects)
    return
  }
  ask(run, nowMs, effects)
}

/** Asks all holders of these shares: what came of the generation before is of no use with them. */
function restart(run: Run, version: VersionRecord, nowMs: number): void {
  run.version = version
  run.graceMs = Number.POSITIVE_INFINITY
  for (const gone of [run.answers, run.refusals, run.waiting, run.toAsk]) gone.clear()
  for (const { peerId } of version.slots) run.toAsk.set(peerId, nowMs)
}

function tokenOf({ id, version }: Run, to: PeerId): Token {
  return `${id}/${version.generation}/${to}`
}

function ask(run: Run, nowMs: number, effects: ExportEffect[]): void {
  const deadlineMs = run.deadlineMs - nowMs
  for (const [to, atMs] of run.toAsk) {
    if (atMs > nowMs) continue
    run.toAsk.delete(to)
    run.waiting.add(to)
    const request = { type: 'export', proposal: run.proposal, generation: run.version.generation } as const
    effects.push({ type: 'request', token: tokenOf(run, to), to, request, deadlineMs })
  }
  const atMs = Math.min(...run.toAsk.values(), run.graceMs, run.deadlineMs)
  effects.push({ type: 'timer', id: run.id, atMs })
}

function slotsOf({ version }: Run, peers: Iterable<PeerId>): number {
  const these = new Set(peers)
  return version.slots.filter(({ peerId }) => these.has(peerId)).length
}

function missing(run: Run, needed: number, answered: number): OstrakaError {
  const refusals = Object.fromEntries([
    ...[...run.waiting].map(peerId => [peerId, 'deadline_exceeded'] as const),
    ...run.refusals,
  ])
  return new OstrakaError('insufficient_shares', 'too few holders sealed their shares', {
    ...{ needed, answered, refusals },
  })
}

function finish(state: ExportState, run: Run, outcome: Outcome<ExportResult>, effects: ExportEffect[]): void {
  state.runs.delete(run.id)
  effects.push({ type: 'timer', id: run.id, atMs: null })
  effects.push({ type: 'exported', token: run.token, proposal: run.proposal, outcome })
}
