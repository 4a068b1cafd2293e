import type { PeerId } from '../base/index.ts'
import { OstrakaError, publicKeyOf } from '../base/index.ts'
import { type Codec, codec, fixedBytes, integer, list, matching, type Schema, struct } from './schema.ts'

export const hash32: Schema<Uint8Array> = fixedBytes(32)
export const publicKey32: Schema<Uint8Array> = fixedBytes(32)
export const signature64: Schema<Uint8Array> = fixedBytes(64)
export const nonce16: Schema<Uint8Array> = fixedBytes(16)

/** Milliseconds since the Unix epoch; positive. */
export const timeMs: Schema<number> = integer(1)

/** Control-log heights start at 1; height 0 is the genesis. */
export const height: Schema<number> = integer(1)

/** Slots are Shamir x-coordinates: zero would be the secret itself. The cap bounds every per-slot list. */
export const MAX_SLOTS = 64
export const slotNumber: Schema<number> = integer(1, MAX_SLOTS)

export const keyVersion: Schema<number> = integer(1, 2 ** 31)

/** Key names: what a URL path, a shell and a log line take without quoting. */
export const keyName: Schema<string> = matching(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/, 'a key name')

export const regionName: Schema<string> = matching(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a region name')

export const peerId: Schema<PeerId> = {
  check(value, path) {
    if (typeof value !== 'string' || value.length > 64)
      throw new OstrakaError('malformed', `${path}: not a peer id`)
    publicKeyOf(value)
    return value
  },
}

/** A group element or scalar as bytes; the group itself checks it before use. 33 bytes are SEC1 (secp256k1). */
export const elementBytes: Schema<Uint8Array> = {
  check(value, path) {
    if (value instanceof Uint8Array && (value.length === 32 || value.length === 33)) return value
    throw new OstrakaError('malformed', `${path}: not an encoded element`)
  },
}

/** A value, who says it, and that key's Ed25519 signature over the value's canonical bytes in its signing domain. */
export interface Signed<T> {
  readonly value: T
  readonly signer: Uint8Array
  readonly signature: Uint8Array
}

export function signedSchema<T>(value: Schema<T>): Schema<Signed<T>> {
  return struct<Signed<T>>({ value, signer: publicKey32, signature: signature64 })
}

export function signedCodec<T>(name: string, maxBytes: number, value: Schema<T>): Codec<Signed<T>> {
  return codec(name, maxBytes, signedSchema(value))
}

/** One more operator's signature over what a transaction asks for. */
export interface Approval {
  readonly signer: Uint8Array
  readonly signature: Uint8Array
}

/** As many as a genesis can name operators. */
const MAX_APPROVALS = 32

export const approvals: Schema<readonly Approval[]> = list(
  struct<Approval>({ signer: publicKey32, signature: signature64 }),
  MAX_APPROVALS,
)
