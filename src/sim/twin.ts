import { type SimulationOptions, type SimulationReport, simulate } from './simulation.ts'
import type { TrialReport } from './trial.ts'

/** How far a liar's reports moved honest nodes' scores, against a run without it. In thousandths. */
export interface Deviation {
  /** The most that any honest node's score in any settled epoch differs between the two runs. */
  readonly most: number
  /** The most that it may have, over all honest nodes. */
  readonly bound: number
}

/**
 * One trial. A liar's is run twice, the second time with a liar that tells the truth, and every honest node's score in
 * every epoch is compared.
 *
 * The bound: scores start at full trust and move half the way to each settlement's opinion, which is the median of at
 * least 2f+1 reports, so between two honest ones whatever f of them say. In both runs a score thus lies between the
 * lowest and the highest of full trust and all that honest nodes have said of its subject in either; so the two cannot
 * differ by more than the width of that. Where all honest nodes agree the width is nothing, and so is the liar's power.
 */
export async function runTrial(options: SimulationOptions): Promise<SimulationReport> {
  const report = await simulate(options)
  if (options.misdeed !== 'lying-report' || report.trial === undefined) return report
  const twin = await simulate({ ...options, isTwin: true })
  const { deviation, findings } = compare(report.trial, twin.trial!)
  return {
    ...report,
    findings: [...report.findings, ...twin.findings.map(finding => `twin: ${finding}`), ...findings],
    trial: { ...report.trial, deviation },
  }
}

/** Exported for its test: both reports of one network, with and without its liar. */
export function compare(
  liar: Pick<TrialReport, 'scores' | 'envelopes'>,
  twin: Pick<TrialReport, 'scores' | 'envelopes'>,
): { readonly deviation: Deviation; readonly findings: string[] } {
  const bounds = new Map<string, number>()
  for (const [name, lowest, highest] of liar.envelopes) {
    const [, low, high] = twin.envelopes.find(([other]) => other === name) ?? [name, lowest, highest]
    bounds.set(name, Math.max(highest, high) - Math.min(lowest, low))
  }
  const without = new Map(twin.scores.map(([epoch, scores]) => [epoch, new Map(scores)]))
  const findings: string[] = []
  let most = 0
  for (const [epoch, scores] of liar.scores) {
    for (const [name, score] of scores) {
      const other = without.get(epoch)?.get(name)
      if (other === undefined) continue
      // the scores come as shares of one, with a float's last bits
      const difference = Math.round(Math.abs(score - other))
      most = Math.max(most, difference)
      const bound = bounds.get(name) ?? 0
      if (difference > bound) {
        findings.push(
          `a liar moves no honest score: ${name} has ${score} in epoch ${epoch} instead of ${other}, bound ${bound}`,
        )
      }
    }
  }
  return { deviation: { most, bound: Math.max(0, ...bounds.values()) }, findings }
}
