import { loadavg } from 'node:os'
import { quantile } from '../../bench/measure.ts'
import { SeededRng } from '../../src/base/index.ts'
import { type DisturbanceFigures, Disturbances } from './disturbances.ts'
import { type Ending, inspectEnding } from './ending.ts'
import { type Done, Load } from './load.ts'
import { LogWatch } from './logs.ts'
import { SoakNetwork } from './network.ts'
import { coresOf, type Growth, growthAtLikeAge, growthOf, ProcessWatch } from './processes.ts'

/** The bound for one operation. */
export const DONE_WITHIN_MS = 10_000
/** By then every peer is connected, and LevelDB has its tables. */
const FILES_WARM_UP_MS = 60_000
/** Before, V8 still compiles and optimises, and lets its heap grow to what the load makes it want. */
export const MEMORY_WARM_UP_MS: number = 3 * 60_000
const PROGRESS_EVERY_MS = 10_000

export interface SoakOptions {
  readonly durationMs: number
  readonly nodes: number
  readonly rateHz: number
  /** Draws what is asked, which daemon is asked first, and who is disturbed; when, only the schedule says. */
  readonly seed: string
  readonly onProgress?: (line: string) => void
}

export interface OperationFigures {
  readonly what: string
  readonly count: number
  readonly failed: number
  readonly late: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface SoakFigures {
  readonly options: Omit<SoakOptions, 'onProgress'>
  /** The last row is of all operations. */
  readonly operations: readonly OperationFigures[]
  readonly wrongOutputs: number
  /** Of all operations, the share that was done within 10 s. */
  readonly doneInTime: number
  readonly retries: Readonly<Record<string, number>>
  readonly disturbances: DisturbanceFigures
  readonly keys: number
  readonly uselessKeys: number
  readonly ending: Ending
  readonly endedByThemselves: readonly string[]
  /** The witness's, whose process lived all the time; undefined without /proc. */
  readonly files: Growth | undefined
  readonly memoryMib: Growth | undefined
  /** Of the restarted daemons at one age; undefined also when the run was too short. */
  readonly filesAtLikeAge: Growth | undefined
  readonly memoryMibAtLikeAge: Growth | undefined
  /** The most that any daemon had. */
  readonly mostFiles: number
  readonly mostClientConnections: number
  readonly mostMemoryMib: number
  /** Cores in use on average by all daemons together. */
  readonly cores: number
  readonly faults: readonly string[]
  /** Of operations that took more than 5 s, or failed: the slowest. */
  readonly stories: readonly string[]
  /** Of the machine, at the beginning and at the end: 1-minute averages. */
  readonly machineLoad: readonly [number, number]
}

/** One soak, from seven new daemons to none. */
export async function soak(options: SoakOptions): Promise<SoakFigures> {
  const { onProgress = () => {} } = options
  const loadAtStart = loadavg()[0]!
  const network = await SoakNetwork.start(options.nodes)
  try {
    const load = new Load(network, options)
    await load.prepare()
    onProgress(`${options.nodes} daemons serve, ${load.keys.length} keys are made`)
    const disturbances = new Disturbances(network, new SeededRng(`soak disturbances ${options.seed}`))
    const watch = new ProcessWatch(network, name => disturbances.isDisturbed(name))
    const logs = new LogWatch(network)
    watch.start()
    logs.start()
    const progress = setInterval(() => onProgress(progressOf(load, disturbances.figures)), PROGRESS_EVERY_MS)
    try {
      await Promise.all([load.run(), disturbances.run(options.durationMs)])
    } finally {
      clearInterval(progress)
      watch.stop()
      await logs.stop()
    }
    onProgress('the load has ended; each node is asked what it has')
    const ending = await inspectEnding(network, logs, load.keys)
    const uselessKeys = await load.useEachKey()
    const parts = { load, disturbances, watch, ending, uselessKeys }
    return figuresOf(options, parts, [loadAtStart, loadavg()[0]!])
  } finally {
    await network.stop()
  }
}

function progressOf(load: Load, { kills, coordinatorsKilled, stops }: DisturbanceFigures): string {
  const { done, pending, keys } = load
  const failed = done.filter(one => one.failure !== undefined).length
  const p99 = Math.round(quantile(times(done), 0.99))
  const nodes = `${kills} kills (${coordinatorsKilled} of coordinators), ${stops} stops`
  return `${done.length} done, ${failed} failed, ${pending} pending, p99 ${p99} ms, ${keys.length} keys; ${nodes}`
}

interface Parts {
  readonly load: Load
  readonly disturbances: Disturbances
  readonly watch: ProcessWatch
  readonly ending: Ending
  readonly uselessKeys: number
}

function figuresOf(
  { durationMs, nodes, rateHz, seed }: SoakOptions,
  { load, disturbances, watch, ending, uselessKeys }: Parts,
  machineLoad: readonly [number, number],
): SoakFigures {
  const names = [...new Set(load.done.map(({ what }) => what))].sort()
  const witness = watch.samples.filter(({ name }) => name === disturbances.witness)
  const restarted = watch.samples.filter(({ name }) => name !== disturbances.witness)
  const inTime = load.done.filter(one => one.failure === undefined && one.ms <= DONE_WITHIN_MS)
  return {
    options: { durationMs, nodes, rateHz, seed },
    operations: [
      ...names.map(name =>
        operationFigures(
          name,
          load.done.filter(({ what }) => what === name),
        ),
      ),
      operationFigures('all', load.done),
    ],
    wrongOutputs: load.done.filter(({ failure }) => failure === 'wrong output').length,
    doneInTime: inTime.length / load.done.length,
    retries: Object.fromEntries(load.retries),
    disturbances: disturbances.figures,
    keys: load.keys.length,
    uselessKeys,
    ending,
    endedByThemselves: watch.ended,
    files: growthOf(witness, 'files', Math.min(FILES_WARM_UP_MS, durationMs / 4)),
    memoryMib: growthOf(witness, 'memoryMib', MEMORY_WARM_UP_MS),
    filesAtLikeAge: growthAtLikeAge(restarted, 'files'),
    memoryMibAtLikeAge: growthAtLikeAge(restarted, 'memoryMib'),
    mostFiles: most(watch.samples.map(({ files }) => files)),
    mostClientConnections: most(watch.samples.map(({ clientConnections }) => clientConnections)),
    mostMemoryMib: most(watch.samples.map(({ memoryMib }) => memoryMib)),
    cores: coresOf(watch.samples),
    faults: load.faults,
    stories: load.stories,
    machineLoad,
  }
}

function operationFigures(what: string, done: readonly Done[]): OperationFigures {
  const ms = times(done)
  return {
    what,
    count: done.length,
    failed: done.filter(({ failure }) => failure !== undefined).length,
    late: done.filter(one => one.failure === undefined && one.ms > DONE_WITHIN_MS).length,
    p50Ms: quantile(ms, 0.5),
    p99Ms: quantile(ms, 0.99),
    maxMs: most(ms),
  }
}

function times(done: readonly Done[]): readonly number[] {
  return done.map(({ ms }) => ms)
}

function most(values: readonly number[]): number {
  return values.reduce((highest, value) => Math.max(highest, value), 0)
}
