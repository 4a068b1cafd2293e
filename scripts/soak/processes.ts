import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { median, quantile } from '../../bench/measure.ts'
import { cpuMsOf } from '../../bench/processes.ts'
import type { SoakNetwork } from './network.ts'

const SAMPLE_EVERY_MS = 1000
const MIB = 1024 * 1024
/** Old enough to have caught up and to have had its share of work; a daemon is killed about once a minute. */
const LIKE_AGE_MS = { least: 20_000, most: 35_000 }
/** /proc/net/tcp: an established connection. */
const ESTABLISHED = '01'
/** A median of fewer lives says little of the next. */
const LEAST_LIVES = 4

export interface Sample {
  readonly atMs: number
  readonly name: string
  readonly pid: number
  /** Without the connections of HTTP clients: those are as many as the clients open, and keep. */
  readonly files: number
  readonly clientConnections: number
  readonly memoryMib: number
  /** Since the process began. */
  readonly cpuMs: number
}

type Figure = 'files' | 'memoryMib'

/** How one figure went: of one process in time, or of the processes of one age from the first to the last. */
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
    const connections = establishedConnections()
    for (const name of this.#network.names) {
      const { pid, api } = this.#network.node(name)
      const usage = usageOf(pid, connections.get(Number(new URL(api).port)) ?? new Set())
      if (usage !== undefined) this.samples.push({ atMs, name, pid, ...usage })
      else if (process.platform === 'linux' && !this.#isDisturbed(name) && !this.ended.includes(name)) {
        this.ended.push(name)
      }
    }
  }
}

/** The inodes of this machine's established TCP connections over IPv4, by local port. */
function establishedConnections(): ReadonlyMap<number, ReadonlySet<string>> {
  const connections = new Map<number, Set<string>>()
  let table = ''
  try {
    table = readFileSync('/proc/net/tcp', 'utf8')
  } catch {
    return connections
  }
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    if (state !== ESTABLISHED) continue
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    connections.set(port, (connections.get(port) ?? new Set()).add(inode))
  }
  return connections
}

type Usage = Pick<Sample, 'files' | 'clientConnections' | 'memoryMib' | 'cpuMs'>

function usageOf(pid: number, clients: ReadonlySet<string>): Usage | undefined {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
    if (pages === 0) return undefined
    const open = readdirSync(`/proc/${pid}/fd`).map(fd => targetOf(`/proc/${pid}/fd/${fd}`))
    const clientConnections = open.filter(target => clients.has(target.slice('socket:['.length, -1))).length
    // Linux pages of 4 KiB, as on every platform that Ostraka's binaries are made for
    const memoryMib = (pages * 4096) / MIB
    return { files: open.length - clientConnections, clientConnections, memoryMib, cpuMs: cpuMsOf(pid) }
  } catch {
    return undefined
  }
}

/** What a descriptor stands for; empty when it was closed since it was listed. */
function targetOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Cores in use on average by all daemons together. */
export function coresOf(samples: readonly Sample[]): number {
  const processes = Map.groupBy(samples, ({ pid }) => pid)
  const cpuMs = [...processes.values()].reduce((sum, own) => sum + own.at(-1)!.cpuMs - own[0]!.cpuMs, 0)
  return cpuMs / (samples.at(-1)?.atMs ?? 1)
}

/**
 * Files by the median, so that a peak is none; memory by what a collection leaves: between two major ones it was seen to
 * rise by a quarter over two minutes, so that a median would say where in that wave the run has ended.
 */
function levelOf(values: readonly number[], figure: Figure): number {
  return figure === 'files' ? median(values) : quantile(values, 0.1)
}

/** Of the one process that lives all the time: the first third of what follows the warm-up against the last third. */
export function growthOf(samples: readonly Sample[], figure: Figure, warmUpMs: number): Growth | undefined {
  const warm = samples.filter(({ atMs }) => atMs >= warmUpMs)
  const third = ((samples.at(-1)?.atMs ?? 0) - warmUpMs) / 3
  const endMs = warmUpMs + 3 * third
  const before = warm.filter(({ atMs }) => atMs <= warmUpMs + third).map(sample => sample[figure])
  const after = warm.filter(({ atMs }) => atMs >= endMs - third).map(sample => sample[figure])
  if (before.length === 0 || after.length === 0) return undefined
  const slope = slopeOf(warm.map(sample => [sample.atMs / 60_000, sample[figure]]))
  return { before: levelOf(before, figure), after: levelOf(after, figure), slopePerMinute: slope }
}

/**
 * Of all processes that reached the age of 20 to 35 s: those that began in the first half of the run against those
 * of the second. Processes of one age have done alike; what grows from one to the next is what lies on disk.
 */
export function growthAtLikeAge(samples: readonly Sample[], figure: Figure): Growth | undefined {
  const halfMs = (samples.at(-1)?.atMs ?? 0) / 2
  const lives = [...Map.groupBy(samples, ({ pid }) => pid).values()].flatMap(own => {
    const bornMs = own[0]!.atMs
    const alike = own.filter(
      ({ atMs }) => atMs - bornMs >= LIKE_AGE_MS.least && atMs - bornMs <= LIKE_AGE_MS.most,
    )
    return alike.length === 0 ? [] : [{ bornMs, value: median(alike.map(sample => sample[figure])) }]
  })
  const values = (isEarly: boolean): number[] =>
    lives.filter(({ bornMs }) => bornMs < halfMs === isEarly).map(({ value }) => value)
  const [before, after] = [values(true), values(false)]
  if (before.length < LEAST_LIVES || after.length < LEAST_LIVES) return undefined
  const slope = slopeOf(lives.map(({ bornMs, value }) => [bornMs / 60_000, value]))
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
