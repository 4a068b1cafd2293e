import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { FAULT_KINDS, type FaultKind } from './fault-counts.ts'
import { MISDEEDS, STORM_MISDEEDS } from './misdeeds.ts'
import { type SimulationOptions, type SimulationReport, simulate } from './simulation.ts'

export interface SimOptions {
  /** Run this one seed. */
  readonly seed?: number | undefined
  /** Run seeds 1 to this. */
  readonly seeds?: number | undefined
  readonly nodes: number
  readonly ops: number
  readonly json?: boolean | undefined
}

/** Batches take minutes; this often they say that they are alive. */
const PROGRESS_EVERY = 25

/** What storms are made of: the other misdeeds are tried one by one. */
const STORM_FAULTS = FAULT_KINDS.filter(
  kind => !MISDEEDS.some(misdeed => misdeed === kind) || STORM_MISDEEDS.some(misdeed => misdeed === kind),
)

/** From so many seeds on, every kind of fault must have fired, or the storms are no storms. */
const TELLING_SEEDS = 40

/** Runs one seed, or many on all cores. Prints what was seen; 0 when all is well, 1 when a checker has found something. */
export async function runSim(options: SimOptions): Promise<number> {
  const { nodes, ops, json } = options
  if (options.seeds === undefined) {
    const report = await simulate({ seed: options.seed ?? 1, nodes, ops })
    console.log(json ? JSON.stringify(report) : describeReport(report, options))
    return report.findings.length === 0 ? 0 : 1
  }
  const runs = Array.from({ length: options.seeds }, (_, index) => ({ seed: index + 1, nodes, ops }))
  let done = 0
  const reports = await runBatch(runs, report => {
    done++
    if (json) return
    if (report.findings.length > 0) console.log(describeReport(report, options))
    if (done % PROGRESS_EVERY === 0 && done < runs.length) console.log(`${done} of ${runs.length} seeds`)
  })
  const summary = summarize(reports, nodes)
  console.log(json ? JSON.stringify(summary) : describeSummary(summary))
  return summary.failed.length === 0 && summary.silentFaults.length === 0 ? 0 : 1
}

/** What a worker process is told to run. */
export type RunOptions = Pick<SimulationOptions, 'seed' | 'nodes' | 'ops' | 'misdeed'>

/** A worker process a core; each takes the next run when it is done with one. Reports come in the order of seeds. */
export async function runBatch(
  runs: readonly RunOptions[],
  onReport: (report: SimulationReport) => void,
): Promise<SimulationReport[]> {
  const waiting = [...runs]
  const reports: SimulationReport[] = []
  const script = `${import.meta.dirname}/worker${extname(import.meta.filename)}`
  const workers = Array.from({ length: Math.min(availableParallelism(), runs.length) }, () => {
    const worker = fork(script)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let current: RunOptions | undefined
    const next = (): void => {
      current = waiting.shift()
      if (current === undefined) worker.disconnect()
      else worker.send(current)
    }
    worker.on('message', (report: SimulationReport) => {
      reports.push(report)
      onReport(report)
      next()
    })
    worker.on('exit', code => {
      if (current === undefined) resolve()
      else reject(new Error(`the worker that ran seed ${current.seed} exited with ${code}`))
    })
    next()
    return promise
  })
  await Promise.all(workers)
  return reports.sort((a, b) => a.seed - b.seed)
}

export interface Summary {
  readonly seeds: number
  readonly failed: readonly number[]
  readonly faults: Readonly<Record<FaultKind, number>>
  /** Faults that should have fired somewhere in so many seeds, and did not. */
  readonly silentFaults: readonly FaultKind[]
  readonly seen: SimulationReport['seen']
  readonly events: number
  readonly traceHash: string
}

export function summarize(reports: readonly SimulationReport[], nodes: number): Summary {
  const sum = <K extends string>(
    pick: (report: SimulationReport) => Readonly<Record<K, number>>,
  ): Record<K, number> => {
    const total: Partial<Record<K, number>> = {}
    for (const report of reports) {
      for (const [name, count] of Object.entries(pick(report)) as [K, number][])
        total[name] = (total[name] ?? 0) + count
    }
    return total as Record<K, number>
  }
  const faults = sum(report => report.faults)
  // three nodes bear no faulty one: there nobody lies, and nobody dies alone
  const expected = reports.length >= TELLING_SEEDS && nodes >= 4 ? STORM_FAULTS : []
  const hash = createHash('sha256')
  for (const report of reports) hash.update(report.traceHash)
  return {
    seeds: reports.length,
    failed: reports.filter(report => report.findings.length > 0).map(report => report.seed),
    faults,
    silentFaults: expected.filter(kind => faults[kind] === 0),
    seen: sum(report => report.seen),
    events: reports.reduce((total, report) => total + report.events, 0),
    traceHash: hash.digest('hex'),
  }
}

function counts(record: Readonly<Record<string, number>>): string {
  return Object.entries(record)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function describeReport(report: SimulationReport, { nodes, ops }: SimOptions): string {
  const { seed, findings, events, virtualMs, faults, seen, outcomes, traceHash } = report
  return [
    `seed ${seed}: ${findings.length === 0 ? 'passed' : 'FAILED'}, ${events} events in ${virtualMs / 1000} virtual seconds`,
    ...findings.map(finding => `  FOUND   ${finding}`),
    `  faults  ${counts(faults)}`,
    `  seen    ${counts(seen)}`,
    `  clients ${counts(outcomes)}`,
    `  trace   ${traceHash}`,
    `  replay  npx ostraka sim --seed ${seed} --nodes ${nodes} --ops ${ops}`,
  ].join('\n')
}

function describeSummary({ seeds, failed, faults, silentFaults, seen, events, traceHash }: Summary): string {
  return [
    `${seeds} seeds, ${failed.length} failed${failed.length > 0 ? `: ${failed.join(', ')}` : ''}; ${events} events`,
    ...(silentFaults.length > 0 ? [`  FOUND   faults that never fired: ${silentFaults.join(', ')}`] : []),
    `  faults  ${counts(faults)}`,
    `  seen    ${counts(seen)}`,
    `  trace   ${traceHash}`,
  ].join('\n')
}
