import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CompactRange, leafHash } from '../audit/index.ts'
import { compareText, OstrakaError } from '../base/index.ts'
import type { Attestor } from '../trust/index.ts'
import { canonicalBytes } from '../wire/index.ts'

/** Where a program lies. */
export interface Installation {
  /** Holds package.json, package-lock.json and the code's folder. */
  readonly root: string
  /** The folder that runs: `src`, or `dist` once it is built. */
  readonly code: string
  /** The runtime's executable file. */
  readonly runtime: string
}

export interface MeasuredFile {
  /** From the root, with forward slashes; the runtime is called `runtime`. */
  readonly path: string
  /** SHA-256 of its content. */
  readonly hash: Uint8Array
}

export interface MeasuredProgram {
  /** The root of the RFC 6962 tree over the files, ascending by path; a leaf is canonical CBOR of path and hash. */
  readonly measurement: Uint8Array
  readonly files: readonly MeasuredFile[]
}

/** Hashed in a fraction of a millisecond. */
const BUFFER_BYTES = 256 * 1024

/** The program that this process runs. */
export function thisInstallation(): Installation {
  const code = dirname(dirname(fileURLToPath(import.meta.url)))
  return { root: dirname(code), code: basename(code), runtime: process.execPath }
}

/**
 * Hashes what is installed: the program that starts it, package.json, the lockfile (where there is one: it pins the
 * dependencies' hashes), every file of the code's folder, and the runtime. Two hosts of one release, platform and runtime measure the same.
 * Errors: `unsupported` for a link or other special file among the code.
 */
export async function measureProgram({ root, code, runtime }: Installation): Promise<MeasuredProgram> {
  const descriptions = ['bin/ostraka.cjs', 'package.json', 'package-lock.json'].filter(name =>
    existsSync(join(root, name)),
  )
  const paths = [...descriptions, ...(await filesUnder(root, code))].sort(compareText)
  const files: MeasuredFile[] = []
  const buffer = new Uint8Array(BUFFER_BYTES)
  for (const path of paths) files.push({ path, hash: await hashFile(join(root, path), buffer) })
  files.push({ path: 'runtime', hash: await hashFile(runtime, buffer) })
  const tree = new CompactRange()
  for (const file of files) tree.append(leafHash(canonicalBytes(file)))
  return { measurement: tree.root(), files }
}

async function filesUnder(root: string, folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) found.push(...(await filesUnder(root, path)))
    else if (entry.isFile()) found.push(path)
    else throw new OstrakaError('unsupported', `${path} is no ordinary file: it cannot be measured`)
  }
  return found
}

/** The runtime has a hundred megabytes: it passes through one small buffer, and the event loop turns in between. */
async function hashFile(path: string, buffer: Uint8Array): Promise<Uint8Array> {
  const hash = createHash('sha256')
  const file = await open(path)
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) return new Uint8Array(hash.digest())
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/** The attestor of a host without a TPM: it tells what the program on its disk was when it was first asked. */
export class MeasuredAttestor implements Attestor {
  readonly method = 'measured'
  readonly #installation: Installation
  #measured: Promise<MeasuredProgram> | undefined

  constructor(installation: Installation = thisInstallation()) {
    this.#installation = installation
  }

  /** Reads the program once: what changes on the disk later is not what runs. */
  async measure(): Promise<Uint8Array> {
    this.#measured ??= measureProgram(this.#installation)
    return (await this.#measured).measurement
  }

  async attest(): Promise<{ readonly type: 'measured'; readonly program: Uint8Array }> {
    return { type: 'measured', program: await this.measure() }
  }
}
