import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../base/index.ts'

interface Task {
  readonly atMs: number
  /** Ties break by the order of scheduling: nothing depends on how the heap happens to lie. */
  readonly order: number
  run: (() => void) | undefined
}

/** Virtual time: a queue of tasks, run one after another as fast as the machine can. */
export class VirtualTime {
  /** A binary heap, soonest first. */
  readonly #heap: Task[] = []
  #nowMs: number
  #order = 0
  #isStopped = false

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, run: () => void): () => void {
    const task: Task = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(task)
    return () => {
      task.run = undefined
    }
  }

  /** Ends `run` after the task at hand. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Runs tasks until `untilMs`, or until none is left, or until `stop`. After each task every promise that it settled
   * has run its course: an event-loop turn empties the microtask queue however long it grows, and nothing simulated
   * ever waits for the real world.
   */
  async run(untilMs: number): Promise<void> {
    this.#isStopped = false
    await setImmediate()
    while (!this.#isStopped) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs)
        return
      }
      this.#pop()
      if (next.run === undefined) continue
      this.#nowMs = next.atMs
      next.run()
      await setImmediate()
    }
  }

  #push(task: Task): void {
    const heap = this.#heap
    let at = heap.push(task) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isSooner(task, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isSooner(heap[child + 1]!, heap[child]!)) child++
      if (!isSooner(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isSooner(a: Task, b: Task): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** A platform's timers count another clock than its wall clock, and may fire so much before their time by the latter. */
const EARLY_MS = 0.9
/** As for the platform, a shorter timer is one of a millisecond. */
const SHORTEST_MS = 1

/** One host's clock: virtual time plus an error that faults may change, and timers that die with the process. */
export class VirtualClock implements Clock {
  readonly #time: VirtualTime
  readonly #offsetMs: () => number
  readonly #pending = new Set<() => void>()
  #isDead = false

  constructor(time: VirtualTime, offsetMs: () => number = () => 0) {
    this.#time = time
    this.#offsetMs = offsetMs
  }

  nowMs(): number {
    return Math.floor(this.#time.nowMs + this.#offsetMs())
  }

  schedule(delayMs: number, task: () => void): () => void {
    if (this.#isDead) return () => {}
    const cancel = this.#time.schedule(Math.max(SHORTEST_MS, delayMs) - EARLY_MS, () => {
      this.#pending.delete(cancel)
      task()
    })
    this.#pending.add(cancel)
    return () => {
      this.#pending.delete(cancel)
      cancel()
    }
  }

  /** The process is gone: no timer of it fires any more. */
  kill(): void {
    this.#isDead = true
    for (const cancel of this.#pending) cancel()
    this.#pending.clear()
  }
}
