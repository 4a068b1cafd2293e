import assert from 'node:assert/strict'
import type { PeerId } from '../../src/base/index.ts'
import type { MemberRecord } from '../../src/control/index.ts'
import { signValue } from '../../src/crypto/index.ts'
import {
  type Coordinate,
  createPlans,
  hearPlan,
  makePlan,
  ORIGIN,
  type PlannedMembers,
  plannedMembers,
  plannedMs,
  type Standpoint,
} from '../../src/trust/index.ts'
import { type Plan, planCodec } from '../../src/wire/index.ts'
import { TrustLedger } from './ledger.ts'

function at(x: number): Coordinate {
  return { ...ORIGIN, position: [x, 0, 0], heightMs: 0 }
}

function membersOf(ledger: TrustLedger): PlannedMembers {
  return plannedMembers(ledger.reader.list<MemberRecord>('member/').map(entry => entry.value))
}

/** Node n stands at n times 40 ms on a line; node 3 has not been heard of. */
const IDLE: Standpoint['load'] = { cpu: 0, linkMbps: 0, trafficMbps: 0 }

function planOf(ledger: TrustLedger, epoch = 0, load: Partial<Standpoint['load']> = {}): Plan {
  return makePlan(epoch, membersOf(ledger), peerId => {
    const node = ledger.peers.indexOf(peerId)
    return node === 3
      ? undefined
      : { coordinate: at(40 * node), load: { ...IDLE, ...(node === 1 ? load : {}) } }
  })
}

describe('the operation plan', () => {
  const ledger = new TrustLedger(4)
  const [a, b, c, d] = ledger.peers as [PeerId, PeerId, PeerId, PeerId]
  const members = membersOf(ledger)

  it('says what each holder costs each gateway: the way there, and its load', () => {
    const now = { epoch: 0, members }
    assert.equal(plannedMs(planOf(ledger), now, a, b), 40)
    assert.equal(plannedMs(planOf(ledger), now, c, a), 80)
    assert.equal(plannedMs(planOf(ledger, 0, { cpu: 1 }), now, a, b), 50)
  })

  it('prefers links with room: an answer takes time to come through, the longer the fuller the link', () => {
    const now = { epoch: 0, members }
    const costMs = (linkMbps: number, trafficMbps = 0): number | undefined =>
      plannedMs(planOf(ledger, 0, { linkMbps, trafficMbps }), now, a, b)
    assert.equal(costMs(0), 40, 'nothing is known of the link')
    assert.equal(costMs(1000), 40)
    assert.equal(costMs(10), 46)
    assert.equal(costMs(10, 8), 72)
    assert.equal(costMs(10, 20), 168, 'overfull')
    assert.equal(plannedMs(planOf(ledger, 0, { linkMbps: 10 }), now, b, a), 40, 'the holder’s link counts')
  })

  it('says nothing of whom the coordinator has not heard, nor of strangers', () => {
    const now = { epoch: 0, members }
    assert.equal(plannedMs(planOf(ledger), now, a, d), undefined)
    assert.equal(plannedMs(planOf(ledger), now, a, 'stranger'), undefined)
    assert.equal(plannedMs(undefined, now, a, b), undefined)
  })

  it('is void in another epoch, and with other members', () => {
    const plan = planOf(ledger)
    assert.equal(plannedMs(plan, { epoch: 1, members }, a, b), undefined)
    const fewer = membersOf(new TrustLedger(5))
    assert.equal(plannedMs(plan, { epoch: 0, members: fewer }, a, b), undefined)
    const longer: Plan = { ...plan, costs: new Uint8Array(25) }
    assert.equal(plannedMs(longer, { epoch: 0, members }, a, b), undefined)
  })

  it('is kept once a validator and epoch, properly signed, when it may be current', () => {
    const state = createPlans(ledger.state.networkId)
    const hear = (plan: Plan, node = 0, networkId = state.networkId): string => {
      const bytes = planCodec.encode(signValue(ledger.keys[node]!, 'plan', networkId, plan))
      return hearPlan(state, bytes, { epoch: 5, isValidator: peerId => peerId !== d })
    }
    assert.equal(hear(planOf(ledger, 5)), 'accept')
    assert.equal(hear(planOf(ledger, 5, { cpu: 1 })), 'ignore')
    assert.equal(hear(planOf(ledger, 6)), 'accept', 'its block may come later than it')
    assert.equal(hear(planOf(ledger, 4), 1), 'ignore')
    assert.equal(hear(planOf(ledger, 7), 1), 'ignore')
    assert.equal(hear(planOf(ledger, 5), 3), 'ignore', 'no validator')
    assert.equal(hear(planOf(ledger, 5), 1, new Uint8Array(32)), 'reject')
    assert.deepEqual([...state.heard.keys()], [a])
    assert.equal(hearPlan(state, new Uint8Array(9), { epoch: 5, isValidator: () => true }), 'reject')
  })

  it('costs a network of 16 less than half a kilobyte an epoch, and covers 64 members at most', () => {
    const sizeOf = (nodes: number): number => {
      const on = new TrustLedger(nodes)
      const plan = planOf(on, 100_000)
      return planCodec.encode(signValue(on.keys[0]!, 'plan', on.state.networkId, plan)).length
    }
    assert.ok(sizeOf(16) <= 512, `${sizeOf(16)}`)
    assert.equal(membersOf(new TrustLedger(70)).peerIds.length, 64)
  })
})
