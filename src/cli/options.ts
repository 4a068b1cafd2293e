import { isIP } from 'node:net'
import { isAbsolute } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { isOstrakaError, parseComingMs, parseDurationMs } from '../base/index.ts'
import { KEY_KINDS, type KeyKind, RIGHTS, type Right } from '../wire/index.ts'

/** Parsers of option values. What they refuse is wrong usage: exit code 2. */
export function integerFrom(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`an integer from ${min} to ${max} is needed`)
  }
}

export function numberFrom(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() !== '' && value >= min && value <= max) return value
    throw new InvalidArgumentError(`a number from ${min} to ${max} is needed`)
  }
}

/** A version of a key. */
export const keyVersion: (text: string) => number = integerFrom(1, 2 ** 31)

/** The kinds that a network offers; `toy` is for simulations. */
export const OFFERED_KINDS: readonly KeyKind[] = KEY_KINDS.filter(kind => kind !== 'toy')

export function rightList(text: string): readonly Right[] {
  const names = text.split(',').map(name => name.trim())
  for (const name of names) {
    if (!(RIGHTS as readonly string[]).includes(name)) {
      throw new InvalidArgumentError(`${name} is none of ${RIGHTS.join(', ')}`)
    }
  }
  return [...new Set(names)] as Right[]
}

/** `90s`, `15m`, `1h`, `7d` in milliseconds. */
export function durationMs(text: string): number {
  return asUsage(() => parseDurationMs(text))
}

/** A duration, or `none`. */
export function delayMs(text: string): number {
  return text === 'none' ? 0 : durationMs(text)
}

/** A moment to come: a full ISO 8601 time with its zone, or a duration from now on. In milliseconds since the Unix epoch. */
export function momentMs(text: string): number {
  return asUsage(() => parseComingMs(text, Date.now()))
}

function asUsage<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw isOstrakaError(error, 'malformed') ? new InvalidArgumentError(error.message) : error
  }
}

/** An absolute http or https URL. */
export function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new InvalidArgumentError('an http or https URL is needed')
}

export function hexBytes(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new InvalidArgumentError('hexadecimal digits in pairs are needed')
  }
  return new Uint8Array(Buffer.from(text, 'hex'))
}

/** For options that may be given several times or with several values. */
export function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text]
}

/** Platform configuration registers, such as `0,2,4,7`. */
export function pcrList(text: string): readonly number[] {
  const pcrs = text.split(',').map(Number)
  const isList = /^\d+(,\d+)*$/.test(text) && pcrs.every(pcr => pcr <= 23)
  if (!isList) throw new InvalidArgumentError('numbers from 0 to 23 with commas between them are needed')
  return [...new Set(pcrs)].sort((a, b) => a - b)
}

/** `HOST:PORT`, or `unix:/path`. */
export function apiAddress(
  text: string,
): { readonly host: string; readonly port: number } | { readonly path: string } {
  if (!text.startsWith('unix:')) return hostAndPort(text)
  const path = text.slice('unix:'.length)
  if (!isAbsolute(path)) throw new InvalidArgumentError('unix: wants an absolute path')
  return { path }
}

/** A name or address without a port. */
export function hostName(text: string, previous: readonly string[] = []): readonly string[] {
  if (!/^[a-zA-Z0-9._-]{1,253}$/.test(text) && isIP(text) === 0)
    throw new InvalidArgumentError('a host name is needed, without a port')
  return [...previous, text]
}

/** `HOST:PORT`, with an IPv6 host in brackets. */
function hostAndPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) throw new InvalidArgumentError('HOST:PORT is needed')
  return { host: match[1] ?? match[2]!, port }
}
