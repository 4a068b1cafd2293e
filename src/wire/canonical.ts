/** Deeper nesting than any message has is left to the slow way. */
const MAX_DEPTH = 32

const UNSIGNED = 0
const NEGATIVE = 1
const BYTES = 2
const TEXT = 3
const LIST = 4
const MAP = 5
const SIMPLE = 7
/** false, true, null: RFC 8949 section 3.3. */
const FALSE = 20
const NULL = 22
/** Smaller arguments are in the head; this and the next three minors say that 1, 2, 4 or 8 bytes follow. */
const IN_HEAD = 24
const EIGHT_BYTES = 27
const FIRST_ASCII_CONTROL_END = 0x80

/**
 * Whether these bytes are plainly the one deterministic encoding (RFC 8949 section 4.2, with dag-cbor's map order: shorter
 * keys first, then bytewise) of some value. False says nothing: floats, integers that are not safe ones, and
 * text that is not ASCII are left to whoever re-encodes. True is certain, and costs a fraction of a re-encoding.
 */
export function isPlainlyCanonical(bytes: Uint8Array): boolean {
  return endOf(bytes, 0, 0) === bytes.length
}

/** The offset after the item at `offset`; -1 where it is not plainly canonical. */
function endOf(bytes: Uint8Array, offset: number, depth: number): number {
  if (offset >= bytes.length || depth > MAX_DEPTH) return -1
  const head = bytes[offset]!
  const kind = head >> 5
  const minor = head & 31
  if (kind === SIMPLE) return minor >= FALSE && minor <= NULL ? offset + 1 : -1
  const argument = argumentAt(bytes, offset, minor)
  if (argument < 0) return -1
  const start = offset + (minor < IN_HEAD ? 1 : 1 + 2 ** (minor - IN_HEAD))
  switch (kind) {
    case UNSIGNED:
    case NEGATIVE:
      return start
    case BYTES:
      return within(bytes, start + argument)
    case TEXT:
      return isAscii(bytes, start, start + argument) ? start + argument : -1
    case LIST:
      return endOfList(bytes, start, argument, depth)
    case MAP:
      return endOfMap(bytes, start, argument, depth)
    default:
      return -1
  }
}

/** An item's argument, a safe integer in its shortest form; -1 for others and for indefinite lengths. */
function argumentAt(bytes: Uint8Array, offset: number, minor: number): number {
  if (minor < IN_HEAD) return minor
  if (minor > EIGHT_BYTES) return -1
  const size = 2 ** (minor - IN_HEAD)
  if (offset + size >= bytes.length) return -1
  let value = 0
  for (let index = 1; index <= size; index++) value = value * 256 + bytes[offset + index]!
  const least = size === 1 ? IN_HEAD : 2 ** (4 * size)
  return value >= least && value < Number.MAX_SAFE_INTEGER ? value : -1
}

function within(bytes: Uint8Array, end: number): number {
  return end <= bytes.length ? end : -1
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  if (end > bytes.length) return false
  for (let index = start; index < end; index++) if (bytes[index]! >= FIRST_ASCII_CONTROL_END) return false
  return true
}

function endOfList(bytes: Uint8Array, start: number, count: number, depth: number): number {
  let end = start
  for (let index = 0; index < count && end >= 0; index++) end = endOf(bytes, end, depth + 1)
  return end
}

function endOfMap(bytes: Uint8Array, start: number, count: number, depth: number): number {
  let end = start
  let previous = -1
  for (let index = 0; index < count; index++) {
    const key = end
    if (key >= bytes.length || bytes[key]! >> 5 !== TEXT) return -1
    const value = endOf(bytes, key, depth + 1)
    if (value < 0 || (previous >= 0 && !isBefore(bytes, previous, key, value))) return -1
    end = endOf(bytes, value, depth + 1)
    if (end < 0) return -1
    previous = key
  }
  return end
}

/** Whether one text's encoding comes before another's. The head holds the length, so bytewise is also shorter first. */
function isBefore(bytes: Uint8Array, first: number, second: number, secondEnd: number): boolean {
  for (let index = 0; second + index < secondEnd; index++) {
    const difference = bytes[first + index]! - bytes[second + index]!
    if (difference !== 0) return difference < 0
  }
  return false
}
