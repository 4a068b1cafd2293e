import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ClassicLevel } from 'classic-level'
import { quantile } from '../../bench/measure.ts'
import { SeededRng } from '../../src/base/index.ts'
import { Asking } from '../soak/asking.ts'
import { create } from '../soak/changes.ts'
import { type AcknowledgedKey, use, useOf } from '../soak/keyring.ts'
import { eventually, SoakNetwork } from '../soak/network.ts'
import { Flooder } from './flooder.ts'

/** What a flood may cost the others: a fifth of their rate, and half again of a block's time. */
const LEAST_RATE = 0.8
const MOST_INTERVAL = 1.5

const POLL_MS = 50
/** Reports are made once an epoch of three seconds, and settled in the next. */
const NAMED_DEADLINE_MS = 30_000
/** A process has started, and is connected. */
const BEGUN_DEADLINE_MS = 60_000
/** Before the first measurement: connections, compiled code, nonces in stock. */
const WARM_UP_MS = 5_000

export interface FloodOptions {
  readonly durationMs: number
  readonly nodes: number
  readonly clients: number
  /** Operations a second that the clients ask for together: what the machine bears without a flood, and half again. */
  readonly ratePerSecond: number
  readonly seed: string
  readonly onProgress: (line: string) => void
}

export interface FloodBound {
  readonly title: string
  readonly found: string
  readonly hasHeld: boolean
}

interface Phase {
  readonly latenciesMs: readonly number[]
  readonly failed: number
  readonly intervalsMs: readonly number[]
  /** What one daemon of the others used, the busiest of them. */
  readonly cpuSeconds: number
}

/** One flood, from new daemons to none. */
export async function flood(options: FloodOptions): Promise<readonly FloodBound[]> {
  const { onProgress, durationMs } = options
  const network = await SoakNetwork.start(options.nodes)
  try {
    const culprit = network.names.at(-1)!
    const culpritId = network.node(culprit).peerId
    const rng = new SeededRng(`flood ${options.seed}`)
    network.leaveOut(culprit)
    const asking = new Asking(network, rng, new Map())
    const keys: AcknowledgedKey[] = []
    for (const kind of ['ed25519', 'ristretto255'] as const) {
      keys.push(await create(asking, `flood-${kind}`, kind, { threshold: 3, shares: 5 }))
    }
    const [witness] = network.names
    const { keyId } = (await network.gateway(witness!).lent.keys()).find(key => key.kind === 'ed25519')!
    await measure(network, keys, options, WARM_UP_MS)
    const before = await measure(network, keys, options, durationMs)
    onProgress(`without a flood: ${inWords(before)}`)
    await network.kill(culprit)
    const mark = `flood-${randomUUID()}`
    const flooder = Flooder.start(network, culprit, { keyId, mark, peers: network.names.length })
    if (!(await eventually(async () => (await flooder.sent()).requests > 0, BEGUN_DEADLINE_MS))) {
      throw new Error('the flooder never got a connection')
    }
    const named = whenNamed(network, culpritId)
    const during = await measure(network, keys, options, durationMs)
    onProgress(`with one: ${inWords(during)}; it sent ${JSON.stringify(await flooder.sent())}`)
    const isNamed = await named
    const cutOffBy = await cutOffs(network)
    await flooder.stop()
    const directories = network.names.map(name => join(network.node(name).dir, 'db'))
    await network.halt()
    const left = await Promise.all(directories.map(directory => entriesWith(directory, mark)))
    return boundsOf({ before, during, isNamed, cutOffBy, left, honest: network.names.length })
  } finally {
    await network.stop()
  }
}

interface Found {
  readonly before: Phase
  readonly during: Phase
  readonly isNamed: string
  readonly cutOffBy: number
  readonly left: readonly number[]
  readonly honest: number
}

function boundsOf({ before, during, isNamed, cutOffBy, left, honest }: Found): readonly FloodBound[] {
  const [was, is] = [before, during].map(({ latenciesMs }) => latenciesMs.length) as [number, number]
  const rate = is / was
  const bound = (title: string, found: string, hasHeld: boolean): FloodBound => ({ title, found, hasHeld })
  const intervals = [0.5, 0.9].map(q => {
    const [was, is] = [quantile(before.intervalsMs, q), quantile(during.intervalsMs, q)]
    const found = `${was.toFixed(0)} → ${is.toFixed(0)} ms`
    return bound(`block interval, ${q * 100} %, within ${MOST_INTERVAL}x`, found, is <= was * MOST_INTERVAL)
  })
  return [
    bound(
      `operations through the others, at least ${LEAST_RATE * 100} %`,
      `${was} → ${is}, ${(rate * 100).toFixed(1)} %`,
      rate >= LEAST_RATE,
    ),
    bound('operations that failed under the flood', String(during.failed), during.failed === 0),
    ...intervals,
    bound('the flooder is named in trust, and loses score', isNamed || 'no', isNamed !== ''),
    bound('nodes that cut it off', `${cutOffBy} of ${honest}`, cutOffBy === honest),
    bound(
      'entries of it on disk',
      left.join(' '),
      left.every(count => count === 0),
    ),
  ]
}

function inWords({ latenciesMs, cpuSeconds }: Phase): string {
  const [half, most] = [0.5, 0.99].map(q => quantile(latenciesMs, q).toFixed(0))
  return `${latenciesMs.length} operations, half of them within ${half} ms, 99 % within ${most} ms; ${cpuSeconds.toFixed(1)} s of CPU a daemon`
}

/**
 * Clients that each ask for one operation after the other, and how far apart blocks are meanwhile. They keep to a rate: all
 * daemons and the flooder share this machine, and one that is saturated would measure how it shares its processor.
 */
async function measure(
  network: SoakNetwork,
  keys: readonly AcknowledgedKey[],
  { clients, ratePerSecond, seed }: FloodOptions,
  durationMs: number,
): Promise<Phase> {
  const beganMs = performance.now()
  const endMs = beganMs + durationMs
  const pauseMs = 1000 / ratePerSecond
  const latenciesMs: number[] = []
  let failed = 0
  const cpuBefore = await cpuSecondsOf(network)
  const client = async (number: number): Promise<void> => {
    const rng = new SeededRng(`flood client ${number} ${seed}`)
    for (let asked = number; performance.now() < endMs; asked += clients) {
      const key = keys[asked % keys.length]!
      await sleep(Math.max(0, beganMs + asked * pauseMs - performance.now()))
      const askedMs = performance.now()
      try {
        await use(useOf(key.kind), key, new Asking(network, rng, new Map()), rng)
        latenciesMs.push(performance.now() - askedMs)
      } catch {
        failed++
      }
    }
  }
  const [intervalsMs] = await Promise.all([
    blockIntervals(network, endMs),
    ...Array.from({ length: clients }, (_, number) => client(number)),
  ])
  const cpuAfter = await cpuSecondsOf(network)
  const cpuSeconds = Math.max(...cpuAfter.map((seconds, index) => seconds - cpuBefore[index]!))
  return { latenciesMs, failed, intervalsMs, cpuSeconds }
}

function cpuSecondsOf(network: SoakNetwork): Promise<number[]> {
  return Promise.all(
    network.names.map(async name => {
      const metrics = await network.gateway(name).lent.metrics()
      return Number(/^process_cpu_seconds_total ([0-9.]+)/m.exec(metrics)?.[1])
    }),
  )
}

async function blockIntervals(network: SoakNetwork, endMs: number): Promise<readonly number[]> {
  const intervals: number[] = []
  const { lent } = network.gateway(network.names[0]!)
  let [height, atMs] = [0, 0]
  while (performance.now() < endMs) {
    const status = await lent.status().catch(() => undefined)
    const nowMs = performance.now()
    if (status !== undefined && status.height > height) {
      if (height > 0) intervals.push((nowMs - atMs) / (status.height - height))
      height = status.height
      atMs = nowMs
    }
    await sleep(POLL_MS)
  }
  return intervals
}

/** Waits until a majority of the others have reported its excess and its agreed score has fallen; in words, or ''. */
async function whenNamed(network: SoakNetwork, culpritId: string): Promise<string> {
  let found = ''
  const { lent } = network.gateway(network.names[0]!)
  await eventually(async () => {
    const trust = await lent.trust().catch(() => undefined)
    const accusers = trust?.reports.filter(({ observations }) =>
      observations.some(({ subject, excess }) => subject === culpritId && excess > 0),
    )
    const score = trust?.scores.find(({ peerId }) => peerId === culpritId)?.score ?? 1
    if (accusers === undefined || accusers.length * 2 <= network.names.length || score >= 1) return false
    found = `by ${accusers.length}, score ${score}`
    return true
  }, NAMED_DEADLINE_MS)
  return found
}

/** How many nodes have sent a peer away: over its budgets, or for messages that every node refuses. */
async function cutOffs(network: SoakNetwork): Promise<number> {
  const counts = await Promise.all(
    network.names.map(async name => {
      const metrics = await network.gateway(name).lent.metrics()
      return /^ostraka_events\{event="peer_sent_away"\} ([0-9]+)/m.exec(metrics)?.[1]
    }),
  )
  return counts.filter(count => Number(count) > 0).length
}

/** Entries of a stopped daemon's database that hold the mark in key or value. */
async function entriesWith(directory: string, mark: string): Promise<number> {
  const level = new ClassicLevel<Buffer, Buffer>(directory, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  let count = 0
  try {
    for await (const [key, value] of level.iterator()) {
      if (key.includes(mark) || value.includes(mark)) count++
    }
  } finally {
    await level.close()
  }
  return count
}
