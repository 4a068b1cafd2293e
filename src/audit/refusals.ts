import type { PeerId } from '../base/index.ts'
import type { AuditAct } from './entry.ts'

/** Refusals that are written one by one in a window; a human's mistakes fit, a flood does not. */
const SINGLE_ENTRIES = 20
/** Beyond those, so many kinds of refusal are counted apart; the rest by action, code and peer alone, which are few. */
const COUNTED_APART = 32
const WINDOW_MS = 60_000

interface Counted {
  readonly act: AuditAct
  count: number
}

/**
 * Keeps refusals from filling the disk: anyone can cause one. At most some hundred entries a minute come of any flood,
 * and every refusal is counted in one of them. Changed in place.
 */
export class Refusals {
  #windowMs = 0
  #singles = 0
  readonly #counted = new Map<string, Counted>()

  /**
   * What to write now; undefined for a refusal that is only counted until `flush`, as all are while nothing can be
   * written and entries would pile up in memory.
   */
  add(act: AuditAct, nowMs: number, isWritable = true): AuditAct | undefined {
    if (nowMs >= this.#windowMs + WINDOW_MS) {
      this.#windowMs = nowMs
      this.#singles = 0
    }
    if (isWritable && this.#singles < SINGLE_ENTRIES) {
      this.#singles += 1
      return act
    }
    const { action, outcome, peer } = act
    const name = nameOf(act)
    const known = this.#counted.get(name)
    if (known !== undefined) known.count += 1
    else if (this.#counted.size < COUNTED_APART) this.#counted.set(name, { act, count: 1 })
    else this.#lump(action, outcome, act.kind, peer)
    return undefined
  }

  /** When the counted ones are to be flushed; null while there are none. */
  flushAtMs(): number | null {
    return this.#counted.size === 0 ? null : this.#windowMs + WINDOW_MS
  }

  /** Nothing can be written: they are counted for another window. */
  postpone(nowMs: number): void {
    this.#windowMs = nowMs
  }

  /** The counted refusals as entries, each with its count. */
  flush(): AuditAct[] {
    const acts = [...this.#counted.values()].map(({ act, count }) => ({ ...act, count }))
    this.#counted.clear()
    return acts
  }

  #lump(action: string, outcome: AuditAct['outcome'], kind: AuditAct['kind'], peer?: PeerId): void {
    const byPeer: AuditAct = { kind, action, outcome, ...(peer === undefined ? {} : { peer }) }
    const name = `lump ${nameOf(byPeer)}`
    const known = this.#counted.get(name)
    if (known !== undefined) known.count += 1
    else this.#counted.set(name, { act: byPeer, count: 1 })
  }
}

function nameOf({ action, outcome, peer, key, operation, principal }: AuditAct): string {
  const who = principal === undefined ? '' : Buffer.from(principal).toString('latin1')
  return JSON.stringify([action, outcome, peer, key, operation, who])
}
