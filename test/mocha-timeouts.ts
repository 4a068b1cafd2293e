/**
 * Mocha's time limits, as written in tests, are those of an idle machine: on a busy one a limit lasts longer, as long as
 * `testnet/slowness.ts` finds the machine slow. Loaded by .mocharc.json into every process that runs tests.
 */
import { Runnable } from 'mocha'
import { Patience } from '../testnet/slowness.ts'

/** What mocha's `Runnable` has, and its types leave out. */
interface TimedRunnable {
  timer: NodeJS.Timeout | undefined
  timedOut: boolean
  callback(error: Error): void
  _timeoutError(ms: number): Error
  timeout(): number
  clearTimeout(): void
  resetTimeout(): void
  run(done: (error?: unknown) => void): void
}

const timed = Runnable.prototype as unknown as TimedRunnable
const { run } = timed
const patience = new WeakMap<TimedRunnable, Patience>()

timed.resetTimeout = function resetTimeout(this: TimedRunnable): void {
  this.clearTimeout()
  const limitMs = this.timeout()
  if (limitMs === 0) return
  const limit = new Patience(limitMs)
  patience.set(this, limit)
  const look = (): void => {
    if (this.timeout() === 0) return
    const { leftMs } = limit
    if (leftMs > 0) {
      this.timer = setTimeout(look, leftMs)
      return
    }
    this.callback(this._timeoutError(limitMs))
    this.timedOut = true
  }
  look()
}

/** Mocha also compares the duration with the limit in the end, of synchronous tests too. */
timed.run = function runPatiently(this: TimedRunnable, done: (error?: unknown) => void): void {
  patience.set(this, new Patience(this.timeout()))
  run.call(this, error => {
    const isTimeout = (error as { readonly code?: string } | undefined)?.code === 'ERR_MOCHA_TIMEOUT'
    done(isTimeout && patience.get(this)?.isOver === false ? undefined : error)
  })
}
