import { deepEqual, ok } from 'node:assert/strict'
import { CALM } from '../../src/sim/network.ts'
import type { Plan } from '../../src/sim/plan.ts'
import { simulate } from '../../src/sim/simulation.ts'
import { CALM_PLAN } from './calm.ts'

const PLAN: Plan = {
  ...CALM_PLAN,
  conditions: { ...CALM, maxDelayMs: 60, slowRate: 0.1, slowMs: 1500, lossRate: 0.05 },
  syncMs: 40,
}

describe('what a node has said', function () {
  this.timeout(300_000)
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
