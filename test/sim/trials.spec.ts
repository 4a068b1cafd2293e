import assert from 'node:assert/strict'
import type { NodePort, TrustView } from '../../src/node/index.ts'
import { Findings } from '../../src/sim/checks/findings.ts'
import { TrustCheck } from '../../src/sim/checks/trust.ts'
import { DESERTS, MISDEEDS } from '../../src/sim/misdeeds.ts'
import { CALM } from '../../src/sim/network.ts'
import { drawTrial, type Plan } from '../../src/sim/plan.ts'
import { misdeedOf, summarizeTrials } from '../../src/sim/trial-batch.ts'
import { compare, runTrial } from '../../src/sim/twin.ts'

const NODES = 7

describe('one Byzantine node of seven', function () {
  this.timeout(300_000)

  for (const misdeed of MISDEEDS) {
    const { verdict } = DESERTS[misdeed]
    const end = {
      ...{ removed: 'is removed and its slots move', suspended: 'is suspended and its slots move' },
      ...{ fined: 'pays', nothing: 'moves no score past the bound' },
    }
    it(`${misdeed}: its node ${end[verdict]}, and no honest one is blamed`, async () => {
      const { findings, trial, convictions } = await runTrial({ seed: 2, nodes: NODES, ops: 15, misdeed })
      assert.deepEqual(findings, [])
      assert.ok(trial!.fired > 0)
      assert.equal(trial!.verdict, verdict)
      assert.deepEqual(trial!.blamed, [])
      assert.deepEqual(
        convictions.map(({ name }) => name),
        verdict === 'removed' ? [trial!.culprit] : [],
      )
      if (misdeed === 'lying-report') assert.ok(trial!.deviation!.most <= trial!.deviation!.bound)
    })
  }

  it('a trial without a misdeed is no trial', async () => {
    const plan: Partial<Plan> = { byzantine: new Map([[6, 'bad-partial']]) }
    const { findings } = await runTrial({ seed: 3, nodes: NODES, ops: 0, misdeed: 'equivocation', plan })
    assert.match(findings.join(), /the trial is one: no equivocation ever fired/)
  })
})

describe('the plans of trials', () => {
  const seeds = Array.from({ length: 20 * MISDEEDS.length }, (_, index) => index + 1)
  const plans = seeds.map(seed => drawTrial(seed, NODES, 10_000, misdeedOf('all', seed)))

  it('have each misdeed as often as the others, in calm and in storm, with real groups in a tenth', () => {
    for (const misdeed of MISDEEDS) {
      const own = plans.filter(plan => [...plan.byzantine.values()].includes(misdeed))
      assert.equal(own.length, seeds.length / MISDEEDS.length)
      assert.ok(own.some(({ conditions }) => conditions === CALM))
      assert.ok(own.some(({ conditions }) => conditions !== CALM))
    }
    assert.equal(plans.filter(({ kinds }) => !kinds.includes('toy')).length, seeds.length / 10)
  })

  it('have one Byzantine node, and never more faults than f', () => {
    for (const { byzantine, outageAtMs, absent } of plans) {
      assert.equal(byzantine.size, 1)
      assert.equal(outageAtMs, undefined)
      assert.equal(absent, undefined)
    }
  })
})

describe('the trust checker', () => {
  const names = ['a', 'b', 'c', 'd', 'liar']
  const seen = (
    subject: string,
    beaconsSeen: number,
  ): TrustView['reports'][number]['observations'][number] => ({
    subject,
    ...{ beaconsDue: 4, beaconsSeen, answers: 0, late: 0, wrong: 0, excess: 0 },
  })
  const view = (epoch: number, opinionOnA: number, word: (reporter: string) => number): TrustView => ({
    epoch,
    convictions: [],
    scores: names.map(peerId => {
      const opinion = peerId === 'a' ? opinionOnA : 1
      return { peerId, state: 'active', attestation: 'unrequired', score: opinion, opinion, fines: 0 }
    }),
    reports: names
      .filter(reporter => reporter !== 'a')
      .map(reporter => ({ reporter, epoch: epoch - 1, observations: [seen('a', word(reporter))] })),
  })
  const check = (...views: readonly TrustView[]): TrustCheck & { readonly list: readonly string[] } => {
    const findings = new Findings(() => {})
    const trust = new TrustCheck(findings, peerId => peerId !== 'liar')
    for (const each of views) trust.follow({ trust: () => each } as NodePort)
    return Object.assign(trust, { list: findings.list })
  }
  const words = { b: 2, c: 3, d: 4, liar: 0 } as Readonly<Record<string, number>>
  const before = view(1, 1, () => 4)

  it('is content with an opinion among the honest words, and with none at all', () => {
    const { list, envelopes, settlements } = check(
      before,
      view(2, 0.75, by => words[by]!),
    )
    assert.deepEqual(list, [])
    assert.equal(settlements, 1)
    assert.deepEqual(envelopes.get('a'), { lowest: 500, highest: 1000 })
    assert.deepEqual(
      check(
        before,
        view(2, 1, by => words[by]!),
      ).list,
      [],
    )
  })

  it('finds an opinion that only the liar holds', () => {
    assert.equal(
      check(
        before,
        view(2, 0, by => words[by]!),
      ).list.length,
      1,
    )
    assert.equal(
      check(
        before,
        view(2, 0.499, by => words[by]!),
      ).list.length,
      1,
    )
  })
})

describe('a liar against its twin', () => {
  const run = (score: number, lowest: number) => ({
    scores: [[3, [['node-1', score]]]] as const,
    envelopes: [['node-1', lowest, 1000]] as const,
  })

  it('may differ by what honest words differ by, and no more', () => {
    assert.deepEqual(compare(run(900, 900), run(1000, 1000)), {
      deviation: { most: 100, bound: 100 },
      findings: [],
    })
    assert.equal(compare(run(899, 900), run(1000, 1000)).findings.length, 1)
    assert.equal(compare(run(999, 1000), run(1000, 1000)).findings.length, 1)
  })
})

describe('a batch of trials', function () {
  this.timeout(300_000)

  it('counts what came of each misdeed, and names the seeds that failed', async () => {
    const report = await runTrial({ seed: 5, nodes: NODES, ops: 0, misdeed: 'forked-audit' })
    const blamed = { ...report, seed: 6, trial: { ...report.trial!, blamed: ['node-1'] }, findings: ['x'] }
    const summary = summarizeTrials('forked-audit', [report, blamed])!
    assert.deepEqual(
      { runs: summary.runs, fired: summary.fired, removed: summary.removed, blamed: summary.blamed },
      { runs: 2, fired: 2, removed: 2, blamed: 1 },
    )
    assert.deepEqual(summary.failed, [6])
    assert.equal(summarizeTrials('silence', [report]), undefined)
  })
})
