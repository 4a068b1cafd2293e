import type { NonceCommitment } from '../../wire/index.ts'

/** Versions with pooled commitments; the least recently used is forgotten, and its holders' nonces lie idle. */
const MAX_VERSIONS = 256

/** Commitments kept per slot; below the holder's own bound, so that it never drops what we still hold. */
const MAX_PER_SLOT = 768

/** What a key that was ever used keeps ready: a burst of a few signatures costs no extra round trip. */
const MIN_READY = 8

/** More than this in one go only keeps the holder busy. */
const MAX_READY = 256

/** Demand is forgotten with this half-life. */
const HALF_LIFE_MS = 2_000

interface SlotPool {
  ready: NonceCommitment[]
  /** Asked for and not yet here. */
  coming: number
}

interface VersionPool {
  readonly slots: Map<number, SlotPool>
  /** Signatures in the last few seconds, decaying. */
  demand: number
  demandAtMs: number
}

/** A gateway's stock of holders' nonce commitments, by version name and slot. What is taken never comes back. */
export class CommitmentPools {
  readonly #versions = new Map<string, VersionPool>()

  ready(version: string, slot: number): number {
    return this.#versions.get(version)?.slots.get(slot)?.ready.length ?? 0
  }

  /** Takes the `count` oldest commitments of a slot; undefined, and takes none, when there are fewer. */
  take(version: string, slot: number, count: number): NonceCommitment[] | undefined {
    const pool = this.#versions.get(version)?.slots.get(slot)
    return pool === undefined || pool.ready.length < count ? undefined : pool.ready.splice(0, count)
  }

  add(version: string, slot: number, commitments: readonly NonceCommitment[]): void {
    const { ready } = this.#slot(version, slot)
    ready.push(...commitments)
    if (ready.length > MAX_PER_SLOT) ready.splice(0, ready.length - MAX_PER_SLOT)
  }

  /** Forgets what the holder has forgotten. */
  clear(version: string, slot: number): void {
    this.#slot(version, slot).ready = []
  }

  /** Counts commitments that have been asked for, or with a negative count those that no longer come. */
  expect(version: string, slot: number, count: number): void {
    const pool = this.#slot(version, slot)
    pool.coming = Math.max(0, pool.coming + count)
  }

  /** Records that a request for `count` signatures has come. */
  demand(version: string, count: number, nowMs: number): void {
    const pool = this.#version(version)
    pool.demand = decayed(pool, nowMs) + count
    pool.demandAtMs = nowMs
  }

  /** How many commitments a slot lacks for the demand of late; 0 until it has fallen to half of what it should have. */
  lack(version: string, slot: number, nowMs: number): number {
    const { target, stock } = this.#level(version, slot, nowMs)
    return stock * 2 > target ? 0 : target - stock
  }

  /** How many to ask for along with a request that spends `spent`: what it spends, and a little growth. */
  refill(version: string, slot: number, spent: number, nowMs: number): number {
    const { target, stock } = this.#level(version, slot, nowMs)
    return Math.max(0, Math.min(target - stock, spent + 1))
  }

  #level(version: string, slot: number, nowMs: number): { target: number; stock: number } {
    const pool = this.#version(version)
    const { ready, coming } = this.#slot(version, slot)
    const target = Math.min(MAX_READY, Math.max(MIN_READY, Math.ceil(decayed(pool, nowMs) / 2)))
    return { target, stock: ready.length + coming }
  }

  #version(version: string): VersionPool {
    const pool = this.#versions.get(version) ?? { slots: new Map(), demand: 0, demandAtMs: 0 }
    this.#versions.delete(version)
    this.#versions.set(version, pool)
    if (this.#versions.size > MAX_VERSIONS) this.#versions.delete(this.#versions.keys().next().value!)
    return pool
  }

  #slot(version: string, slot: number): SlotPool {
    const { slots } = this.#version(version)
    let pool = slots.get(slot)
    if (pool === undefined) {
      pool = { ready: [], coming: 0 }
      slots.set(slot, pool)
    }
    return pool
  }
}

function decayed({ demand, demandAtMs }: VersionPool, nowMs: number): number {
  return demand * 0.5 ** (Math.max(0, nowMs - demandAtMs) / HALF_LIFE_MS)
}
