import * as dagCbor from '@ipld/dag-cbor'
import { concat, type Rng, randomBelow } from '../src/base/index.ts'

type Tree = Record<string, unknown>

const INTERESTING: readonly unknown[] = [
  null,
  true,
  0,
  1,
  -1,
  0.5,
  64,
  65,
  2 ** 31,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  '',
  'type',
  '__proto__',
  'constructor',
  [],
  {},
  new Uint8Array(0),
  new Uint8Array(32),
  new Uint8Array(33).fill(2),
  new Uint8Array(32).fill(0xff),
]

const INTERESTING_BYTES = [
  0x00, 0x01, 0x18, 0x1b, 0x40, 0x58, 0x5f, 0x60, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xd8, 0xf6, 0xf7, 0xf9, 0xfb,
  0xff,
]

const MAX_RANDOM_BYTES = 96

/** One input for a decoder: a sample bent as bytes or as a value, a splice of two, or noise. */
export function mutate(rng: Rng, corpus: readonly Uint8Array[]): Uint8Array {
  const sample = pick(rng, corpus)
  switch (randomBelow(rng, 8)) {
    case 0:
      return rng.bytes(randomBelow(rng, MAX_RANDOM_BYTES))
    case 1:
    case 2:
    case 3:
      return bendValue(rng, sample)
    default:
      return bendBytes(rng, sample, corpus)
  }
}

function pick<T>(rng: Rng, from: readonly T[]): T {
  return from[randomBelow(rng, from.length)]!
}

function bendBytes(rng: Rng, sample: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
  let bytes = new Uint8Array(sample)
  const rounds = 1 + randomBelow(rng, 3)
  for (let round = 0; round < rounds; round++) {
    const at = randomBelow(rng, bytes.length + 1)
    const length = randomBelow(rng, 8)
    switch (randomBelow(rng, 7)) {
      case 0:
        if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << randomBelow(rng, 8))
        break
      case 1:
        if (at < bytes.length) bytes[at] = pick(rng, INTERESTING_BYTES)
        break
      case 2:
        bytes = concat(bytes.subarray(0, at), rng.bytes(length), bytes.subarray(at)) as typeof bytes
        break
      case 3:
        bytes = concat(bytes.subarray(0, at), bytes.subarray(at + length)) as typeof bytes
        break
      case 4:
        bytes = bytes.slice(0, at)
        break
      case 5:
        bytes = concat(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - length))) as typeof bytes
        break
      default: {
        const other = pick(rng, corpus)
        bytes = concat(bytes.subarray(0, at), other.subarray(randomBelow(rng, other.length))) as typeof bytes
      }
    }
  }
  return bytes
}

/** Decodes the sample as CBOR, changes one place in it, and encodes it again; falls back to bytes. */
function bendValue(rng: Rng, sample: Uint8Array): Uint8Array {
  let root: unknown
  try {
    root = dagCbor.decode(sample)
  } catch {
    return bendBytes(rng, sample, [sample])
  }
  return dagCbor.encode(bendTree(rng, root))
}

/** Changes one place in a value of lists, records and leaves, in place, and gives it back; the root may be another one. */
export function bendTree(rng: Rng, root: unknown): unknown {
  const places: { parent: Tree; key: string }[] = []
  const holder: Tree = { root }
  collect(holder, places)
  const { parent, key } = pick(rng, places)
  const value = parent[key]
  switch (randomBelow(rng, 6)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1)
      else if (parent !== holder) delete parent[key]
      break
    case 1:
      parent[key] = bendLeaf(rng, value)
      break
    case 2:
      if (Array.isArray(value)) value.push(...value)
      else if (isTree(value)) value[`${key}x`] = 0
      break
    case 3:
      parent[key] = structuredClone(
        pick(
          rng,
          places.map(place => place.parent[place.key]),
        ),
      )
      break
    default:
      parent[key] = structuredClone(pick(rng, INTERESTING))
  }
  return holder.root
}

function bendLeaf(rng: Rng, value: unknown): unknown {
  if (typeof value === 'number') return value + pick(rng, [-1, 1, 0.5, 2 ** 20])
  if (typeof value === 'string') return value + pick(rng, ['', 'a', '\n', '/', 'ä', 'a'.repeat(70)])
  if (!(value instanceof Uint8Array)) return value
  return pick(rng, [
    rng.bytes(value.length),
    value.subarray(1),
    concat(value, value),
    new Uint8Array(value.length),
  ])
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

function collect(value: unknown, places: { parent: Tree; key: string }[]): void {
  if (!isTree(value)) return
  for (const key of Object.keys(value)) {
    places.push({ parent: value, key })
    collect(value[key], places)
  }
}
