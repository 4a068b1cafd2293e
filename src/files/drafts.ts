import { spawnSync } from 'node:child_process'
import { constants, copyFileSync, renameSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { removedAtEnd } from './leftovers.ts'
import { besideOf } from './standing.ts'

/** Not in `fs.constants`: the flag of Linux (asm-generic/fcntl.h), which every architecture joins with its own O_DIRECTORY. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY

/** The answers of systems and file systems without such files, and of a directory that is not there. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'EISDIR', 'ENOENT'])

/** A file that takes its place when it is whole. */
export interface Draft {
  readonly file: FileHandle
  /** Gives it its name, also where a file stands. The file is closed. */
  publish(): Promise<void>
  /** Nothing is left of it. The file is closed. */
  discard(): Promise<void>
}

/**
 * A draft of a secret: without a name where the system has that, so that nothing is left of it whatever ends this process,
 * SIGKILL and power cuts included; else a hidden one. `isFree`: nothing stands at `path`.
 */
export async function secretDraft(path: string, mode: number, isFree: boolean): Promise<Draft> {
  const file = await openUnnamed(dirname(path), mode)
  if (file === undefined) return hiddenDraft(path, mode)
  return {
    file,
    publish: async () => {
      try {
        if (!isFree || !linkTo(file.fd, path)) replaceBy(file.fd, path)
      } finally {
        await file.close()
      }
    },
    discard: () => file.close(),
  }
}

async function openUnnamed(directory: string, mode: number): Promise<FileHandle | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    return await open(directory, O_TMPFILE | constants.O_RDWR, mode)
  } catch (error) {
    if (UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

/** A name can be moved over another, a file without one cannot. */
function replaceBy(fd: number, path: string): void {
  const name = besideOf(path)
  const forget = removedAtEnd(name)
  try {
    if (!linkTo(fd, name)) copyFileSync(`/proc/self/fd/${fd}`, name, constants.COPYFILE_EXCL)
    renameSync(name, path)
  } catch (error) {
    rmSync(name, { force: true })
    throw error
  } finally {
    forget()
  }
}

/** linkat(2) through /proc, as open(2) shows it: Node's own `link` does not follow that link, `ln -L` does. Whether it did. */
function linkTo(fd: number, name: string): boolean {
  const stdio = ['ignore', 'ignore', 'ignore', fd] as const
  return spawnSync('ln', ['-LT', '--', '/proc/self/fd/3', name], { stdio: [...stdio] }).status === 0
}

/** A draft that has a hidden name, which is removed however this process ends, but for SIGKILL. */
export async function hiddenDraft(path: string, mode: number): Promise<Draft> {
  const name = besideOf(path)
  const forget = removedAtEnd(name)
  const end = async (file: FileHandle): Promise<void> => {
    rmSync(name, { force: true })
    forget()
    await file.close()
  }
  // exclusive: neither a file of somebody else's nor a link is written through, and what is removed is ours
  const file = await open(name, 'wx', mode).catch(error => {
    forget()
    throw error
  })
  return {
    file,
    publish: async () => {
      try {
        renameSync(name, path)
      } finally {
        await end(file)
      }
    },
    discard: () => end(file),
  }
}
