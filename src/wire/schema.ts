import * as dagCbor from '@ipld/dag-cbor'
import { equalBytes, OstrakaError } from '../base/index.ts'
import { isPlainlyCanonical } from './canonical.ts'

/**
 * A shape that decoded values are checked against. `check` returns the value typed, or throws `malformed`
 * naming the path of what is wrong. Nothing is coerced and unknown fields are refused.
 */
export interface Schema<T> {
  check(value: unknown, path: string): T
}

/** A schema with its canonical bytes: deterministic CBOR (dag-cbor), one encoding for one value. */
export interface Codec<T> extends Schema<T> {
  readonly name: string
  encode(value: T): Uint8Array
  /** Errors: `too_large` over the cap, `malformed` for anything but the one canonical encoding of a valid value. */
  decode(bytes: Uint8Array): T
}

/** The canonical bytes of a value that is known to be valid, for hashing and signing. */
export function canonicalBytes(value: unknown): Uint8Array {
  return dagCbor.encode(value)
}

function refuse(path: string, why: string): never {
  throw new OstrakaError('malformed', `${path}: ${why}`)
}

export function codec<T>(name: string, maxBytes: number, schema: Schema<T>): Codec<T> {
  return {
    name,
    check: schema.check,
    encode: value => dagCbor.encode(value),
    decode(bytes) {
      if (bytes.length > maxBytes) {
        throw new OstrakaError('too_large', `${name} is over ${maxBytes} bytes`, { limit: maxBytes })
      }
      let raw: unknown
      let isCanonical: boolean
      try {
        raw = dagCbor.decode(bytes)
        isCanonical = isPlainlyCanonical(bytes) || equalBytes(dagCbor.encode(raw), bytes)
      } catch {
        throw new OstrakaError('malformed', `${name}: not CBOR`)
      }
      // dag-cbor accepts unsorted map keys, and other things that it would encode otherwise
      if (!isCanonical) throw new OstrakaError('malformed', `${name}: not canonical`)
      return schema.check(raw, name)
    },
  }
}

type Fields<T> = { readonly [K in keyof T]-?: Schema<T[K]> | OptionalField<Exclude<T[K], undefined>> }

interface OptionalField<T> {
  readonly optional: Schema<T>
}

/** A field that may be absent; absent is its only empty form (never null, never undefined). */
export function optional<T>(schema: Schema<T>): OptionalField<T> {
  return { optional: schema }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}

export function struct<T extends object>(fields: Fields<T>): Schema<T> {
  const names = Object.keys(fields)
  const known = new Set(names)
  const table = fields as Record<string, Schema<unknown> | OptionalField<unknown>>
  return {
    check(value, path) {
      if (!isRecord(value)) refuse(path, 'not a map')
      for (const name of Object.keys(value)) if (!known.has(name)) refuse(path, `unknown field ${name}`)
      for (const name of names) {
        const field = table[name]!
        const present = Object.hasOwn(value, name)
        if ('optional' in field) {
          if (present) field.optional.check(value[name], `${path}.${name}`)
        } else if (!present) refuse(path, `missing field ${name}`)
        else field.check(value[name], `${path}.${name}`)
      }
      return value as T
    },
  }
}

/** One of several structs, told apart by their `type` field. */
export function union<T extends { readonly type: string }>(
  cases: {
    readonly [K in T['type']]: Schema<Extract<T, { readonly type: K }>>
  },
): Schema<T> {
  const table = cases as Record<string, Schema<T>>
  return {
    check(value, path) {
      if (!isRecord(value) || typeof value.type !== 'string' || !Object.hasOwn(table, value.type)) {
        refuse(path, 'unknown type')
      }
      return table[value.type]!.check(value, `${path}.${value.type}`)
    },
  }
}

export function literal<const T extends string>(text: T): Schema<T> {
  return { check: (value, path) => (value === text ? text : refuse(path, `not ${text}`)) }
}

export function oneOf<const T extends string>(values: readonly T[]): Schema<T> {
  return {
    check: (value, path) =>
      (values as readonly unknown[]).includes(value) ? (value as T) : refuse(path, 'not an allowed value'),
  }
}

/** Exactly `length` bytes. */
export function fixedBytes(length: number): Schema<Uint8Array> {
  return {
    check: (value, path) =>
      value instanceof Uint8Array && value.length === length ? value : refuse(path, `not ${length} bytes`),
  }
}

export function bytesUpTo(maxBytes: number): Schema<Uint8Array> {
  return {
    check(value, path) {
      if (!(value instanceof Uint8Array)) refuse(path, 'not bytes')
      if (value.length > maxBytes) throw new OstrakaError('too_large', `${path} is over ${maxBytes} bytes`)
      return value
    },
  }
}

export function textUpTo(maxLength: number): Schema<string> {
  return {
    check(value, path) {
      if (typeof value !== 'string') refuse(path, 'not text')
      if (value.length > maxLength) refuse(path, `over ${maxLength} characters`)
      return value
    },
  }
}

export function matching(pattern: RegExp, what: string): Schema<string> {
  return {
    check: (value, path) =>
      typeof value === 'string' && pattern.test(value) ? value : refuse(path, `not ${what}`),
  }
}

/** A safe integer within [min, max]. Identifiers that start at 1 refuse zero here. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Schema<number> {
  return {
    check: (value, path) =>
      typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
        ? value
        : refuse(path, `not an integer from ${min} to ${max}`),
  }
}

/** A finite number within [min, max], integers included. */
export function real(min: number, max: number): Schema<number> {
  return {
    check: (value, path) =>
      typeof value === 'number' && value >= min && value <= max
        ? value
        : refuse(path, `not from ${min} to ${max}`),
  }
}

export const flag: Schema<boolean> = {
  check: (value, path) => (typeof value === 'boolean' ? value : refuse(path, 'not a boolean')),
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return { check: (value, path) => (value === null ? null : schema.check(value, path)) }
}

export function list<T>(item: Schema<T>, maxItems: number): Schema<readonly T[]> {
  return {
    check(value, path) {
      if (!Array.isArray(value)) refuse(path, 'not a list')
      if (value.length > maxItems) refuse(path, `over ${maxItems} items`)
      for (let index = 0; index < value.length; index++) item.check(value[index], `${path}[${index}]`)
      return value as readonly T[]
    },
  }
}
