import { chmodSync, lstatSync, mkdtempSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { OstrakaError } from '../base/index.ts'

/** Beside the path that is wanted, so that a rename moves it there. */
const NURSERY = '.ostraka-'

/**
 * Has `listen` make a Unix socket that only this user can open, and puts it at `path`. It is made in a fresh directory of
 * mode 0700 and moved when its own mode is 0600, so that nobody reaches it before. A socket there that nobody listens on
 * is replaced. The returned function removes it. Errors: `conflict` when somebody listens, or when another thing lies there.
 */
export async function atUnixSocket(
  path: string,
  listen: (path: string) => Promise<unknown>,
): Promise<() => void> {
  await requireFree(path)
  const nursery = mkdtempSync(join(dirname(path), NURSERY))
  const born = join(nursery, 's')
  try {
    await listen(born)
    chmodSync(born, 0o600)
    renameSync(born, path)
  } finally {
    rmdirSync(nursery)
  }
  const { ino, dev } = lstatSync(path)
  return () => {
    const now = lstatSync(path, { throwIfNoEntry: false })
    if (now?.ino === ino && now.dev === dev) unlinkSync(path)
  }
}

async function requireFree(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new OstrakaError('conflict', `${path} is there, and is no socket`, { path })
  if (await isListenedOn(path)) throw new OstrakaError('conflict', `${path} is in use`, { path })
}

function isListenedOn(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // nobody listens on a stale one; one that we may not open is somebody else's
    socket.once('error', error => resolve((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'))
  })
}
