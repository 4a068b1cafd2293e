import { utf8 } from '../base/index.ts'
import { sha256 } from '../crypto/index.ts'
import { codec, type Schema } from '../wire/index.ts'

/** One record may be this large; a ceremony of 64 slots with all its commitments is a quarter of it. */
export const MAX_LEDGER_RECORD_BYTES: number = 256 * 1024

const anything: Schema<unknown> = { check: value => value }
const recordCodec = codec<unknown>('record', MAX_LEDGER_RECORD_BYTES, anything)

/** A record's value, frozen. Errors: `malformed`. */
export function decodeRecord(bytes: Uint8Array): unknown {
  return deepFreeze(recordCodec.decode(bytes))
}

const LEAF = new Uint8Array([0])

/** One record: its path, its canonical bytes, and its value, decoded once and frozen. */
export class Leaf {
  readonly path: string
  readonly bytes: Uint8Array
  readonly keyHash: Uint8Array
  #value: unknown
  #hash: Uint8Array | undefined

  constructor(path: string, bytes: Uint8Array) {
    this.path = path
    this.bytes = bytes
    this.keyHash = pathHash(path)
  }

  /** The treap's: uniform, and the same on every machine. */
  get priority(): number {
    const hash = this.keyHash
    return hash[31]! + 256 * (hash[30]! + 256 * (hash[29]! + 256 * (hash[28]! + 256 * hash[27]!)))
  }

  /** Decoded from the bytes, never the object that was put: so live and replaying nodes read the same value. */
  get value(): unknown {
    if (this.#value === undefined) this.#value = decodeRecord(this.bytes)
    return this.#value
  }

  /** What it takes in a snapshot, its head counted. */
  get sizeBytes(): number {
    return this.path.length + this.bytes.length + 16
  }

  get hash(): Uint8Array {
    this.#hash ??= leafHash(this.keyHash, sha256(this.bytes))
    return this.#hash
  }
}

export function pathHash(path: string): Uint8Array {
  return sha256(utf8(path))
}

export function leafHash(keyHash: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return sha256(LEAF, keyHash, valueHash)
}

/** A handler that changed a record in place would fork the network; byte arrays alone cannot be frozen. */
function deepFreeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}
