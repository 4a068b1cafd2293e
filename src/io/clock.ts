import type { Clock } from '../base/index.ts'

// setTimeout fires at once for anything above 2^31-1 ms (about 24.8 days)
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** This host's wall clock and timers. A pending timer keeps the process alive until it is cancelled. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  /** With no delay, once the input that has come by now has been dealt with. */
  schedule(delayMs: number, task: () => void): () => void {
    if (delayMs <= 0) {
      const soon = setImmediate(task)
      return () => clearImmediate(soon)
    }
    let timer: NodeJS.Timeout
    const arm = (leftMs: number): void => {
      timer =
        leftMs <= LONGEST_TIMER_MS
          ? setTimeout(task, Math.max(0, leftMs))
          : setTimeout(() => arm(leftMs - LONGEST_TIMER_MS), LONGEST_TIMER_MS)
    }
    arm(delayMs)
    return () => clearTimeout(timer)
  }
}
