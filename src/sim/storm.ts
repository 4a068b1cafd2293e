import { type Rng, randomBelow, randomUnit } from '../base/index.ts'
import { DEFAULT_PRECISION_MS } from '../wire/index.ts'
import type { FaultCounts } from './fault-counts.ts'
import type { SimHost } from './host.ts'
import { CALM, type SimNetwork } from './network.ts'
import type { Plan } from './plan.ts'
import type { RecordMesh } from './records.ts'

export interface StormContext {
  readonly plan: Plan
  readonly rng: Rng
  readonly faults: FaultCounts
  readonly hosts: readonly SimHost[]
  readonly network: SimNetwork
  readonly records: RecordMesh
  /** How many honest hosts may be down at once. */
  readonly mayBeDown: number
  isHonest(peerId: string): boolean
  start(host: SimHost): void
}

const PARTITION_MS: Range = [500, 12_000]
const DOWN_MS: Range = [200, 5000]
const FULL_MS: Range = [200, 5000]
const OUTAGE_MS: Range = [500, 2500]
/** Beyond what time daemons leave. Any two clocks stay within the precision that the genesis asks of them. */
const CLOCK_JUMP_MS = DEFAULT_PRECISION_MS / 2

type Cut = readonly [from: SimHost, to: SimHost]
type Range = readonly [low: number, high: number]

/** The faults of the safety phase. Each kind goes on by itself until `end`, which heals everything. */
export class Storm {
  readonly #context: StormContext
  readonly #healing: (() => void)[] = []
  #isOver = false
  /** Who has lost its disk, and counts among the faulty until the network has moved on. */
  #lost: SimHost | undefined

  constructor(context: StormContext) {
    this.#context = context
  }

  begin(): void {
    const { plan, network, records } = this.#context
    network.conditions = plan.conditions
    records.missRate = plan.recordMissRate
    this.#every(plan.partitionEveryMs, () => this.#partition())
    this.#every(plan.crashEveryMs, () => this.#crash())
    this.#every(plan.clockJumpEveryMs, () => this.#jump())
    this.#every(plan.fullDiskEveryMs, () => this.#fillDisk())
    if (plan.outageAtMs !== undefined) this.#later(plan.outageAtMs, () => this.#outage())
    if (plan.diskLossAtMs !== undefined) this.#later(plan.diskLossAtMs, () => this.#loseDisk())
  }

  /** The weather clears: wires mend, clocks are right, every host runs. */
  end(): void {
    this.#isOver = true
    const { network, records, hosts, start } = this.#context
    network.conditions = CALM
    records.missRate = 0
    for (const heal of this.#healing) heal()
    for (const host of hosts) {
      host.clockOffsetMs = 0
      host.disk.fill(false)
      if (!host.isUp) start(host)
    }
  }

  #every(meanMs: number | undefined, strike: () => void): void {
    if (meanMs === undefined) return
    const next = (): void => {
      this.#later(meanMs * 2 * randomUnit(this.#context.rng), () => {
        strike()
        next()
      })
    }
    next()
  }

  #later(delayMs: number, task: () => void): void {
    this.#context.network.context.time.schedule(delayMs, () => {
      if (!this.#isOver) task()
    })
  }

  /** One direction between two hosts, or everything that one host says, or hears. */
  #partition(): void {
    const { rng, hosts, network } = this.#context
    const one = this.#pick(hosts)
    const others = hosts.filter(host => host !== one)
    const targets = randomBelow(rng, 3) === 0 ? others : [this.#pick(others)]
    const isDeaf = randomBelow(rng, 2) === 0
    const cuts = targets.map((other): Cut => (isDeaf ? [other, one] : [one, other]))
    for (const [from, to] of cuts) network.block(from.peerId, to.peerId)
    const heal = (): void => {
      for (const [from, to] of cuts) network.unblock(from.peerId, to.peerId)
    }
    this.#healing.push(heal)
    this.#later(this.#between(PARTITION_MS), heal)
  }

  #crash(): void {
    const { hosts, mayBeDown, faults, isHonest, rng } = this.#context
    const honest = hosts.filter(host => isHonest(host.peerId))
    const missing = (): number => honest.filter(host => !host.isUp || host === this.#lost).length
    if (missing() >= mayBeDown) return
    const up = honest.filter(host => host.isUp)
    if (up.length === 0) return
    const coordinator = up.find(host => host.port?.status().coordinator === host.peerId)
    const host = coordinator !== undefined && randomBelow(rng, 3) === 0 ? coordinator : this.#pick(up)
    const strike = (): void => {
      if (this.#isOver || !host.isUp || missing() >= mayBeDown) return
      faults.add('crash')
      this.#takeDown(host, DOWN_MS)
    }
    // the worst moment is between a write and its durability
    if (randomBelow(rng, 2) === 0) strike()
    else host.disk.atNextWrite(strike)
  }

  /** The power of the whole site. */
  #outage(): void {
    this.#context.faults.add('outage')
    for (const host of this.#context.hosts) if (host.isUp) this.#takeDown(host, OUTAGE_MS)
  }

  #loseDisk(): void {
    const { hosts, faults, isHonest, rng } = this.#context
    const host = this.#pick(hosts.filter(each => each.isUp && isHonest(each.peerId)))
    const strike = (): void => {
      if (this.#isOver || !host.isUp) return
      faults.add('disk-loss')
      this.#lost = host
      this.#takeDown(host, DOWN_MS)
      host.loseDisk()
    }
    if (randomBelow(rng, 2) === 0) strike()
    else host.disk.atNextWrite(strike)
  }

  #takeDown(host: SimHost, range: Range): void {
    host.crash()
    this.#later(this.#between(range), () => {
      if (!host.isUp) this.#context.start(host)
    })
  }

  #jump(): void {
    const { hosts, rng, faults } = this.#context
    this.#pick(hosts).clockOffsetMs = Math.round((2 * randomUnit(rng) - 1) * CLOCK_JUMP_MS)
    faults.add('clock-jump')
  }

  #fillDisk(): void {
    const { disk } = this.#pick(this.#context.hosts)
    disk.fill(true)
    this.#later(this.#between(FULL_MS), () => disk.fill(false))
  }

  #pick<T>(from: readonly T[]): T {
    return from[randomBelow(this.#context.rng, from.length)]!
  }

  #between([low, high]: Range): number {
    return low + randomUnit(this.#context.rng) * (high - low)
  }
}
