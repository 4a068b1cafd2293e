import type { Outcome, PeerId } from '../../base/index.ts'
import type {
  CommonEvent,
  NoteEffect,
  OperationRequest,
  PeerRequest,
  RequestEffect,
  Signed,
  SubmitEffect,
  TimerEffect,
  Token,
} from '../../wire/index.ts'
import type { Admission } from './admission.ts'
import type { Candidate } from './choosing.ts'
import type { CommitmentPools } from './commitments.ts'
import type { HedgeBudget } from './hedging.ts'
import { MAX_ATTEMPTS, type RequestLimits } from './limits.ts'
import type { MaterialCache, VersionMaterial } from './material.ts'
import type { OperationResult } from './result.ts'
import type { Call, Run } from './run.ts'
import type { Standings } from './standing.ts'
import type { GatewayWorld } from './world.ts'

/** What the gateway is told. Answers and timers whose token or id starts with `operation/` are its own. */
export type GatewayEvent =
  | { readonly type: 'operate'; readonly token: Token; readonly request: Signed<OperationRequest> }
  /** The client of this token no longer waits. */
  | { readonly type: 'abandoned'; readonly token: Token }
  /** Has nonce commitments fetched ahead for this signing key, so that its next signature is one round trip. */
  | { readonly type: 'warm'; readonly key: string }
  | { readonly type: 'peer'; readonly peerId: PeerId; readonly isConnected: boolean }
  | Extract<CommonEvent, { readonly type: 'timer' | 'answered' }>

/** Exactly one for each `operate`, with its token. */
export interface OperatedEffect {
  readonly type: 'operated'
  readonly token: Token
  readonly outcome: Outcome<OperationResult>
}

export type GatewayEffect = RequestEffect | TimerEffect | SubmitEffect | NoteEffect | OperatedEffect

/** Changed in place by every step. */
export interface GatewayState {
  readonly world: GatewayWorld
  readonly limits: RequestLimits
  readonly admission: Admission
  readonly hedges: HedgeBudget
  readonly materials: MaterialCache
  readonly standings: Standings
  readonly commitments: CommitmentPools
  readonly runs: Map<string, Run>
  readonly calls: Map<Token, Call>
  readonly counters: Map<string, number>
  /** When evidence against a holder was last handed in. */
  readonly accusedMs: Map<PeerId, number>
  nextNumber: number
}

/** One step at work: the state, the time, and the effects so far. */
export interface Desk {
  readonly gateway: GatewayState
  readonly nowMs: number
  readonly effects: GatewayEffect[]
}

/** A request may take this much longer for each multiplication that it asks for. */
const ALLOWANCE_MS = 2

/** Larger requests say more of their size than of the holder. */
export const MAX_SAMPLED_SIZE = 16

export function count(desk: Desk, name: string, by = 1): void {
  const { counters } = desk.gateway
  counters.set(name, (counters.get(name) ?? 0) + by)
}

export function note(
  desk: Desk,
  level: NoteEffect['level'],
  text: string,
  details: Readonly<Record<string, unknown>>,
): void {
  desk.effects.push({ type: 'note', level, text, details })
}

/** Sends one request to a holder and keeps the books on it. */
export function ask(
  desk: Desk,
  call: Pick<
    Call,
    'to' | 'purpose' | 'run' | 'material' | 'slots' | 'coming' | 'size' | 'request' | 'attempt'
  >,
  request: PeerRequest,
  deadlineMs: number,
): void {
  const { gateway, nowMs } = desk
  const { run, to, material, slots, coming, size } = call
  const token = `${run?.id ?? 'operation/ahead'}/${gateway.nextNumber++}`
  const hedgeAtMs = nowMs + gateway.standings.hedgeAfterMs(to) + size * ALLOWANCE_MS
  const sent: Call = { ...call, token, sentMs: nowMs, hedgeAtMs, isSlow: false, isLate: false }
  gateway.calls.set(token, sent)
  gateway.standings.asked(to)
  for (const slot of slots) gateway.commitments.expect(material.name, slot, coming)
  if (run !== undefined) {
    run.calls.add(sent)
    if (call.purpose === 'partial') run.asked.set(to, (run.asked.get(to) ?? 0) + 1)
  }
  desk.effects.push({ type: 'request', token, to, request, deadlineMs })
}

/** Takes a call off the books, however it ended. */
export function settle(desk: Desk, call: Call): void {
  const { gateway } = desk
  gateway.calls.delete(call.token)
  gateway.standings.settled(call.to)
  for (const slot of call.slots) gateway.commitments.expect(call.material.name, slot, -call.coming)
  call.run?.calls.delete(call)
}

/** The holders that this run may still ask, each for those of its slots that `slotsOf` leaves. */
export function candidatesFor(
  desk: Desk,
  run: Run,
  slotsOf: (peerId: PeerId, slots: readonly number[]) => readonly number[],
  roundTrips: (slots: readonly number[]) => number,
): Candidate[] {
  const { world, standings } = desk.gateway
  const candidates: Candidate[] = []
  for (const [peerId, held] of run.material.holders) {
    const trust = world.trust(peerId)
    const isSpent = (run.asked.get(peerId) ?? 0) >= MAX_ATTEMPTS
    if (trust <= 0 || isSpent || isExcluded(desk, run, peerId)) continue
    const slots = slotsOf(peerId, held)
    if (slots.length === 0) continue
    candidates.push({
      peerId,
      slots,
      isSelf: peerId === world.peerId,
      latencyMs: standings.latencyMs(peerId, world.plannedMs(peerId), desk.nowMs),
      roundTrips: roundTrips(slots),
      inFlight: standings.inFlight(peerId),
      isConnected: standings.isConnected(peerId),
      isBackedOff: standings.isBackedOff(peerId, desk.nowMs) || run.lags.has(peerId),
      trust,
    })
  }
  return candidates
}

export function isExcluded({ nowMs }: Desk, run: Run, peerId: PeerId): boolean {
  const exclusion = run.excluded.get(peerId)
  return exclusion !== undefined && (exclusion.againAtMs === null || exclusion.againAtMs > nowMs)
}

export function slotCount(holders: Iterable<{ readonly slots: readonly number[] }>): number {
  let sum = 0
  for (const { slots } of holders) sum += slots.length
  return sum
}

/** Ends a run with its outcome. Answers that are still under way only fill the stocks. */
export function finish(desk: Desk, run: Run, outcome: Outcome<OperationResult>): void {
  run.isDone = true
  const { runs, admission } = desk.gateway
  runs.delete(run.id)
  const allowanceMs = run.checked.request.inputs.length * ALLOWANCE_MS
  admission.ended(desk.nowMs - run.startedMs, allowanceMs, runs.size)
  if (run.timerAtMs !== null) desk.effects.push({ type: 'timer', id: run.id, atMs: null })
  run.timerAtMs = null
  count(desk, outcome.ok ? 'operations' : `operation_failures/${outcome.error.code}`)
  desk.effects.push({ type: 'operated', token: run.token, outcome })
}

/** What every successful result says. */
export function resultOf(material: VersionMaterial, outputs: readonly Uint8Array[]): OperationResult {
  const { version, publicKey } = material.record
  return { version, publicKey, outputs }
}
