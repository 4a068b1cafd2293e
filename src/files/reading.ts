import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { OstrakaError } from '../base/index.ts'
import { isStream, standingOf } from './standing.ts'

/** Disk reads of this size keep the number of chunks of a large file low. */
const CHUNK_BYTES = 256 * 1024

/** Keys, tokens, documents: what people name on a command line to be read whole is far smaller. */
const MAX_SMALL_BYTES = 1024 * 1024

/** A pipe that another program made non-blocking is asked again after this long. */
const RETRY_MS = 5

const STANDARD_INPUT = 0
let isStandardInputRead = false

/** Standard input is read once: a second reader would find nothing, and take that for an empty file. */
function takeStandardInput(): void {
  if (isStandardInputRead) {
    throw new OstrakaError('malformed', 'standard input is named twice: one file at most can be -')
  }
  isStandardInputRead = true
}

/** A stream of a file, pipe, device or descriptor; `-` is standard input. Errors: `conflict` (a directory), `not_found`. */
export function openInput(path: string): ReadableStream<Uint8Array> {
  return Readable.toWeb(nodeStream(path)) as ReadableStream<Uint8Array>
}

function nodeStream(path: string): Readable {
  const standing = standingOf(path, STANDARD_INPUT)
  const options = { highWaterMark: CHUNK_BYTES }
  if (standing.type === 'free') throw new OstrakaError('not_found', `${path}: no such file`)
  if (standing.type !== 'descriptor') return createReadStream(standing.path, options)
  if (standing.fd !== STANDARD_INPUT) return createReadStream('', { ...options, fd: standing.fd })
  takeStandardInput()
  return process.stdin
}

/** All of a file, pipe, device or descriptor. Errors: `too_large` { limit }, and those of `openInput`. */
export async function readWhole(path: string, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of nodeStream(path)) {
    sizeBytes += (chunk as Buffer).length
    if (sizeBytes > limit) throw tooLarge(path, limit)
    chunks.push(chunk as Buffer)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLarge(path: string, limit: number): OstrakaError {
  return new OstrakaError('too_large', `${path}: more than ${limit} bytes`, { limit })
}

/**
 * The same at once, of something small. A device that never ends is left after `limit` bytes. The caller wipes what is
 * secret: no other copy is made. Errors: as `readWhole`.
 */
export function readSmallFile(path: string, limit: number = MAX_SMALL_BYTES): Buffer {
  const standing = standingOf(path, STANDARD_INPUT)
  if (standing.type === 'free') throw new OstrakaError('not_found', `${path}: no such file`)
  if (standing.type === 'descriptor') {
    if (standing.fd === STANDARD_INPUT) takeStandardInput()
    return readDescriptor(standing.fd, path, limit)
  }
  const fd = openSync(standing.path, 'r')
  try {
    return readDescriptor(fd, path, limit)
  } finally {
    closeSync(fd)
  }
}

const remembered = new Map<string, Buffer>()

/**
 * The same of what a command may need several times: a pipe gives its bytes once, so they are remembered for as long as
 * this process lives.
 */
export function readRepeatedly(path: string, limit: number = MAX_SMALL_BYTES): Buffer {
  const known = remembered.get(path)
  if (known !== undefined) return known
  const bytes = readSmallFile(path, limit)
  if (isStream(path)) remembered.set(path, bytes)
  return bytes
}

/** Whether there is something to read at that name. */
export function isReadable(path: string): boolean {
  try {
    return standingOf(path, STANDARD_INPUT).type !== 'free'
  } catch {
    return false
  }
}

function readDescriptor(fd: number, path: string, limit: number): Buffer {
  const stats = fstatSync(fd)
  if (stats.isFile() && stats.size > limit) throw tooLarge(path, limit)
  let buffer = Buffer.alloc(Math.min(limit, 4096) + 1)
  let size = 0
  for (;;) {
    if (size === buffer.length) {
      const larger = Buffer.alloc(Math.min(2 * size, limit + 1))
      buffer.copy(larger)
      buffer.fill(0)
      buffer = larger
    }
    const read = readOnce(fd, buffer, size)
    if (read === 0) break
    size += read
    if (size > limit) {
      buffer.fill(0)
      throw tooLarge(path, limit)
    }
  }
  return buffer.subarray(0, size)
}

function readOnce(fd: number, buffer: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, offset, buffer.length - offset, null)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}
