import { createHash } from 'node:crypto'
import { utf8 } from './bytes.ts'

/** The one source of randomness that a protocol may use; always an argument. */
export interface Rng {
  /** Returns `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}

/** A deterministic Rng for simulation and tests: SHA-512 of (seed, counter), read as a stream. */
export class SeededRng implements Rng {
  readonly #seed: Uint8Array
  #counter = 0
  #block: Uint8Array = new Uint8Array(0)
  #used = 0

  constructor(seed: string) {
    this.#seed = utf8(seed)
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      if (this.#used === this.#block.length) this.#refill()
      const take = Math.min(length - filled, this.#block.length - this.#used)
      out.set(this.#block.subarray(this.#used, this.#used + take), filled)
      this.#used += take
      filled += take
    }
    return out
  }

  /** A child stream that does not disturb this one. */
  fork(label: string): SeededRng {
    return new SeededRng(`${Buffer.from(this.#seed).toString('utf8')}/${label}`)
  }

  #refill(): void {
    const counter = Buffer.alloc(8)
    counter.writeBigUInt64BE(BigInt(this.#counter++))
    this.#block = new Uint8Array(createHash('sha512').update(this.#seed).update(counter).digest())
    this.#used = 0
  }
}

/** A number uniform in [0, 1) with 48 bits. */
export function randomUnit(rng: Rng): number {
  const bytes = rng.bytes(6)
  let value = 0
  for (const byte of bytes) value = value * 256 + byte
  return value / 2 ** 48
}

/** An integer uniform in [0, bound); the bias is below 2^-16 for bounds up to 2^32. */
export function randomBelow(rng: Rng, bound: number): number {
  return Math.floor(randomUnit(rng) * bound)
}
