import { Writable } from 'node:stream'
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import { visible, visibleJson } from '../base/index.ts'

export type Logger = Pick<
  PinoLogger,
  'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'child' | 'level'
>

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LoggerOptions {
  readonly level?: LogLevel
  /** One readable line per entry instead of JSON. */
  readonly isPretty?: boolean
  /** The file descriptor that is written to: standard error, unless told. */
  readonly fd?: number
  /** Written to instead. */
  readonly destination?: DestinationStream
}

// A `Secret` prints as redacted by itself; these names are the second lock, for bytes that someone logs by mistake.
const SECRET_NAMES = [
  'seed',
  'identitySeed',
  'storageKey',
  'passphrase',
  'secret',
  'share',
  'nonce',
  'token',
  'authorization',
  'privateKey',
]

// Lines that a full disk refuses wait for room, up to so many characters; later ones are lost.
const MAX_WAITING = 256 * 1024

/** A structured logger: JSON lines with ISO times on standard error (standard output belongs to commands). Never throws. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const destination = escaping(options.destination ?? lossy(options.fd ?? 2))
  return pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      redact: {
        paths: SECRET_NAMES.flatMap(name => [name, `*.${name}`, `*.*.${name}`]),
        censor: '<redacted>',
      },
    },
    options.isPretty ? prettyLines(destination) : destination,
  )
}

/** Names, reasons and errors of others stand in the lines, and terminals show them. Pino escapes what JSON must. */
function escaping(destination: DestinationStream): DestinationStream {
  return { write: line => destination.write(visibleJson(line)) }
}

/** A daemon outlives its log: the disk that the lines go to may be the very one whose fullness they tell of. */
function lossy(fd: number): DestinationStream {
  return pino.destination({ fd, sync: true, maxLength: MAX_WAITING }).on('error', () => {})
}

/** Swallows everything; for tests and for embedding. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}

function prettyLines(destination: DestinationStream): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done): void {
      destination.write(prettyLine(chunk.toString('utf8')))
      done()
    },
  })
}

/** Of one entry, whatever its texts hold. */
function prettyLine(json: string): string {
  const { time, level, msg, ...rest } = JSON.parse(json) as Record<string, unknown>
  const fields = Object.entries(rest).map(([name, value]) => {
    return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`
  })
  const clock = String(time).slice(11, 23)
  return `${visible([clock, String(level).toUpperCase().padEnd(5), msg, ...fields].filter(Boolean).join(' '))}\n`
}
