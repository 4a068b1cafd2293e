import { compareText, equalBytes, type GossipVerdict, type PeerId, peerIdOf } from '../base/index.ts'
import type { MemberRecord } from '../control/index.ts'
import { sha256, verifySigned } from '../crypto/index.ts'
import { canonicalBytes, type Load, MAX_PLANNED, type Plan, planCodec, type Signed } from '../wire/index.ts'
import { type Coordinate, predictMs } from './vivaldi.ts'

/** What one unit of a plan's bytes stands for: finer than latencies repeat, and half a second in all. */
const STEP_MS = 2

/** Of a pair of which the coordinator knows nothing. */
const UNKNOWN = 255

/** A holder with a whole core in use is as good as one this much further away. */
const BUSY_COST_MS = 10

/** The size of a middling answer: 8 KiB. What takes long to come through a node's link makes it further away. */
const ANSWER_MEGABITS = 0.064

/** However full a link, some of it is always to be had. */
const LEAST_FREE_SHARE = 0.05

/** The plans heard, by who signed them. At most one for each validator. */
export interface PlanState {
  readonly networkId: Uint8Array
  readonly heard: Map<PeerId, Plan>
}

export function createPlans(networkId: Uint8Array): PlanState {
  return { networkId, heard: new Map() }
}

/** The members that a plan covers, in the order of its rows; all who have the same ledger name the same. */
export interface PlannedMembers {
  readonly peerIds: readonly PeerId[]
  readonly places: ReadonlyMap<PeerId, number>
  readonly hash: Uint8Array
}

export function plannedMembers(members: readonly MemberRecord[]): PlannedMembers {
  const peerIds = members
    .filter(member => member.state === 'active')
    .sort((a, b) => b.weight - a.weight || compareText(a.peerId, b.peerId))
    .slice(0, MAX_PLANNED)
    .map(member => member.peerId)
    .sort(compareText)
  const places = new Map(peerIds.map((peerId, place) => [peerId, place]))
  return { peerIds, places, hash: sha256(canonicalBytes(peerIds)) }
}

/** What a node's last beacon says that bears on what it costs to ask. */
export interface Standpoint {
  readonly coordinate: Coordinate
  readonly load: Pick<Load, 'cpu' | 'linkMbps' | 'trafficMbps'>
}

/** The terms of what it costs a gateway to ask a holder, in milliseconds. */
export function planTerms(gateway: Standpoint, holder: Standpoint): Readonly<Record<string, number>> {
  const { cpu, linkMbps, trafficMbps } = holder.load
  const freeMbps = Math.max(linkMbps - trafficMbps, linkMbps * LEAST_FREE_SHARE)
  return {
    roundTrip: predictMs(gateway.coordinate, holder.coordinate),
    busy: BUSY_COST_MS * Math.min(1, cpu),
    transfer: linkMbps === 0 ? 0 : (1000 * ANSWER_MEGABITS) / freeMbps,
  }
}

/** For each gateway what each holder costs: the predicted round trip, the holder's load, and its bandwidth. */
export function makePlan(
  epoch: number,
  { peerIds, hash }: PlannedMembers,
  standpointOf: (peerId: PeerId) => Standpoint | undefined,
): Plan {
  const standpoints = peerIds.map(standpointOf)
  const costs = new Uint8Array(peerIds.length ** 2).fill(UNKNOWN)
  for (const [row, gateway] of standpoints.entries()) {
    for (const [column, holder] of standpoints.entries()) {
      if (gateway === undefined || holder === undefined) continue
      const costMs = Object.values(planTerms(gateway, holder)).reduce((sum, term) => sum + term, 0)
      costs[row * peerIds.length + column] = Math.min(UNKNOWN - 1, Math.round(costMs / STEP_MS))
    }
  }
  return { epoch, membersHash: hash, costs }
}

/** What must be known of the control log to judge a plan. */
export interface PlanJudgement {
  readonly epoch: number
  isValidator(peerId: PeerId): boolean
}

/**
 * Judges a gossiped plan before it is forwarded, and keeps it when it is accepted. Any validator may come to lead, and a
 * plan may run ahead of the block that opens its epoch; whose plan counts is decided when it is used.
 */
export function hearPlan(state: PlanState, bytes: Uint8Array, at: PlanJudgement): GossipVerdict {
  let signed: Signed<Plan>
  try {
    signed = planCodec.decode(bytes)
  } catch {
    return 'reject'
  }
  const signer = peerIdOf(signed.signer)
  const { epoch } = signed.value
  if (!at.isValidator(signer) || epoch < at.epoch || epoch > at.epoch + 1) return 'ignore'
  if ((state.heard.get(signer)?.epoch ?? -1) >= epoch) return 'ignore'
  if (!verifySigned('plan', state.networkId, signed)) return 'reject'
  for (const peerId of state.heard.keys()) if (!at.isValidator(peerId)) state.heard.delete(peerId)
  state.heard.set(signer, signed.value)
  return 'accept'
}

/**
 * What the coordinator expects a request from `gateway` to `holder` to take. Undefined when its plan is of another epoch
 * or of other members, or says nothing of the two: then the gateway's own view must do.
 */
export function plannedMs(
  plan: Plan | undefined,
  at: { readonly epoch: number; readonly members: PlannedMembers },
  gateway: PeerId,
  holder: PeerId,
): number | undefined {
  const { places, hash } = at.members
  const [row, column] = [places.get(gateway), places.get(holder)]
  if (plan === undefined || plan.epoch !== at.epoch || row === undefined || column === undefined)
    return undefined
  if (plan.costs.length !== places.size ** 2 || !equalBytes(plan.membersHash, hash)) return undefined
  const cost = plan.costs[row * places.size + column]!
  return cost === UNKNOWN ? undefined : cost * STEP_MS
}
