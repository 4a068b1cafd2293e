import { deepEqual, ok } from 'node:assert/strict'
import { CALM } from '../../src/sim/network.ts'
import type { Plan } from '../../src/sim/plan.ts'
import { simulate } from '../../src/sim/simulation.ts'

const PLAN: Plan = {
  kinds: ['toy'],
  conditions: { ...CALM, maxDelayMs: 60, slowRate: 0.1, slowMs: 1500, lossRate: 0.05 },
  partitionEveryMs: undefined,
  crashEveryMs: undefined,
  clockJumpEveryMs: undefined,
  fullDiskEveryMs: undefined,
  outageAtMs: undefined,
  diskLossAtMs: undefined,
  recordMissRate: 0,
  syncMs: 40,
  byzantine: new Map(),
  absent: undefined,
  tampered: undefined,
}

describe('what a node has said', function () {
  this.timeout(60_000)
  let lost = 0

  for (const seed of [1, 2, 3]) {
    it(`it does not contradict after a crash, and keeps (seed ${seed})`, async () => {
      const plan = { ...PLAN, crashEveryMs: 700, outageAtMs: 5000 + 1000 * seed }
      const report = await simulate({ seed, nodes: 4, ops: 60, plan })
      deepEqual(report.findings, [])
      lost += report.faults['unsynced-loss']
    })
  }

  it('was tried at the edge: some crashes fell between a write and its sync', () => ok(lost > 0))
})
