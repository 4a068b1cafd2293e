import { existsSync, lstatSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OstrakaError, type Rng, toHex } from '../../base/index.ts'
import { makeDirectory, readJson } from '../../files/index.ts'

/** Says of a directory that a testnet of this program lies there. Nothing is ever deleted in a directory without it. */
const MARKER = '.ostraka-testnet'
const FORMAT = 'ostraka-testnet/1'

interface Marker {
  readonly format: string
  /** Random: no other file is taken for this one. `testnet.json` repeats it. */
  readonly id: string
  /** The names that this program has made here, and may remove. */
  readonly made: readonly string[]
}

const ID = /^[0-9a-f]{32}$/

/** A plain name in the directory: never a path that leads out of it. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9.-]{0,63}$/

function isMarker(value: unknown): value is Marker {
  const { format, id, made } = (value ?? {}) as Partial<Marker>
  const isComplete = format === FORMAT && typeof id === 'string' && ID.test(id) && Array.isArray(made)
  return isComplete && made.every(name => typeof name === 'string' && NAME.test(name))
}

/** Undefined where there is none, or one that this program did not write. */
function readMarker(dir: string): Marker | undefined {
  const path = join(dir, MARKER)
  if (!(lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false)) return undefined
  try {
    const marker: unknown = readJson(path)
    return isMarker(marker) ? marker : undefined
  } catch {
    return undefined
  }
}

/** Errors: `conflict` for a directory that this program did not make a testnet in. */
export function requireTestnet(dir: string): string {
  const marker = readMarker(dir)
  if (marker !== undefined) return marker.id
  const text = `${dir} is not marked as a testnet (${MARKER}): nothing in it is touched; choose another --dir`
  throw new OstrakaError('conflict', text, { dir })
}

/**
 * Makes the directory, or takes one that is empty, and marks it. In one that is marked, an older testnet is removed: the
 * names that it made, and nothing beside them. Returns the testnet's id. Errors: `conflict`.
 */
export function claimDirectory(dir: string, rng: Rng): string {
  makeDirectory(dir)
  if (readdirSync(dir).length > 0) {
    requireTestnet(dir)
    removeMade(dir)
  }
  const id = toHex(rng.bytes(16))
  writeMarker(dir, { format: FORMAT, id, made: [] })
  return id
}

function removeMade(dir: string): void {
  const { made } = readMarker(dir)!
  for (const name of made) rmSync(join(dir, name), { recursive: true, force: true })
}

/** Notes names before they are made. Errors: `conflict` when something of that name is there that was not made here. */
export function noteMade(dir: string, ...names: readonly string[]): void {
  requireTestnet(dir)
  const marker = readMarker(dir)!
  for (const name of names) {
    if (marker.made.includes(name) || !existsSync(join(dir, name))) continue
    throw new OstrakaError('conflict', `${join(dir, name)} is there, and is no part of this testnet`, {
      dir,
      name,
    })
  }
  writeMarker(dir, { ...marker, made: [...new Set([...marker.made, ...names])] })
}

/** Removes what an earlier attempt has made under this name, if it was made here. Errors: `conflict`. */
export function removeIfMade(dir: string, name: string): void {
  requireTestnet(dir)
  if (readMarker(dir)!.made.includes(name)) rmSync(join(dir, name), { recursive: true, force: true })
}

function writeMarker(dir: string, marker: Marker): void {
  writeFileSync(join(dir, MARKER), `${JSON.stringify(marker, null, 2)}\n`, { mode: 0o600 })
}
