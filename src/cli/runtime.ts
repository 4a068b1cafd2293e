import { randomBytes } from 'node:crypto'
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * How V8 collects a daemon's garbage, of which there is little. At the default size of the young generation (32 MiB) one at rest
 * takes 40 MB more. And for a program that allocates little V8 keeps all heaps small: the young generation shrinks to 1 MiB, and
 * each 5 MB of growth, every 75 s at rest, are reason enough to mark all 55 MB that live: a fifth of an idle daemon's CPU.
 */
export const DAEMON_RUNTIME: readonly string[] = [
  '--max-semi-space-size=8',
  '--min-semi-space-size=4',
  '--heap-growing-percent=50',
  '--no-memory-reducer',
]

/**
 * One heap for all of glibc's threads: each of its own keeps some megabytes that nobody else may use. And Node's cache from the
 * first module on: enabled by the program itself, it comes too late for that one, whose types are then stripped anew by each start.
 * What the environment says of either stays.
 */
export function daemonEnvironment(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const cache = compileCacheDir(env)
  return { MALLOC_ARENA_MAX: '1', ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }), ...env }
}

/**
 * Begins the process anew, in place, with a daemon's options: V8 and glibc take them at their start only. A process that another
 * one started over a channel is left as it is: the channel would be lost, and whoever opened it can give the options.
 */
export function beginAsDaemon(): void {
  const { execPath, execArgv, argv } = process
  const missing = DAEMON_RUNTIME.filter(option => !execArgv.includes(option))
  const isShown = process.env[PASSPHRASE_VARIABLE] !== undefined
  if ((missing.length === 0 && !isShown) || process.channel !== undefined || process.execve === undefined)
    return
  const env = isShown ? withoutPassphrase(process.env) : process.env
  process.execve(execPath, [execPath, ...missing, ...execArgv, ...argv.slice(1)], daemonEnvironment(env))
}

/** As `io/passphrase.ts` reads them; what is begun anew has yet to load that. */
const PASSPHRASE_VARIABLE = 'OSTRAKA_PASSPHRASE'
const DESCRIPTOR_VARIABLE = 'OSTRAKA_PASSPHRASE_FD'

/** Memory, by POSIX's shm_open: the passphrase reaches no disk but swap. */
const SHARED_MEMORY = '/dev/shm'

const STANDARD_INPUT = 0

/**
 * The environment without the passphrase, which /proc/PID/environ would show for as long as the process lives, and the
 * passphrase on standard input, the one descriptor beside output that execve keeps: an unlinked file in memory, for its owner
 * alone. Where the system has none the environment stays as it is.
 */
function withoutPassphrase(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { [PASSPHRASE_VARIABLE]: passphrase, ...rest } = env
  try {
    const path = join(SHARED_MEMORY, `ostraka-${randomBytes(16).toString('hex')}`)
    const file = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
    writeSync(file, passphrase!)
    closeSync(STANDARD_INPUT)
    // the lowest free descriptor is the one that was just closed
    if (openSync(`/proc/self/fd/${file}`, 'r') !== STANDARD_INPUT) return env
    closeSync(file)
    return { ...rest, [DESCRIPTOR_VARIABLE]: String(STANDARD_INPUT) }
  } catch {
    return env
  }
}

/**
 * Where compiled modules are kept from one start to the next: a directory of the user's own. What lies there is run as it is, so
 * the platform's default, a known name in a directory that everybody may write to, will not do. Undefined where there is none.
 */
export function compileCacheDir(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { XDG_CACHE_HOME: cacheHome } = env
  if (cacheHome !== undefined && isAbsolute(cacheHome)) return join(cacheHome, 'ostraka')
  try {
    return join(homedir(), '.cache', 'ostraka')
  } catch {
    // a user id that the system has no entry for
    return undefined
  }
}
