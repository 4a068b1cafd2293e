import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fromUtf8, ofSystem, parseJson } from '../base/index.ts'
import { readRepeatedly } from './reading.ts'

/** A text of this program's, without the byte order mark that editors leave before it. Errors: `malformed`, `readWhole`'s. */
export function readText(path: string): string {
  // a fatal decoder of UTF-8 drops the mark
  return fromUtf8(readRepeatedly(path))
}

/** A JSON document of this program's. Errors: those of `readText`. */
export function readJson(path: string): unknown {
  return parseJson(readText(path), path)
}

/**
 * Makes a directory and those above it, each for its owner alone. Not by Node's own `recursive`, which never ends where the
 * system says that there is no such place to make one in, as in /proc. Errors: those of `ofSystem`.
 */
export function makeDirectory(path: string): void {
  const missing: string[] = []
  try {
    for (let at = resolve(path); statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) {
      missing.push(at)
    }
    for (const directory of missing.reverse()) mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    throw ofSystem(error, path) ?? error
  }
}
