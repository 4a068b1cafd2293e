import { ReadableStream } from 'node:stream/web'
import { concat, fromBase64, OstrakaError, toBase64, utf8 } from '../../base/index.ts'
import { ARMOR_BEGIN, notAge, VERSION_LINE } from './header.ts'

const ARMOR_END = '-----END AGE ENCRYPTED FILE-----'
const COLUMNS = 64
/** What a full line holds. */
const LINE_BYTES = 48
/** White space before the armor, as the age program allows. */
const MAX_LEADING_BYTES = 1024

/** An age file's binary form, and whether it came armored. */
export interface Dearmored {
  readonly isArmored: boolean
  readonly binary: ReadableStream<Uint8Array>
}

/**
 * An age file's binary form, read from either form: the armor of the age format is strict PEM (RFC 7468) with lines of 64
 * columns. Errors: `malformed`, from the stream too.
 */
export async function dearmored(input: ReadableStream<Uint8Array>): Promise<Dearmored> {
  const reader = input.getReader()
  let start: Uint8Array = new Uint8Array(0)
  let text = ''
  while (text.length < ARMOR_BEGIN.length && start.length <= MAX_LEADING_BYTES) {
    const next = await reader.read()
    if (next.done) break
    start = concat(start, next.value)
    text = Buffer.from(start.subarray(0, MAX_LEADING_BYTES + ARMOR_BEGIN.length))
      .toString('latin1')
      .trimStart()
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield start
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  }
  if (text.startsWith(ARMOR_BEGIN)) return { isArmored: true, binary: ReadableStream.from(bodyOf(whole())) }
  if (!Buffer.from(start).toString('latin1', 0, VERSION_LINE.length).startsWith(VERSION_LINE)) {
    throw notAge()
  }
  return { isArmored: false, binary: ReadableStream.from(whole()) }
}

/** The armored form of a binary file, as it comes. */
export function armored(binary: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from(armorOf(binary))
}

async function* armorOf(binary: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield utf8(`${ARMOR_BEGIN}\n`)
  let left: Uint8Array = new Uint8Array(0)
  for await (const chunk of binary) {
    const bytes = concat(left, chunk)
    const whole = bytes.length - (bytes.length % LINE_BYTES)
    left = bytes.slice(whole)
    if (whole > 0) yield utf8(linesOf(bytes.subarray(0, whole)))
  }
  yield utf8(`${linesOf(left)}${ARMOR_END}\n`)
}

function linesOf(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/.{1,64}/g, '$&\n')
}

/** What stands between the two lines, decoded as it comes. */
async function* bodyOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const armor = new Armor()
  let text = ''
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString('latin1')
    const end = text.lastIndexOf('\n')
    if (end === -1 && text.length > MAX_LEADING_BYTES + COLUMNS) throw broken('a line without an end')
    if (end === -1) continue
    const bytes = armor.take(text.slice(0, end).split('\n'))
    text = text.slice(end + 1)
    if (bytes.length > 0) yield bytes
  }
  yield armor.take([text])
  armor.end()
}

class Armor {
  #stage: 'before' | 'body' | 'last line' | 'after' = 'before'

  /** The bytes of whole lines. */
  take(lines: readonly string[]): Uint8Array {
    const encoded: string[] = []
    for (const whole of lines) {
      const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole
      if (this.#isFrame(line)) continue
      if (this.#stage === 'last line' || line.length === 0 || line.length > COLUMNS) {
        throw broken('a line of another length')
      }
      if (line.length < COLUMNS || line.endsWith('=')) this.#stage = 'last line'
      encoded.push(line)
    }
    try {
      return fromBase64(encoded.join(''), 'its body')
    } catch {
      throw broken('no base64')
    }
  }

  /** Whether the line is not of the body; moves on at the lines that enclose it. */
  #isFrame(line: string): boolean {
    if (this.#stage === 'before' || this.#stage === 'after') {
      const text = line.trim()
      if (this.#stage === 'before' && text === ARMOR_BEGIN) this.#stage = 'body'
      else if (text !== '') throw broken('something beside it')
      return true
    }
    if (line !== ARMOR_END) return false
    this.#stage = 'after'
    return true
  }

  end(): void {
    if (this.#stage !== 'after') throw broken('its end is missing')
  }
}

function broken(why: string): OstrakaError {
  return new OstrakaError('malformed', `the age file’s armor is broken: ${why}`)
}
