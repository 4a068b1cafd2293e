import { OstrakaError } from './errors.ts'

interface Form {
  readonly name: string
  readonly encoding: 'base64' | 'base64url'
  readonly isPadded: boolean
  readonly alphabet: RegExp
  /** The characters of the other alphabet, and that alphabet's name. */
  readonly other: RegExp
  readonly otherName: string
}

const STANDARD: Form = {
  name: 'base64',
  encoding: 'base64',
  isPadded: true,
  alphabet: /[A-Za-z0-9+/]/,
  other: /[-_]/,
  otherName: 'base64url',
}
const UNPADDED: Form = { ...STANDARD, name: 'unpadded base64', isPadded: false }
const URL_SAFE: Form = {
  name: 'base64url',
  encoding: 'base64url',
  isPadded: false,
  alphabet: /[A-Za-z0-9_-]/,
  other: /[+/]/,
  otherName: 'standard base64',
}

/** Standard base64 with padding (RFC 4648 section 4). */
export function toBase64(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64')
}

/** Standard base64 without padding, as age headers have it. */
export function toUnpaddedBase64(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/=+$/, '')
}

/** The URL-safe alphabet without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('base64url')
}

/**
 * Decodes standard base64. Every decoder here is strict: one alphabet, exact padding, no white space, no bits beyond the
 * last byte, so that no two texts stand for the same bytes. `field` names the value in errors: `messages[3]`.
 * Errors: `malformed` with the field, the index of the first wrong character and what is wrong with it.
 */
export function fromBase64(text: string, field: string): Uint8Array {
  return decode(text, field, STANDARD)
}

/** `fromBase64` of each text of a list, named `field[0]`, `field[1]`, … */
export function listFromBase64(texts: readonly string[], field: string): Uint8Array[] {
  if (!Array.isArray(texts)) throw new OstrakaError('malformed', `${field} is no list`, { field })
  return texts.map((text, index) => fromBase64(text, `${field}[${index}]`))
}

/** Errors: `malformed`, as `fromBase64`. */
export function fromUnpaddedBase64(text: string, field: string): Uint8Array {
  return decode(text, field, UNPADDED)
}

/** Errors: `malformed`, as `fromBase64`. */
export function fromBase64Url(text: string, field: string): Uint8Array {
  return decode(text, field, URL_SAFE)
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function decode(text: unknown, field: string, form: Form): Uint8Array {
  if (typeof text !== 'string') throw new OstrakaError('malformed', `${field} is no text`, { field })
  const bytes = Buffer.from(text, form.encoding)
  const again = bytes.toString(form.encoding)
  const canonical = form.isPadded ? again : again.replace(/=+$/, '')
  if (canonical === text) return new Uint8Array(bytes)
  const { index, problem } = faultOf(text, form)
  const message = `${field} is not ${form.name}: ${problem}`
  throw new OstrakaError('malformed', message, { field, index, problem })
}

/** The first thing wrong with a text that does not decode. Only one character of it is ever quoted: it may be a secret. */
function faultOf(text: string, form: Form): { readonly index: number; readonly problem: string } {
  let end = text.length
  while (end > 0 && text[end - 1] === '=') end--
  const body = text.slice(0, end)
  for (let index = 0; index < body.length; index++) {
    const character = body[index]!
    if (form.alphabet.test(character)) continue
    return { index, problem: `${nameOf(character, form)} at index ${index}` }
  }
  const last = Math.max(0, body.length - 1)
  if (body.length % 4 === 1) return { index: last, problem: 'it is cut short' }
  const padding = text.length - body.length
  const wanted = form.isPadded ? (4 - (body.length % 4)) % 4 : 0
  if (padding < wanted)
    return { index: text.length, problem: `its padding is missing (${'='.repeat(wanted)})` }
  if (padding > wanted) {
    return { index: body.length + wanted, problem: form.isPadded ? 'too much padding' : 'it has padding' }
  }
  return { index: last, problem: 'its last character has bits that belong to no byte' }
}

function nameOf(character: string, { other, otherName }: Form): string {
  if (other.test(character)) return `a character of ${otherName}, "${character}",`
  if (/\s/.test(character)) return 'white space'
  if (character === '=') return 'padding in the middle'
  return 'a character of no alphabet'
}
