import { readdirSync, readFileSync } from 'node:fs'
import { median } from '../../bench/measure.ts'
import { cpuMsOf } from '../../bench/processes.ts'
import type { SoakNetwork } from './network.ts'

const SAMPLE_EVERY_MS = 1000
const MIB = 1024 * 1024

export interface Sample {
  readonly atMs: number
  readonly name: string
  readonly pid: number
  readonly files: number
  readonly memoryMib: number
  /** Since the process began. */
  readonly cpuMs: number
}

/** How one figure of one process went. */
export interface Growth {
  readonly before: number
  readonly after: number
  readonly slopePerMinute: number
}

/** Open files and resident memory of every daemon, once a second, from /proc: empty where there is none. */
export class ProcessWatch {
  readonly samples: Sample[] = []
  /** Daemons that ended though nobody had killed them. */
  readonly ended: string[] = []
  readonly #network: SoakNetwork
  readonly #isDisturbed: (name: string) => boolean
  #timer: NodeJS.Timeout | undefined
  readonly #startMs = performance.now()

  constructor(network: SoakNetwork, isDisturbed: (name: string) => boolean) {
    this.#network = network
    this.#isDisturbed = isDisturbed
  }

  start(): void {
    this.#timer = setInterval(() => this.#sample(), SAMPLE_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #sample(): void {
    const atMs = performance.now() - this.#startMs
    for (const name of this.#network.names) {
      const { pid } = this.#network.node(name)
      const usage = usageOf(pid)
      if (usage !== undefined) this.samples.push({ atMs, name, pid, ...usage })
      else if (process.platform === 'linux' && !this.#isDisturbed(name) && !this.ended.includes(name)) {
        this.ended.push(name)
      }
    }
  }
}

function usageOf(pid: number): Pick<Sample, 'files' | 'memoryMib' | 'cpuMs'> | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
    if (pages === 0) return undefined
    const files = readdirSync(`/proc/${pid}/fd`).length
    // Linux pages of 4 KiB, as on every platform that Ostraka's binaries are made for
    return { files, memoryMib: (pages * 4096) / MIB, cpuMs: cpuMsOf(pid) }
  } catch {
    return undefined
  }
}

/** Cores in use on average by all daemons together. */
export function coresOf(samples: readonly Sample[]): number {
  const processes = Map.groupBy(samples, ({ pid }) => pid)
  const cpuMs = [...processes.values()].reduce((sum, own) => sum + own.at(-1)!.cpuMs - own[0]!.cpuMs, 0)
  return cpuMs / (samples.at(-1)?.atMs ?? 1)
}

/** The quarter of the run after a warm-up of a quarter, against the last quarter; medians, so that a peak is none. */
export function growthOf(samples: readonly Sample[], figure: 'files' | 'memoryMib'): Growth | undefined {
  const lastMs = samples.at(-1)?.atMs ?? 0
  const part = (from: number, to: number): number[] =>
    samples.filter(({ atMs }) => atMs >= from * lastMs && atMs <= to * lastMs).map(sample => sample[figure])
  const warm = samples.filter(({ atMs }) => atMs >= lastMs / 4)
  const [before, after] = [part(0.25, 0.5), part(0.75, 1)]
  if (before.length === 0 || after.length === 0) return undefined
  const slope = slopeOf(warm.map(sample => [sample.atMs / 60_000, sample[figure]]))
  return { before: median(before), after: median(after), slopePerMinute: slope }
}

/** Least squares. */
function slopeOf(points: ReadonlyArray<readonly [number, number]>): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))]
  const covariance = mean(points.map(([at, value]) => (at - x) * (value - y)))
  const variance = mean(points.map(([at]) => (at - x) ** 2))
  return variance === 0 ? 0 : covariance / variance
}
