import type { PeerId } from '../base/index.ts'

/**
 * Work on shares runs in slices of so many units, five milliseconds: between them the event loop takes in votes, and
 * whatever else has come.
 */
export const SLICE_UNITS = 5_000

/** A core does a million units a second: what passes at once without waiting for its turn. */
const UNITS_PER_MS = 1_000

/** What a peer of full weight may spend in one round of turns; one of the least weight a tenth of it. */
const QUANTUM_UNITS = 1_000
const LEAST_WEIGHT = 0.1

interface Lane<T> {
  readonly jobs: T[]
  credit: number
}

/**
 * Jobs by the peer that they are for, served in weighted turns (deficit round robin: Shreedhar and Varghese, SIGCOMM
 * 1995): a peer with a thousand jobs waits behind itself, one with a single job waits for one turn of each other peer.
 * Changed in place.
 */
export class WorkQueue<T> {
  /** Peers with jobs, the one whose turn it is first. */
  readonly #lanes = new Map<PeerId, Lane<T>>()
  readonly #weightOf: (peerId: PeerId) => number
  #size = 0
  /** What may run at once now. */
  #allowance = SLICE_UNITS
  #allowanceAtMs = 0
  #isRunning = false
  /** Whether the driver has been asked to go on. */
  isDue = false

  /** `weightOf`: 0 to 1. */
  constructor(weightOf: (peerId: PeerId) => number) {
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#size
  }

  add(from: PeerId, job: T): void {
    this.#size++
    const lane = this.#lanes.get(from)
    if (lane === undefined) this.#lanes.set(from, { jobs: [job], credit: this.#quantum(from) })
    else lane.jobs.push(job)
  }

  /** Nobody waits for a peer's jobs any more: takes them out. */
  drop(from: PeerId): readonly T[] {
    const jobs = this.#lanes.get(from)?.jobs ?? []
    this.#lanes.delete(from)
    this.#size -= jobs.length
    return jobs
  }

  /**
   * Runs slices in turn until `limit` units are spent, or nothing is left. `run` runs one slice of a job and says what
   * it cost, and whether the job is done; what it adds waits for its turn.
   */
  run(limit: number, run: (job: T) => { readonly units: number; readonly isDone: boolean }): void {
    if (this.#isRunning) return
    this.#isRunning = true
    let spent = 0
    while (spent < limit && this.#size > 0) {
      const [peerId, lane] = this.#lanes.entries().next().value!
      if (lane.credit <= 0) {
        lane.credit += this.#quantum(peerId)
        this.#lanes.delete(peerId)
        this.#lanes.set(peerId, lane)
        continue
      }
      const { units, isDone } = run(lane.jobs[0]!)
      spent += units
      lane.credit -= units
      if (!isDone) continue
      lane.jobs.shift()
      this.#size--
      if (lane.jobs.length === 0) this.#lanes.delete(peerId)
    }
    this.#isRunning = false
    this.#allowance -= spent
  }

  /** How much may run in the middle of whatever else goes on: one slice, and no more before its time has passed. */
  allowance(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#allowanceAtMs)
    this.#allowanceAtMs = nowMs
    this.#allowance = Math.min(SLICE_UNITS, this.#allowance + elapsedMs * UNITS_PER_MS)
    return this.#allowance
  }

  #quantum(peerId: PeerId): number {
    return QUANTUM_UNITS * Math.max(LEAST_WEIGHT, this.#weightOf(peerId))
  }
}
