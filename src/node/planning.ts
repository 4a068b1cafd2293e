import type { GossipVerdict, PeerId } from '../base/index.ts'
import { coordinatorOf, type LedgerState, type MemberRecord } from '../control/index.ts'
import { signValue } from '../crypto/index.ts'
import {
  coordinateOf,
  hearPlan,
  loadOf,
  makePlan,
  type PlannedMembers,
  type PlanState,
  plannedMembers,
  plannedMs,
} from '../trust/index.ts'
import { planCodec } from '../wire/index.ts'
import type { NodeState } from './state.ts'

/** Computed once for each state of the ledger, since every request asks. */
const membersOf = new WeakMap<LedgerState, PlannedMembers>()

function membersIn(ledger: LedgerState): PlannedMembers {
  let members = membersOf.get(ledger)
  if (members === undefined) {
    members = plannedMembers([...ledger.records.entries<MemberRecord>('member/')].map(entry => entry.value))
    membersOf.set(ledger, members)
  }
  return members
}

/** The epoch's plan, when this node leads and has not published it yet. */
export function planToPublish(state: NodeState): Uint8Array | undefined {
  const { ledger, plans, beacons, peerId } = state
  const { epoch } = ledger.chain
  if (coordinatorOf(ledger).peerId !== peerId || plans.heard.get(peerId)?.epoch === epoch) return undefined
  const plan = makePlan(epoch, membersIn(ledger), member => {
    const beacon = beacons.heard.get(member)?.beacon
    return beacon && { coordinate: coordinateOf(beacon.coordinate), load: loadOf(beacon.load) }
  })
  plans.heard.set(peerId, plan)
  return planCodec.encode(signValue(state.options.identity, 'plan', state.networkId, plan))
}

export function judgePlan(state: NodeState, bytes: Uint8Array): GossipVerdict {
  const { chain, validators } = state.ledger
  const isValidator = (peerId: PeerId): boolean => validators.some(each => each.peerId === peerId)
  return hearPlan(state.plans, bytes, { epoch: chain.epoch, isValidator })
}

/** What the coordinator expects a request from this node to `holder` to take, if its plan is current. */
export function plannedFor(
  { plans, peerId }: { readonly plans: PlanState; readonly peerId: PeerId },
  ledger: LedgerState,
  holder: PeerId,
): number | undefined {
  const plan = plans.heard.get(coordinatorOf(ledger).peerId)
  return plannedMs(plan, { epoch: ledger.chain.epoch, members: membersIn(ledger) }, peerId, holder)
}
