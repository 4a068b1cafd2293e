import { getSystemErrorMessage } from 'node:util'
import { type ErrorCode, OstrakaError } from './errors.ts'

/** What the operating system refuses, in this program's words: the one table of it. */
const SYSTEM_CODES: Readonly<Record<string, ErrorCode>> = {
  // what is named is not there
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  // something else is there, or in use
  EISDIR: 'conflict',
  EEXIST: 'conflict',
  ENOTEMPTY: 'conflict',
  EBUSY: 'conflict',
  ETXTBSY: 'conflict',
  EADDRINUSE: 'conflict',
  ELOOP: 'conflict',
  // a name, descriptor or place that cannot be meant
  ENAMETOOLONG: 'malformed',
  EBADF: 'malformed',
  EINVAL: 'malformed',
  EADDRNOTAVAIL: 'malformed',
  // a thing that has not what is asked of it
  ENXIO: 'unsupported',
  ENODEV: 'unsupported',
  ENOSYS: 'unsupported',
  ENOTSUP: 'unsupported',
  EOPNOTSUPP: 'unsupported',
  ESPIPE: 'unsupported',
  EXDEV: 'unsupported',
  // this user may not
  EACCES: 'forbidden',
  EPERM: 'forbidden',
  EROFS: 'forbidden',
  // the host has no more of it
  ENOSPC: 'storage_full',
  EDQUOT: 'storage_full',
  EFBIG: 'too_large',
  EMFILE: 'overloaded',
  ENFILE: 'overloaded',
  ENOMEM: 'overloaded',
  EAGAIN: 'overloaded',
  // the disk is broken
  EIO: 'storage_corrupt',
  EUCLEAN: 'storage_corrupt',
  ESTALE: 'storage_corrupt',
  // nobody is there
  EPIPE: 'unreachable',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  ENOTFOUND: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'deadline_exceeded',
}

/**
 * The refusal of the operating system behind an error, naming the file, else `what`; undefined for an error of another
 * origin. `details.errno` has the system's own name for it, such as `ENOSPC`.
 */
export function ofSystem(thrown: unknown, what?: string): OstrakaError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof OstrakaError) return undefined
  const { code = '', errno, syscall, path } = thrown as NodeJS.ErrnoException
  if (!Object.hasOwn(SYSTEM_CODES, code) || syscall === undefined) return undefined
  const name = path ?? what
  const reason = errno === undefined ? thrown.message : getSystemErrorMessage(errno)
  const message = name === undefined ? `${reason} (${syscall})` : `${name}: ${reason}`
  return new OstrakaError(SYSTEM_CODES[code]!, message, { errno: code })
}
