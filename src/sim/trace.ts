import { createHash } from 'node:crypto'

/** A hash over everything that happened, in order: two runs of one seed must end with the same. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #listener: ((line: string) => void) | undefined
  #events = 0

  constructor(listener?: (line: string) => void) {
    this.#listener = listener
  }

  get events(): number {
    return this.#events
  }

  add(atMs: number, what: string, bytes?: Uint8Array): void {
    this.#events++
    const line = `${atMs.toFixed(3)} ${what}\n`
    this.#hash.update(line)
    if (bytes !== undefined) this.#hash.update(bytes)
    this.#listener?.(line)
  }

  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}
