import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { OstrakaError } from '../base/index.ts'

/** The name that stands for standard input or output. */
const STANDARD = '-'

/** What a message may have at most: the network's cap for one input. */
const MAX_MESSAGE_BYTES = 512 * 1024

/** Disk reads of this size keep the number of chunks of a large file low. */
const CHUNK_BYTES = 256 * 1024

/** A whole file, or all of standard input. Errors: `not_found`, `too_large`. */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path !== STANDARD) {
    await requireFile(path)
    const { size } = await stat(path)
    if (size > MAX_MESSAGE_BYTES) throw tooLarge()
    return new Uint8Array(await readFile(path))
  }
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of process.stdin) {
    sizeBytes += (chunk as Buffer).length
    if (sizeBytes > MAX_MESSAGE_BYTES) throw tooLarge()
    chunks.push(chunk as Buffer)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLarge(): OstrakaError {
  return new OstrakaError('too_large', 'a message has at most 512 KiB: sign its hash instead', {
    limit: MAX_MESSAGE_BYTES,
  })
}

export async function writeOutput(path: string, bytes: Uint8Array): Promise<void> {
  if (path === STANDARD) process.stdout.write(bytes)
  else await writeFile(path, bytes)
}

/** Errors: `not_found`. */
export async function openInput(path: string): Promise<ReadableStream<Uint8Array>> {
  if (path === STANDARD) return Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>
  await requireFile(path)
  return Readable.toWeb(createReadStream(path, { highWaterMark: CHUNK_BYTES })) as ReadableStream<Uint8Array>
}

/** Writes a stream beside its place and moves it there at the end: a failed run leaves no half file behind. */
export async function writeStream(path: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  if (path === STANDARD) await pipeline(Readable.fromWeb(stream), process.stdout, { end: false })
  else await writeBeside(path, stream, { mode: 0o600 })
}

/** `flush`: synced before it takes its place, so that a crash leaves the old file or the new one. */
async function writeBeside(
  path: string,
  stream: ReadableStream<Uint8Array>,
  options: { readonly mode: number; readonly flush?: boolean },
): Promise<void> {
  const partial = `${path}.${randomBytes(8).toString('hex')}.partial`
  // `wx`: neither a file of somebody else's nor a link is written through, and what is removed below is ours
  const file = await open(partial, 'wx', options.mode)
  try {
    const out = file.createWriteStream({ flush: options.flush ?? false, highWaterMark: CHUNK_BYTES })
    await pipeline(Readable.fromWeb(stream), out)
    await chmod(partial, options.mode)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

/** Puts a stream in a file's place, with its permissions: at every moment the name is the old file or the whole new one. */
export async function replaceFile(path: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  // the file itself, not a link to it
  const file = await realpath(path)
  const { mode } = await stat(file)
  await writeBeside(file, stream, { mode: mode & 0o777, flush: true })
}

async function requireFile(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory()) throw new OstrakaError('conflict', `${path} is a directory`)
  if (!found?.isFile()) throw new OstrakaError('not_found', `${path}: no such file`)
}
