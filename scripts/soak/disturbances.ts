import { setTimeout as sleep } from 'node:timers/promises'
import { type Rng, randomBelow, randomUnit } from '../../src/base/index.ts'
import { Flooder } from '../flood/flooder.ts'
import { eventually, type SoakNetwork } from './network.ts'

const CYCLE_MS = 10_000
const STOP_AT_MS = 5000
const STOPPED_MS = 5000
/** Once in two minutes a member floods in place of a stop; a peer that was cut off is taken back after ten seconds. */
const FLOOD_EVERY = 12
const FLOODED_MS = 8000
/** A killed node stays away for between one and three seconds. */
const AWAY_MS = { least: 1000, most: 3000 }
/** f of seven. */
const MAX_DISTURBED = 2
/** Coordinators change every 3 s epoch; one that may be killed comes soon. */
const COORDINATOR_DEADLINE_MS = 9000
const POLL_MS = 50
const WELL_DEADLINE_MS = 60_000

export interface DisturbanceFigures {
  readonly kills: number
  readonly coordinatorsKilled: number
  readonly stops: number
  /** Times in which a member flooded the others. */
  readonly floods: number
  /** Kills and stops that had to wait, since two nodes were disturbed already, and the longest such wait. */
  readonly late: number
  readonly longestWaitMs: number
  /** From a kill until the node serves again and has caught up. */
  readonly recoveryMs: readonly number[]
  readonly faults: readonly string[]
}

/**
 * Kills a node every 10 s, every second time the coordinator, and again the next time when its office had passed on
 * meanwhile; and stops one for 5 s in between, or every twelfth time lets it flood the others. The witness is only ever stopped: its process lives through the whole run,
 * so that its memory can be followed.
 */
export class Disturbances {
  readonly witness: string
  readonly #network: SoakNetwork
  readonly #rng: Rng
  readonly #disturbed = new Set<string>()
  readonly #recoveries = new Set<Promise<void>>()
  readonly #figures = {
    kills: 0,
    coordinatorsKilled: 0,
    stops: 0,
    floods: 0,
    late: 0,
    longestWaitMs: 0,
    recoveryMs: [] as number[],
    faults: [] as string[],
  }

  constructor(network: SoakNetwork, rng: Rng) {
    this.#network = network
    this.#rng = rng
    this.witness = network.names[0]!
  }

  get figures(): DisturbanceFigures {
    return this.#figures
  }

  isDisturbed(name: string): boolean {
    return this.#disturbed.has(name)
  }

  /** Begins disturbances for so long; resolves when the last node is well again. */
  async run(durationMs: number): Promise<void> {
    const startMs = performance.now()
    const until = (ms: number): Promise<void> => sleep(Math.max(0, startMs + ms - performance.now()))
    for (let cycle = 0; (cycle + 1) * CYCLE_MS <= durationMs; cycle++) {
      await until(cycle * CYCLE_MS)
      await this.#slot()
      const isForCoordinator = this.#figures.coordinatorsKilled < (cycle + 1) / 2
      this.#begin(await (isForCoordinator ? this.#coordinator() : this.#anyone(false)), name =>
        this.#kill(name, isForCoordinator),
      )
      await until(cycle * CYCLE_MS + STOP_AT_MS)
      await this.#slot()
      if (cycle % FLOOD_EVERY === FLOOD_EVERY - 1) this.#begin(this.#anyone(false), name => this.#flood(name))
      else this.#begin(this.#anyone(true), name => this.#stop(name))
    }
    await Promise.all(this.#recoveries)
  }

  /** Waits until another node may be disturbed. */
  async #slot(): Promise<void> {
    const startMs = performance.now()
    while (this.#disturbed.size >= MAX_DISTURBED) await sleep(POLL_MS)
    const waitedMs = performance.now() - startMs
    if (waitedMs > POLL_MS) this.#figures.late++
    this.#figures.longestWaitMs = Math.max(this.#figures.longestWaitMs, waitedMs)
  }

  #anyone(mayBeWitness: boolean): string {
    const names = this.#network.names.filter(
      name => !this.#disturbed.has(name) && (mayBeWitness || name !== this.witness),
    )
    return names[randomBelow(this.#rng, names.length)]!
  }

  /** The coordinator as soon as it is one that may be killed; anyone else when none comes in time. */
  async #coordinator(): Promise<string> {
    let found: string | undefined
    await eventually(async () => {
      const asked = this.#anyone(true)
      const name = await this.#network.coordinator(asked).catch(() => undefined)
      const canBeKilled = name !== undefined && name !== this.witness && !this.#disturbed.has(name)
      if (canBeKilled) found = name
      return canBeKilled
    }, COORDINATOR_DEADLINE_MS)
    return found ?? this.#anyone(false)
  }

  #begin(name: string, disturb: (name: string) => Promise<void>): void {
    this.#disturbed.add(name)
    const recovery = disturb(name)
      .catch(error => void this.#figures.faults.push(`${name}: ${error}`))
      .finally(() => {
        this.#disturbed.delete(name)
        this.#recoveries.delete(recovery)
      })
    this.#recoveries.add(recovery)
  }

  async #kill(name: string, isForCoordinator: boolean): Promise<void> {
    const awayMs = AWAY_MS.least + randomUnit(this.#rng) * (AWAY_MS.most - AWAY_MS.least)
    const isCoordinator = isForCoordinator && (await this.#isCoordinator(name))
    const startMs = performance.now()
    await this.#network.kill(name)
    this.#figures.kills++
    if (isCoordinator) this.#figures.coordinatorsKilled++
    await sleep(awayMs)
    await this.#network.restart(name)
    await this.#untilWell(name)
    this.#figures.recoveryMs.push(performance.now() - startMs)
  }

  /** As the last look before the kill. */
  async #isCoordinator(name: string): Promise<boolean> {
    return (await this.#network.coordinator(this.#anyone(true)).catch(() => undefined)) === name
  }

  async #stop(name: string): Promise<void> {
    const { pid } = this.#network.node(name)
    process.kill(pid, 'SIGSTOP')
    this.#figures.stops++
    try {
      await sleep(STOPPED_MS)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await this.#untilWell(name)
  }

  /** Another process takes its place and its identity, and floods its peers; then it comes back, and is taken back. */
  async #flood(name: string): Promise<void> {
    const asked = this.#anyone(true)
    const keyId = (await this.#network.gateway(asked).lent.keys()).find(key => key.kind === 'ed25519')!.keyId
    await this.#network.kill(name)
    this.#network.leaveOut(name)
    const flooder = Flooder.start(this.#network, name, {
      ...{ keyId, mark: 'soak flood', peers: this.#network.names.length },
    })
    this.#figures.floods++
    try {
      await sleep(FLOODED_MS)
    } finally {
      await flooder.stop()
      this.#network.takeBack(name)
    }
    await this.#network.restart(name)
    await this.#untilWell(name)
  }

  async #untilWell(name: string): Promise<void> {
    const reference = this.#anyone(true)
    if (await eventually(() => this.#network.isCaughtUp(name, reference), WELL_DEADLINE_MS)) return
    this.#figures.faults.push(`${name} did not catch up within ${WELL_DEADLINE_MS} ms`)
  }
}
