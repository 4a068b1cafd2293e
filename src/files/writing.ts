import {
  closeSync,
  constants,
  createWriteStream,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { OstrakaError } from '../base/index.ts'
import { hiddenDraft, secretDraft } from './drafts.ts'
import { besideOf, type Standing, standingOf } from './standing.ts'

/** For its owner alone. */
const SECRET_MODE = 0o600
/** What the user's mask leaves of it. */
const PUBLIC_MODE = 0o666

const CHUNK_BYTES = 256 * 1024

/**
 * Puts a stream where `path` says. A file appears, or takes another's place, when the stream has ended well, and until then
 * nothing of it has a name; links are followed first. Pipes, devices and descriptors are written through. The file is its
 * owner's alone, whatever stood there before. Errors: `conflict` (a directory), and the system's.
 */
export async function writeStream(path: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  await write(standingOf(path, 1), Readable.fromWeb(stream), { mode: SECRET_MODE, isSecret: true })
}

/** The same with bytes that are no secret: a file that stands there keeps its mode. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const standing = standingOf(path, 1)
  const mode = standing.type === 'file' ? standing.stats.mode & 0o777 : PUBLIC_MODE & ~process.umask()
  await write(standing, Readable.from([bytes]), { mode })
}

/** The same with a secret: whatever stood there before, the file is its owner's alone. */
export async function writeSecret(path: string, bytes: Uint8Array): Promise<void> {
  await write(standingOf(path, 1), Readable.from([bytes]), { mode: SECRET_MODE, isSecret: true })
}

/**
 * Puts a stream in a file's place, with its permissions: at every moment, also after a crash, the name is the old file or
 * the whole new one. Errors: `conflict` when something else than a file stands there, `not_found`.
 */
export async function replaceFile(path: string, stream: ReadableStream<Uint8Array>): Promise<void> {
  const standing = standingOf(path, 1)
  if (standing.type === 'free') throw new OstrakaError('not_found', `${path}: no such file`)
  if (standing.type !== 'file')
    throw new OstrakaError('conflict', `${path} is no file that can be replaced: give --out`)
  await write(standing, Readable.fromWeb(stream), { mode: standing.stats.mode & 0o777, isSynced: true })
}

interface WriteOptions {
  readonly mode: number
  readonly isSecret?: boolean
  /** On disk before it takes its place. */
  readonly isSynced?: boolean
}

async function write(standing: Standing, bytes: Readable, options: WriteOptions): Promise<void> {
  switch (standing.type) {
    case 'descriptor':
      return writeThrough(bytes, standing.fd)
    case 'stream': {
      const file = await open(standing.path, constants.O_WRONLY)
      return pipeline(bytes, file.createWriteStream({ highWaterMark: CHUNK_BYTES })).catch(error => {
        throw named(error, standing.path)
      })
    }
    default:
      return writeDraft(standing, bytes, options)
  }
}

async function writeThrough(bytes: Readable, fd: number): Promise<void> {
  const standard: Writable | undefined = [undefined, process.stdout, process.stderr][fd]
  if (standard !== undefined) return pipeline(bytes, standard, { end: false })
  await pipeline(bytes, createWriteStream('', { fd, highWaterMark: CHUNK_BYTES }))
}

async function writeDraft(
  { type, path }: Extract<Standing, { readonly type: 'free' | 'file' }>,
  bytes: Readable,
  { mode, isSecret = false, isSynced = false }: WriteOptions,
): Promise<void> {
  const draft = await (isSecret ? secretDraft(path, mode, type === 'free') : hiddenDraft(path, mode))
  try {
    // the mask has taken from what `open` was given
    await draft.file.chmod(mode)
    // by its descriptor: a stream of the handle would keep the handle from closing
    const out = { fd: draft.file.fd, autoClose: false, highWaterMark: CHUNK_BYTES }
    await pipeline(bytes, createWriteStream('', out))
    if (isSynced) await draft.file.sync()
  } catch (error) {
    await draft.discard()
    throw named(error, path)
  }
  await draft.publish()
}

/** What fails on an open file names none. */
function named(error: unknown, path: string): unknown {
  if (error instanceof Error && 'errno' in error && !('path' in error)) Object.assign(error, { path })
  return error
}

/** Puts a secret of this program's own in a file's place, whole and synced; the file is its owner's alone. */
export function replaceSecret(path: string, bytes: Uint8Array): void {
  const name = besideOf(path)
  try {
    writeNew(name, bytes)
    renameSync(name, path)
  } catch (error) {
    rmSync(name, { force: true })
    throw error
  }
}

/** Whether something new can be written there. Errors: `conflict` when a file stands there. */
export function requireFree(path: string): void {
  if (standingOf(path, 1).type === 'file') throw new OstrakaError('conflict', `${path} exists already`)
}

/**
 * Writes a secret, for its owner alone and synced, where no file stands; pipes, devices and descriptors are written through.
 * Errors: `conflict` when a file stands there: it is not touched.
 */
export function writeNew(path: string, bytes: Uint8Array): void {
  const standing = standingOf(path, 1)
  if (standing.type === 'descriptor') {
    writeAll(standing.fd, bytes)
    return
  }
  if (standing.type === 'file') throw new OstrakaError('conflict', `${path} exists already`)
  const isNew = standing.type === 'free'
  const fd = openNew(standing.path, isNew)
  try {
    if (isNew) fchmodSync(fd, SECRET_MODE)
    writeAll(fd, bytes)
    if (isNew) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function openNew(path: string, isNew: boolean): number {
  try {
    return openSync(path, isNew ? 'wx' : constants.O_WRONLY, SECRET_MODE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new OstrakaError('conflict', `${path} exists already`)
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written)
}
