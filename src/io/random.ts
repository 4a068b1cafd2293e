import { randomBytes } from 'node:crypto'
import type { Rng } from '../base/index.ts'

/** The operating system's randomness. */
export class SystemRng implements Rng {
  bytes(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }
}
