import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { ReadableStream, ReadableStreamDefaultReader } from 'node:stream/web'
import { concat, fromUnpaddedBase64, OstrakaError, toUnpaddedBase64, utf8 } from '../../base/index.ts'
import type { StanzaContent } from './stanzas.ts'

/** The header of an age v1 file (C2SP age specification, "Header"); stanzas keep the bytes that they came as. */
export interface AgeHeader {
  readonly stanzas: readonly HeaderStanza[]
  readonly mac: Uint8Array
}

export interface HeaderStanza extends StanzaContent {
  /** From its arrow to the end of its last body line, without that line's end. */
  readonly text: string
}

export const VERSION_LINE = 'age-encryption.org/v1'
export const ARMOR_BEGIN = '-----BEGIN AGE ENCRYPTED FILE-----'
const MAC_PREFIX = '--- '
const MAC_BYTES = 32
const SCRYPT = 'scrypt'
const COLUMNS = 64
/** A stanza takes 150 bytes for X25519 and 2.3 KiB for the post-quantum hybrid: hundreds of either fit. */
const MAX_HEADER_BYTES = 1024 * 1024
const LINE_END = 0x0a
/** The specification's VCHAR: so one character is one byte. */
const PRINTABLE = /^[\x21-\x7e]+$/

/**
 * Reads a file's header and leaves the payload: what follows the header in the last chunk, then the rest of the stream.
 * Errors: `malformed`, `too_large`.
 */
export async function readHeader(
  input: ReadableStream<Uint8Array>,
): Promise<{ readonly header: AgeHeader; readonly payload: AsyncGenerator<Uint8Array> }> {
  const reader = input.getReader()
  let read: Uint8Array = new Uint8Array(0)
  for (;;) {
    const end = endOfHeader(read)
    if (end > 0) {
      const header = parseHeader(Buffer.from(read.subarray(0, end)).toString('latin1'))
      return { header, payload: rest(read.subarray(end), reader) }
    }
    if (read.length > MAX_HEADER_BYTES) {
      throw new OstrakaError('too_large', 'no end of the age header', { limit: MAX_HEADER_BYTES })
    }
    const next = await reader.read()
    if (next.done) throw notAge()
    read = concat(read, next.value)
    requireStart(read)
  }
}

async function* rest(
  first: Uint8Array,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
}

/** The index after the MAC's line; 0 when that has not been read. */
function endOfHeader(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const mac = buffer.indexOf(`\n${MAC_PREFIX}`)
  return mac === -1 ? 0 : buffer.indexOf(LINE_END, mac + 1) + 1
}

/** A file that is none is refused by its first bytes, not after a megabyte. */
function requireStart(bytes: Uint8Array): void {
  const expected = utf8(`${VERSION_LINE}\n`)
  const length = Math.min(bytes.length, expected.length)
  if (!Buffer.from(bytes.subarray(0, length)).equals(expected.subarray(0, length))) throw notAge()
}

export function notAge(): OstrakaError {
  return new OstrakaError('malformed', 'no age v1 file')
}

function parseHeader(text: string): AgeHeader {
  const lines = text.split('\n')
  const stanzas: HeaderStanza[] = []
  let at = 1
  while (lines[at]?.startsWith('-> ')) {
    const args = lines[at]!.slice(3).split(' ')
    const begin = at++
    while (lines[at]?.length === COLUMNS) at++
    // the body ends with its first line that is shorter than a full one, be it empty
    const last = lines[at]
    if (last === undefined || last.length > COLUMNS || !args.every(arg => PRINTABLE.test(arg))) {
      throw new OstrakaError('malformed', 'a broken stanza in the age header')
    }
    const body = fromUnpaddedBase64(
      lines.slice(begin + 1, at + 1).join(''),
      `the age header’s stanza ${stanzas.length}`,
    )
    stanzas.push({ args, body, text: lines.slice(begin, ++at).join('\n') })
  }
  const isEnd = lines[at]?.startsWith(MAC_PREFIX) === true && at === lines.length - 2
  if (!isEnd || stanzas.length === 0) throw new OstrakaError('malformed', 'a broken age header')
  const mac = fromUnpaddedBase64(lines[at]!.slice(MAC_PREFIX.length), 'the age header’s MAC')
  if (mac.length !== MAC_BYTES) throw new OstrakaError('malformed', 'the age header’s MAC has another length')
  // C2SP age, "scrypt recipient stanza": a passphrase stands alone, so that its file is authentic
  if (stanzas.length > 1 && stanzas.some(({ args }) => args[0] === SCRYPT)) {
    throw new OstrakaError('malformed', 'an age header with a passphrase beside other recipients')
  }
  return { stanzas, mac }
}

/** A stanza as the header holds it. */
export function stanzaText({ args, body }: StanzaContent): HeaderStanza {
  const encoded = toUnpaddedBase64(body)
  const lines = [`-> ${args.join(' ')}`]
  for (let at = 0; at <= encoded.length; at += COLUMNS) lines.push(encoded.slice(at, at + COLUMNS))
  return { args, body, text: lines.join('\n') }
}

/** A header's bytes, with the MAC that its file key makes. */
export function headerBytes(stanzas: readonly HeaderStanza[], fileKey: Uint8Array): Uint8Array {
  const mac = macOf(stanzas, fileKey)
  return utf8(`${coveredText(stanzas)} ${toUnpaddedBase64(mac)}\n`)
}

/** The header as it was read, for whom the payload is given to. */
export function originalBytes({ stanzas, mac }: AgeHeader): Uint8Array {
  return utf8(`${coveredText(stanzas)} ${toUnpaddedBase64(mac)}\n`)
}

/** Whether this file key made the header's MAC: nobody has changed the header since. */
export function isAuthentic({ stanzas, mac }: AgeHeader, fileKey: Uint8Array): boolean {
  const expected = macOf(stanzas, fileKey)
  return mac.length === expected.length && timingSafeEqual(mac, expected)
}

/** What the MAC covers: all up to and with its dashes. */
function coveredText(stanzas: readonly HeaderStanza[]): string {
  return [VERSION_LINE, ...stanzas.map(stanza => stanza.text), MAC_PREFIX.trimEnd()].join('\n')
}

function macOf(stanzas: readonly HeaderStanza[], fileKey: Uint8Array): Uint8Array {
  const key = Buffer.from(hkdfSync('sha256', fileKey, new Uint8Array(0), 'header', 32))
  const mac = createHmac('sha256', key).update(coveredText(stanzas), 'latin1').digest()
  key.fill(0)
  return mac
}
