import { timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'
import { OstrakaError } from './errors.ts'

const REDACTED = '<redacted>'

/**
 * Bytes that must not leak: prints as `<redacted>` everywhere, compares in constant time, can be wiped.
 * `expose()` lends the bytes themselves; copy nothing out of it that outlives the call.
 */
export class Secret {
  readonly #bytes: Uint8Array
  #wiped = false

  /** Takes ownership: the caller must not keep or reuse `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  expose(): Uint8Array {
    if (this.#wiped) throw new OstrakaError('internal', 'a wiped secret was used')
    return this.#bytes
  }

  get length(): number {
    return this.#bytes.length
  }

  get isWiped(): boolean {
    return this.#wiped
  }

  equals(other: Secret): boolean {
    const a = this.expose()
    const b = other.expose()
    return a.length === b.length && timingSafeEqual(a, b)
  }

  wipe(): void {
    this.#bytes.fill(0)
    this.#wiped = true
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }
}

// console.log, assertion diffs and loggers ask for this; a class member cannot say it under isolatedDeclarations
Object.defineProperty(Secret.prototype, inspect.custom, { value: () => REDACTED })
