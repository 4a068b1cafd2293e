import { equalBytes, OstrakaError, type PeerId } from '../../base/index.ts'

/** Live nonces that one node remembers; about 40 MB at the worst. Beyond it, refusing beats forgetting. */
const MAX_REMEMBERED = 1 << 18

/** One principal's part of them, so that nobody's flood closes the window to all others. */
const MAX_REMEMBERED_PER_PRINCIPAL = 1 << 17

/** A signed request as the window sees it. `digest` is the hash of the canonical request that the principal signed. */
export interface Nonced {
  readonly principal: Uint8Array
  readonly nonce: Uint8Array
  readonly digest: Uint8Array
  readonly expiresMs: number
}

interface Seen {
  readonly digest: Uint8Array
  readonly principal: string
  /** The peers that have brought it. */
  readonly bringers: PeerId[]
  uses: number
}

/**
 * Which nonces a node has served, remembered until they expire, in memory only.
 *
 * A gateway serves a nonce once (`maxUses` 1). A holder cannot be so strict: for one request of a client, a gateway
 * may rightly come back with another set of signers, and a client whose gateway died may go to the next one with the
 * same signed request. What a holder can tell is whether it is *the same request*: so it remembers the digest under
 * (principal, nonce), refuses any other request under that nonce at once, and this one after a few attempts.
 *
 * What a captured request is worth: nothing at a gateway that served it, at a holder that spent its attempts, and
 * anywhere once it has expired; before, at most the answer to the very question that its principal asked, which is
 * computed anew. A restart forgets the window, hence the short longest life of a request.
 */
export class ReplayWindow {
  readonly #maxUses: number
  readonly #seen = new Map<string, Seen>()
  /** Names by the second after which they may be forgotten. */
  readonly #bySecond = new Map<number, string[]>()
  readonly #perPrincipal = new Map<string, number>()
  #latestMs = 0

  constructor(maxUses: number) {
    this.#maxUses = maxUses
  }

  get size(): number {
    return this.#seen.size
  }

  /**
   * Counts one more use of a nonce that is known, and returns true; returns false for one that is not.
   * Errors: `replayed { isRepeat }`, true when `from` itself has brought it before and should know; `expired` for a
   * request that may already have been forgotten, should the clock step back.
   */
  reuse(request: Nonced, from: PeerId, nowMs: number): boolean {
    this.#sweep(nowMs)
    if (request.expiresMs <= this.#latestMs) throw new OstrakaError('expired', 'the request has expired')
    const seen = this.#seen.get(nameOf(request))
    if (seen === undefined) return false
    const isRepeat = seen.bringers.includes(from)
    if (!isRepeat) seen.bringers.push(from)
    if (!equalBytes(seen.digest, request.digest)) {
      throw new OstrakaError('replayed', 'another request has used this nonce', { isRepeat })
    }
    if (seen.uses >= this.#maxUses) {
      throw new OstrakaError('replayed', 'this request has been served', { uses: seen.uses, isRepeat })
    }
    seen.uses += 1
    return true
  }

  /** Remembers the first use of a nonce. Errors: `overloaded` when the window is full of live ones. */
  remember(request: Nonced, from: PeerId): void {
    const name = nameOf(request)
    const principal = latin1(request.principal)
    const own = this.#perPrincipal.get(principal) ?? 0
    if (this.#seen.size >= MAX_REMEMBERED || own >= MAX_REMEMBERED_PER_PRINCIPAL) {
      throw new OstrakaError('overloaded', 'too many requests are alive; let them expire sooner', {
        limit: own >= MAX_REMEMBERED_PER_PRINCIPAL ? MAX_REMEMBERED_PER_PRINCIPAL : MAX_REMEMBERED,
      })
    }
    this.#seen.set(name, { digest: request.digest, principal, bringers: [from], uses: 1 })
    this.#perPrincipal.set(principal, own + 1)
    const second = Math.ceil(request.expiresMs / 1000)
    const names = this.#bySecond.get(second)
    if (names === undefined) this.#bySecond.set(second, [name])
    else names.push(name)
  }

  /** Forgets what has expired; at most once a second, over as many buckets as a request may live seconds. */
  #sweep(nowMs: number): void {
    const before = Math.floor(this.#latestMs / 1000)
    this.#latestMs = Math.max(this.#latestMs, nowMs)
    const second = Math.floor(this.#latestMs / 1000)
    if (second === before) return
    for (const [due, names] of this.#bySecond) {
      if (due > second) continue
      for (const name of names) this.#forget(name)
      this.#bySecond.delete(due)
    }
  }

  #forget(name: string): void {
    const principal = this.#seen.get(name)!.principal
    this.#seen.delete(name)
    const rest = this.#perPrincipal.get(principal)! - 1
    if (rest === 0) this.#perPrincipal.delete(principal)
    else this.#perPrincipal.set(principal, rest)
  }
}

function nameOf({ principal, nonce }: Nonced): string {
  return latin1(principal) + latin1(nonce)
}

/** Bytes as a map key, one character each. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
