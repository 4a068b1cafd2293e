import { randomBytes } from 'node:crypto'
import { readlinkSync, type Stats, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { OstrakaError } from '../base/index.ts'

/** The name that stands for standard input or output. */
const STANDARD = '-'

/** As many links follow each other on Linux (path_resolution(7)). */
const MAX_LINKS = 40

/**
 * The descriptor that a name means: `-` is `standard`. What shells hand over as `/dev/fd/63` (`<(command)`) and the system
 * calls `/dev/stdout` is used as it is: to open it anew fails for sockets, and forgets where a redirected file stands.
 */
export function descriptorOf(path: string, standard: 0 | 1): number | undefined {
  if (path === STANDARD) return standard
  const named = ['/dev/stdin', '/dev/stdout', '/dev/stderr'].indexOf(path)
  if (named >= 0) return named
  const match = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/.exec(path)
  return match === null ? undefined : Number(match[1])
}

/**
 * What stands at a name when links have been followed. `stream`: a pipe, device or socket, which is read or written through,
 * never replaced. `path` is that of the file itself, also of one that a link names and that is not there yet.
 */
export type Standing =
  | { readonly type: 'descriptor'; readonly fd: number }
  | { readonly type: 'free'; readonly path: string }
  | { readonly type: 'file'; readonly path: string; readonly stats: Stats }
  | { readonly type: 'stream'; readonly path: string }

/** Errors: `conflict` (a directory), and the system's. */
export function standingOf(path: string, standard: 0 | 1): Standing {
  const fd = descriptorOf(path, standard)
  if (fd !== undefined) return { type: 'descriptor', fd }
  const target = followLinks(path)
  const stats = statSync(target, { throwIfNoEntry: false })
  if (stats === undefined) return { type: 'free', path: target }
  if (stats.isDirectory()) throw new OstrakaError('conflict', `${path} is a directory`)
  return stats.isFile() ? { type: 'file', path: target, stats } : { type: 'stream', path: target }
}

/** Whether what stands there takes bytes as they come, and has neither a place nor a mode of its own. */
export function isStream(path: string): boolean {
  const { type } = standingOf(path, 1)
  return type === 'descriptor' || type === 'stream'
}

/** Whether what is written there comes out where this program prints. */
export function isStandardOutput(path: string): boolean {
  return descriptorOf(path, 1) === 1
}

/** The name behind links, which need not exist; `realpath` gives up there. */
function followLinks(path: string): string {
  let at = path
  for (let links = 0; links <= MAX_LINKS; links++) {
    const next = linkAt(at)
    if (next === undefined) return at
    at = resolve(dirname(at), next)
  }
  throw new OstrakaError('conflict', `${path}: links that lead in a circle`)
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** A name beside a file that nobody else uses, and that listings do not show; short, as the file's own name may be long. */
export function besideOf(path: string): string {
  return join(dirname(path), `.ostraka-${randomBytes(8).toString('hex')}.partial`)
}
