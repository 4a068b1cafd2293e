import { type RunOptions, runBatch, type SimOptions } from './batch.ts'
import { MISDEEDS, type Misdeed } from './misdeeds.ts'
import type { SimulationReport } from './simulation.ts'
import type { TrialReport } from './trial.ts'
import { runTrial } from './twin.ts'

/** Whose trials to run. */
export type Charge = Misdeed | 'all'

export interface TrialOptions extends SimOptions {
  readonly byzantine: Charge
}

/** What came of all trials of one misdeed. */
export interface TrialSummary {
  readonly misdeed: Misdeed
  readonly runs: number
  /** Runs in which it was done at all. */
  readonly fired: number
  readonly removed: number
  readonly suspended: number
  readonly fined: number
  /** Runs in which an honest node was blamed. */
  readonly blamed: number
  /** Epochs from the first misdeed to the verdict. */
  readonly medianEpochs: number | null
  readonly mostEpochs: number | null
  /** Thousandths by which lies moved an honest node's score, and might have. */
  readonly deviation: { readonly most: number; readonly bound: number } | null
  readonly failed: readonly number[]
}

const PROGRESS_EVERY = 50

/** Of all misdeeds in turn, seed by seed. */
export function misdeedOf(charge: Charge, seed: number): Misdeed {
  return charge === 'all' ? MISDEEDS[seed % MISDEEDS.length]! : charge
}

/** Tries one misdeed, or all in turn: one Byzantine node a run. 0 when every run came to what it should. */
export async function runTrials(options: TrialOptions): Promise<number> {
  const { byzantine, nodes, ops, json } = options
  const runOf = (seed: number): RunOptions => ({ seed, nodes, ops, misdeed: misdeedOf(byzantine, seed) })
  if (options.seeds === undefined) {
    const report = await runTrial(runOf(options.seed ?? 1))
    console.log(json ? JSON.stringify(report) : describeTrial(report, options))
    return report.findings.length === 0 ? 0 : 1
  }
  const runs = Array.from({ length: options.seeds }, (_, index) => runOf(index + 1))
  let done = 0
  const reports = await runBatch(runs, report => {
    done++
    if (json) return
    if (report.findings.length > 0) console.log(describeTrial(report, options))
    if (done % PROGRESS_EVERY === 0 && done < runs.length) console.log(`${done} of ${runs.length} runs`)
  })
  const summaries = MISDEEDS.flatMap(misdeed => summarizeTrials(misdeed, reports) ?? [])
  console.log(json ? JSON.stringify(summaries) : describeTrials(summaries))
  return reports.every(report => report.findings.length === 0) ? 0 : 1
}

/** Undefined when none of the reports is of this misdeed. */
export function summarizeTrials(
  misdeed: Misdeed,
  reports: readonly SimulationReport[],
): TrialSummary | undefined {
  const own = reports.filter(report => report.trial?.misdeed === misdeed)
  if (own.length === 0) return undefined
  const trials = own.map(report => report.trial!)
  const count = (is: (trial: TrialReport) => boolean): number => trials.filter(is).length
  const epochs = trials.flatMap(trial => trial.epochs ?? []).sort((a, b) => a - b)
  const deviations = trials.flatMap(trial => trial.deviation ?? [])
  return {
    misdeed,
    runs: own.length,
    fired: count(trial => trial.fired > 0),
    removed: count(trial => trial.verdict === 'removed'),
    suspended: count(trial => trial.verdict === 'suspended'),
    fined: count(trial => trial.verdict === 'fined'),
    blamed: count(trial => trial.blamed.length > 0),
    medianEpochs: epochs[Math.floor(epochs.length / 2)] ?? null,
    mostEpochs: epochs.at(-1) ?? null,
    deviation:
      deviations.length === 0
        ? null
        : {
            most: Math.max(...deviations.map(({ most }) => most)),
            bound: Math.max(...deviations.map(({ bound }) => bound)),
          },
    failed: own.filter(report => report.findings.length > 0).map(report => report.seed),
  }
}

function describeTrial(report: SimulationReport, { byzantine, nodes, ops }: TrialOptions): string {
  const { seed, findings, trial, events, virtualMs } = report
  const { misdeed, culprit, fired, verdict, epochs, deviation } = trial!
  return [
    `seed ${seed}: ${findings.length === 0 ? 'passed' : 'FAILED'}, ${events} events in ${virtualMs / 1000} virtual seconds`,
    ...findings.map(finding => `  FOUND   ${finding}`),
    `  misdeed ${misdeed}, ${fired} times, by ${culprit}`,
    `  verdict ${verdict ?? 'none'}${epochs === null ? '' : ` after ${epochs.toFixed(1)} epochs`}`,
    ...(deviation === undefined
      ? []
      : [`  scores  moved by ${deviation.most} thousandths, bound ${deviation.bound}`]),
    `  trace   ${report.traceHash}`,
    `  replay  npx ostraka sim --byzantine ${byzantine} --seed ${seed} --nodes ${nodes} --ops ${ops}`,
  ].join('\n')
}

const COLUMNS = [
  'misdeed',
  'runs',
  'fired',
  'removed',
  'suspended',
  'fined',
  'honest blamed',
  'epochs',
  'failed',
]

function describeTrials(summaries: readonly TrialSummary[]): string {
  const rows = summaries.map(summary => {
    const { misdeed, runs, fired, removed, suspended, fined, blamed, failed } = summary
    const { medianEpochs, mostEpochs } = summary
    const epochs = medianEpochs === null ? '-' : `${medianEpochs.toFixed(1)} (most ${mostEpochs!.toFixed(1)})`
    return [misdeed, runs, fired, removed, suspended, fined, blamed, epochs, failed.length].map(String)
  })
  const table = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_, column) => Math.max(...table.map(row => row[column]!.length)))
  const lines = table.map(row => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  '))
  const sum = (pick: (summary: TrialSummary) => number): number =>
    summaries.reduce((total, summary) => total + pick(summary), 0)
  const lies = summaries.flatMap(({ deviation }) =>
    deviation === null
      ? []
      : [
          `lies moved honest scores by at most ${deviation.most} thousandths; bound at most ${deviation.bound}`,
        ],
  )
  const failed = summaries.flatMap(summary => summary.failed)
  return [
    ...lines,
    ...lies,
    `${sum(({ runs }) => runs)} runs, honest nodes blamed in ${sum(({ blamed }) => blamed)}, ` +
      `failed ${failed.length}${failed.length > 0 ? `: ${failed.join(', ')}` : ''}`,
  ].join('\n')
}
