import querystring from 'node:querystring'
import { toBase64, utf8 } from '../base/index.ts'
import type { Counters } from './counters.ts'
import type { Logger } from './logger.ts'

/** Pauses after a failed attempt: a receiver that restarts is waited for, one that is gone is given up in some minutes. */
const PAUSES_MS = [1_000, 4_000, 15_000, 60_000, 120_000] as const

/** How long a receiver may take to answer. */
const TIMEOUT_MS = 5_000

/** Notices are rare; more waiting ones than this only say that nobody listens. */
const MAX_WAITING = 64

export interface WebhookOptions {
  /** http or https; may hold a credential, and is never logged. */
  readonly url: URL
  readonly counters: Counters
  readonly logger: Pick<Logger, 'warn'>
  /** Milliseconds before each further attempt. */
  readonly pausesMs?: readonly number[]
}

/**
 * Tells a receiver of the operators' by HTTP POST, one JSON notice after the other. Never blocks and never throws: a
 * notice is tried a few times, then given up with a warning. Redirects are not followed.
 */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #pausesMs: readonly number[]
  readonly #stopping = new AbortController()
  #waiting: string[] = []
  #isRunning = false

  constructor(options: WebhookOptions) {
    this.#options = options
    this.#pausesMs = options.pausesMs ?? PAUSES_MS
  }

  push(notice: object): void {
    if (this.#stopping.signal.aborted) return
    this.#waiting.push(JSON.stringify(notice))
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.#giveUp('too many notices wait')
    }
    if (!this.#isRunning) void this.#run()
  }

  /** Ends what is under way; what waits is not sent. */
  stop(): void {
    this.#stopping.abort()
    this.#waiting = []
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    for (let body = this.#waiting.shift(); body !== undefined; body = this.#waiting.shift()) {
      await this.#deliver(body)
    }
    this.#isRunning = false
  }

  async #deliver(body: string): Promise<void> {
    for (const pauseMs of [...this.#pausesMs, null]) {
      const failure = await this.#post(body)
      if (this.#stopping.signal.aborted) return
      if (failure === undefined) {
        this.#options.counters.add('notice_sent')
        return
      }
      if (pauseMs === null) this.#giveUp(failure)
      else if (!(await this.#pause(pauseMs))) return
    }
  }

  /** Why it was not taken; undefined when it was. */
  async #post(body: string): Promise<string | undefined> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const { url, authorization } = withoutCredential(this.#options.url)
    const headers = { 'content-type': 'application/json', ...authorization }
    try {
      const answer = await fetch(url, {
        ...{ method: 'POST', headers, body, signal, redirect: 'error' },
      })
      await answer.body?.cancel()
      return answer.ok ? undefined : `status ${answer.status}`
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer'
    }
  }

  /** False when it is stopped meanwhile. */
  #pause(pauseMs: number): Promise<boolean> {
    const { signal } = this.#stopping
    if (signal.aborted) return Promise.resolve(false)
    return new Promise(resolve => {
      const end = (isOver: boolean): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        resolve(isOver)
      }
      const onAbort = (): void => end(false)
      const timer = setTimeout(() => end(true), pauseMs)
      signal.addEventListener('abort', onAbort)
    })
  }

  #giveUp(reason: string): void {
    this.#options.counters.add('notice_given_up')
    // the path may be a credential
    this.#options.logger.warn(
      { receiver: this.#options.url.origin, reason },
      'operators were not told of a notice',
    )
  }
}

/** fetch refuses `http://user:password@host`: what stands there is Basic authentication (RFC 7617). */
function withoutCredential(whole: URL): { readonly url: URL; readonly authorization?: object } {
  if (whole.username === '' && whole.password === '') return { url: whole }
  const url = new URL(whole)
  const credential = [url.username, url.password].map(text => querystring.unescape(text)).join(':')
  url.username = ''
  url.password = ''
  return { url, authorization: { authorization: `Basic ${toBase64(utf8(credential))}` } }
}
