import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { summarize } from '../../src/sim/batch.ts'
import type { FaultKind } from '../../src/sim/fault-counts.ts'
import { drawPlan, type Plan } from '../../src/sim/plan.ts'
import { type SimulationOptions, type SimulationReport, simulate } from '../../src/sim/simulation.ts'
import { CALM_PLAN } from './calm.ts'

async function passes(
  plan: Partial<Plan>,
  options: Partial<SimulationOptions> = {},
): Promise<SimulationReport> {
  const report = await simulate({ seed: 1, nodes: 5, ops: 40, ...options, plan: { ...CALM_PLAN, ...plan } })
  deepEqual(report.findings, [])
  ok(report.seen.results > 5, 'hardly anything was done')
  return report
}

describe('a simulated network', function () {
  this.timeout(300_000)

  it('works in calm weather, and every operation succeeds', async () => {
    const { faults, outcomes, seen } = await passes({})
    ok(seen.epochs > 1, 'epochs whose randomness was recomputed with the whole key')
    deepEqual(
      Object.values(faults).filter(count => count > 0),
      [],
    )
    deepEqual(
      Object.keys(outcomes).filter(name => !/ (ok|replayed)$/.test(name) && name !== 'guest forbidden'),
      [],
    )
  })

  // of eighteen, two have no vote and learn of each block by gossip
  for (const nodes of [1, 2, 4, 18]) {
    it(`works with ${nodes} node(s)`, () => passes({}, { nodes, ops: 20 }))
  }

  it('makes keys of every kind, whose results are those of a whole key', async () => {
    const kinds = ['ed25519', 'secp256k1', 'ristretto255', 'x25519'] as const
    const { outcomes } = await passes({ kinds }, { nodes: 4, ops: 12 })
    for (const operation of ['sign', 'derive', 'decrypt']) ok(outcomes[`${operation} ok`]! > 0, operation)
  })

  it('survives loss, delay, duplicates and frames out of order', async () => {
    const conditions = {
      lossRate: 0.05,
      duplicateRate: 0.1,
      reorderRate: 0.3,
      slowRate: 0.05,
      minDelayMs: 1,
      maxDelayMs: 40,
      slowMs: 800,
    }
    const { faults } = await passes({ conditions })
    for (const kind of ['loss', 'duplicate', 'reorder', 'delay'] as const) ok(faults[kind] > 0, kind)
  })

  it('is partitioned one way, and heals', async () => {
    const { faults } = await passes({ partitionEveryMs: 2000 }, { seed: 4 })
    ok(faults.partition > 100)
  })

  it('loses its coordinator and other nodes to crashes, and gets them back', async () => {
    const { faults } = await passes({ crashEveryMs: 1500 }, { seed: 5, ops: 80 })
    ok(faults.crash > 2)
  })

  it('makes keys while a dealer is away, who has its shares of them afterwards', async () => {
    const { seen } = await passes({ absent: 1 }, { seed: 9 })
    ok(seen.keys >= 2)
  })

  it('gives a host with another program no slot, through crashes of the others, and all agree on it', async () => {
    const { faults, seen } = await passes({ tampered: 3, crashEveryMs: 3000 }, { seed: 12 })
    equal(faults['tampered-program'], 1)
    ok(faults.crash > 0)
    ok(seen.keys > 1)
  })

  it('keeps all that it has acknowledged through a power cut of the whole site', async () => {
    const { faults, seen } = await passes({ outageAtMs: 6000 }, { seed: 6 })
    equal(faults.outage, 1)
    ok(seen.keys > 2)
  })

  for (const diskLossAtMs of [1500, 4000, 9000]) {
    it(`takes back a machine that has lost its whole disk (${diskLossAtMs} ms), and convicts nobody`, async () => {
      const { faults, convictions } = await passes({ diskLossAtMs, crashEveryMs: 4000 }, { seed: 9, ops: 60 })
      equal(faults['disk-loss'], 1)
      deepEqual(convictions, [])
    })
  }

  it('bears disks that are full for a while, and confirms nothing that is not stored', async () => {
    const { faults } = await passes({ fullDiskEveryMs: 600, crashEveryMs: 3000 }, { seed: 6 })
    ok(faults['disk-full'] > 2)
  })

  it('bears clocks that jump and a DHT that does not find', async () => {
    const { faults } = await passes(
      { clockJumpEveryMs: 1000, recordMissRate: 0.5, crashEveryMs: 3000 },
      { seed: 7 },
    )
    ok(faults['clock-jump'] > 2)
  })

  for (const [misdeed, reason] of [
    ['equivocation', /equivocation/],
    ['bad-dealing', /bad_dealing|equivocation/],
    ['bad-partial', /bad_partial/],
    ['bad-randomness', /bad_partial/],
  ] as const satisfies readonly (readonly [FaultKind, RegExp])[]) {
    it(`bears ${misdeed}, and blames nobody but the liar`, async () => {
      const { faults, convictions } = await passes({ byzantine: new Map([[2, misdeed]]) }, { seed: 1 })
      ok(faults[misdeed] > 0)
      deepEqual(
        convictions.map(({ name }) => name),
        ['node-3'],
      )
      ok(reason.test(convictions[0]!.reason), convictions[0]!.reason)
    })
  }
})

describe('a seed', function () {
  this.timeout(300_000)
  const options = { nodes: 5, ops: 25 }

  it('gives the same trace twice, and another seed another', async () => {
    const [first, second, other] = [
      await simulate({ ...options, seed: 17 }),
      await simulate({ ...options, seed: 17 }),
      await simulate({ ...options, seed: 18 }),
    ]
    equal(first.traceHash, second.traceHash)
    deepEqual(first, second)
    notEqual(first.traceHash, other.traceHash)
  })

  for (const seed of [21, 22, 23]) {
    it(`${seed} passes with whatever it has drawn`, async () => {
      deepEqual((await simulate({ ...options, seed })).findings, [])
    })
  }
})

describe('a batch of seeds', () => {
  const plans = Array.from({ length: 200 }, (_, index) => drawPlan(index + 1, 7, 50_000))

  it('runs real groups in a tenth of the seeds, and each of them as often as the others', () => {
    equal(plans.filter(plan => plan.kinds.length > 1).length, plans.length / 10)
    for (const kind of ['ed25519', 'secp256k1', 'ristretto255', 'x25519'] as const) {
      equal(plans.filter(plan => plan.kinds.includes(kind)).length, plans.length / 20)
    }
  })

  it('never plans more liars than the network bears', () => {
    ok(plans.every(plan => plan.byzantine.size <= 2))
    ok(plans.some(plan => plan.byzantine.size === 2))
  })

  it('fails when a kind of fault never fired', async () => {
    const report = await simulate({ seed: 1, nodes: 1, ops: 0, plan: CALM_PLAN })
    const reports = Array.from({ length: 40 }, (_, index) => ({ ...report, seed: index + 1 }))
    ok(summarize(reports, 7).silentFaults.includes('crash'))
    deepEqual(summarize(reports.slice(1), 7).silentFaults, [])
  })
})
