import { getSystemErrorMessage, inspect } from 'node:util'
import { CommanderError, InvalidArgumentError } from 'commander'
import { type ErrorCode, OstrakaError, toOstrakaError } from '../base/index.ts'
import { note } from './output.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2

/** What the file system refuses, in this program's words. */
const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  EISDIR: 'conflict',
  EEXIST: 'conflict',
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  ENOSPC: 'storage_full',
}

/** Tells on standard error why a command has failed, and gives the exit code. */
export function report(thrown: unknown): number {
  // commander's parser prints what it refuses, but not what an action refuses after it
  if (thrown instanceof InvalidArgumentError) {
    note([`error: ${thrown.message}`, '(try --help)'])
    return EXIT_USAGE
  }
  // its exit code 0 means help or version
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_USAGE
  const error = ofSystem(thrown) ?? toOstrakaError(thrown)
  const details = Object.keys(error.details).length === 0 ? '' : ` ${JSON.stringify(error.details)}`
  note([`${error.code}: ${error.message}${details}`])
  if (error.code === 'internal' && process.env.OSTRAKA_DEBUG !== undefined) note(inspect(thrown).split('\n'))
  return EXIT_FAILED
}

/** A file or directory that the system refuses, by its name; undefined for all else. */
function ofSystem(thrown: unknown): OstrakaError | undefined {
  if (!(thrown instanceof Error)) return undefined
  const { code, errno, path } = thrown as NodeJS.ErrnoException
  const own = SYSTEM_CODES[code ?? '']
  if (own === undefined || errno === undefined || path === undefined) return undefined
  return new OstrakaError(own, `${path}: ${getSystemErrorMessage(errno)}`)
}
