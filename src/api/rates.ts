import { isIP } from 'node:net'
import { OstrakaError } from '../base/index.ts'

/** How much one client may ask for: a bucket that holds `burst` requests and gains `perSecond`. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** A monitor polls once a second, a person clicks; nothing that needs no credential needs more. */
export const ANONYMOUS_RATE: Rate = { perSecond: 50, burst: 200 }

/** Above what one daemon can compute on shares; a client that repeats a failing request in a loop passes it. */
export const DEFAULT_CLIENT_RATE = 1000

/** A burst lasts this long. */
const BURST_SECONDS = 2

/** Requests of one client that may wait for their answers at once. Long polls count, and the largest batches of tests do not come near. */
const MAX_IN_FLIGHT = 512

/** Clients that are remembered. One that is forgotten begins with a full bucket. */
const MAX_CLIENTS = 4096

/** When too many requests of one client wait, some end within about that time. */
const RETRY_MS = 1000

interface Bucket {
  tokens: number
  atMs: number
  inFlight: number
}

export function clientRate(perSecond: number): Rate {
  return { perSecond, burst: Math.max(1, perSecond * BURST_SECONDS) }
}

/** One bucket a client. Time comes with each call. */
export class ClientRates {
  readonly #buckets = new Map<string, Bucket>()

  /**
   * Counts one request of `client`; the returned function says that it was answered. Errors: `overloaded`
   * { retryAfterMs }.
   */
  enter(client: string, { perSecond, burst }: Rate, nowMs: number): () => void {
    const bucket = this.#bucketOf(client, burst, nowMs)
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    bucket.tokens = Math.min(burst, bucket.tokens + (elapsedMs * perSecond) / 1000)
    bucket.atMs = nowMs
    if (bucket.tokens < 1) throw overloaded(Math.ceil(((1 - bucket.tokens) * 1000) / perSecond))
    if (bucket.inFlight >= MAX_IN_FLIGHT) throw overloaded(RETRY_MS)
    bucket.tokens -= 1
    bucket.inFlight += 1
    return () => {
      bucket.inFlight -= 1
    }
  }

  /** The least recently seen clients stand first in the map. */
  #bucketOf(client: string, burst: number, nowMs: number): Bucket {
    const bucket = this.#buckets.get(client) ?? { tokens: burst, atMs: nowMs, inFlight: 0 }
    this.#buckets.delete(client)
    this.#buckets.set(client, bucket)
    if (this.#buckets.size > MAX_CLIENTS) this.#forgetOldest()
    return bucket
  }

  #forgetOldest(): void {
    for (const [client, { inFlight }] of this.#buckets) {
      if (inFlight > 0) continue
      this.#buckets.delete(client)
      return
    }
  }
}

function overloaded(retryAfterMs: number): OstrakaError {
  return new OstrakaError('overloaded', 'this client asks for too much at once', { retryAfterMs })
}

/** The first four groups of an IPv6 address are a subscriber's network, in which it has addresses without number. */
const SUBSCRIBER_GROUPS = 4

/** Whom a request without credentials is charged to. */
export function addressClient(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return 'local'
  if (isIP(remoteAddress) !== 6 || remoteAddress.startsWith('::')) return remoteAddress
  return remoteAddress.split(':').slice(0, SUBSCRIBER_GROUPS).join(':')
}
